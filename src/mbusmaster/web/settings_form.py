"""Forms made from the settings' schema: the fields in the visitor's language, and what is done with what they send."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from mbusmaster.settings import Problem, Settings, SettingsError
from mbusmaster.settings.forms import FormField, fields
from mbusmaster.web.actions.settings import change_settings
from mbusmaster.web.services import Services
from mbusmaster.web.setting_texts import setting_title
from mbusweb.locale import gettext as _
from mbusweb.render import flash
from mbusweb.visitor import visitor


@dataclass(frozen=True, slots=True)
class ShownField:
    """One field of a form, for the macro `f.field`.

    :ivar name: of the input, which is the dotted path of the setting.
    :ivar kind: as `FormField.kind`.
    :ivar value: as text; what was typed where it was refused. Of a switch "true" or "false".
    :ivar choices: values with the text of each.
    :ivar problem: why it was refused; empty where it was not.
    """

    name: str
    kind: str
    label: str
    help: str
    value: str
    choices: tuple[tuple[str, str], ...]
    problem: str
    must_be: str
    field: FormField

    @property
    def is_on(self) -> bool:
        """Whether a switch is on."""
        return self.value == "true"


def shown_fields(
    settings: Settings,
    *paths: str,
    given: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[ShownField, ...]:
    """Give the fields of settings or of whole sections, with the values that `settings` has.

    :param given: what was typed before, which counts more than the settings.
    :param problems: by path, as `save_settings` gives them.
    :param labels: by path: texts, translated, for choices that are no numbers.
    """
    values = settings.model_dump(mode="json")
    return tuple(
        ShownField(
            name=field.path,
            kind=field.kind,
            label=_(field.title),
            help=_(field.description) if field.description else "",
            value=(given or {}).get(field.path, _as_text(_value(values, field.path))),
            choices=tuple(
                (str(one), (labels or {}).get(field.path, {}).get(str(one), str(one)))
                for one in field.choices
            ),
            problem=(problems or {}).get(field.path, ""),
            must_be=_(field.must_be) if field.must_be else "",
            field=field,
        )
        for field in fields(*paths)
    )


async def save_settings(
    request: Request, services: Services, values: Mapping[str, str], *paths: str
) -> dict[str, str]:
    """Store what a form sent for settings or whole sections; what else it sent is left alone.

    On success flash what happened, write it into the audit log, and give nothing; else give the problems by path.
    """
    allowed = {field.path for field in fields(*paths)}
    wanted = {path: value for path, value in values.items() if path in allowed}
    try:
        changes = await change_settings(services, visitor(request), wanted)
    except SettingsError as error:
        return problem_texts(error)
    if not changes:
        flash(request, "success", _("Nothing was changed."))
        return {}
    waits = any(change.needs_restart for change in changes)
    flash(request, "success", _("Saved. A restart is needed.") if waits else _("Saved."))
    return {}


def problem_texts(error: SettingsError) -> dict[str, str]:
    """Give what is wrong, by path of the setting, in the visitor's language."""
    texts: dict[str, str] = {}
    for problem in error.problems:
        text = problem_text(problem)
        texts[problem.path] = f"{texts[problem.path]} {text}" if problem.path in texts else text
    if not texts:
        texts[""] = _("The settings cannot be written. See the log.")
    return texts


def problem_text(problem: Problem, *, with_title: bool = False) -> str:
    """Give one problem in the visitor's language."""
    text = _(str(problem.key)).format(**problem.values)
    return f"{setting_title(problem.path)}: {text}" if with_title else text


def _value(values: Any, path: str) -> Any:
    for part in path.split("."):
        values = values[int(part)] if isinstance(values, list | tuple) else values.get(part)
        if values is None:
            return None
    return values


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
