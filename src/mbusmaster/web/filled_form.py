"""What a page of settings shows: the fields by path, and what is wrong with settings that are on another page."""

from collections.abc import Mapping
from dataclasses import dataclass

from mbusmaster.settings import Settings
from mbusmaster.web.setting_texts import setting_title
from mbusmaster.web.settings_form import ShownField, shown_fields


@dataclass(frozen=True, slots=True)
class FilledForm:
    """For a template.

    :ivar fields: by path of the setting.
    :ivar elsewhere: problems that belong to no field of the form, in the visitor's language.
    """

    fields: Mapping[str, ShownField]
    elsewhere: tuple[str, ...]


def filled_form(
    settings: Settings,
    *paths: str,
    given: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
) -> FilledForm:
    """Fill a form as `shown_fields` does."""
    shown = shown_fields(settings, *paths, given=given, problems=problems, labels=labels)
    fields = {field.name: field for field in shown}
    elsewhere = tuple(
        f"{setting_title(path)}: {text}" if path else text
        for path, text in (problems or {}).items()
        if path not in fields
    )
    return FilledForm(fields, elsewhere)
