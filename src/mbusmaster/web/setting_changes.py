"""Changes of settings: tried out before they are made, shown to people, and written into the audit log."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from mbusmaster.settings import Change, Settings, SettingsError
from mbusmaster.settings.assign import assign
from mbusmaster.settings.problems import problems_of
from mbusmaster.system.support import without_secrets
from mbusmaster.web.setting_texts import setting_title
from mbusweb.access.audit import LONGEST_DETAIL
from mbusweb.locale import gettext as _

_LONGEST_VALUE: Final = 100
"""Of a value in the audit log."""


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One setting that differs, in the visitor's language."""

    title: str
    old: str
    new: str


def tried(settings: Settings, changes: Mapping[str, object]) -> Settings:
    """Give what the settings would become; raise `SettingsError` as `SettingsService.change` would."""
    tables = settings.model_dump(mode="json")
    problems = assign(tables, changes)
    try:
        changed = Settings.model_validate(tables)
    except ValidationError as error:
        raise SettingsError("nothing was changed", (*problems, *problems_of(error))) from None
    if problems:
        raise SettingsError("nothing was changed", problems)
    return changed


def shown_changes(changes: Iterable[Change]) -> tuple[ShownChange, ...]:
    """Give changes for a table of what was and what will be."""
    return tuple(ShownChange(setting_title(one.path), _shown(one.old), _shown(one.new)) for one in changes)


def audit_details(changes: Iterable[Change]) -> Iterator[str]:
    """Give paths and values in as few texts as the audit log takes; a proxy's password is left out."""
    text = ""
    for one in changes:
        line = f"{one.path}: {_plain(one.old)} → {_plain(one.new)}"
        if text and len(text) + len(line) + 2 > LONGEST_DETAIL:
            yield text
            text = ""
        text = f"{text}; {line}" if text else line
    if text:
        yield text


def _shown(value: Any) -> str:
    if value is None or value == "" or value == ():
        return _("empty")
    if isinstance(value, bool):
        return _("On") if value else _("Off")
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "on" if value else "off"
    text = str(without_secrets(", ".join(map(str, value)) if isinstance(value, tuple) else str(value)))
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
