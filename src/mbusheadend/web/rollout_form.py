"""The form of a rollout, and the plan that it means."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from mbusheadend.alarms.kinds import Severity
from mbusheadend.rollout.plan import LAST_MINUTE, Gate, Plan
from mbusweb.locale import gettext as _

ROWS: Final = 5
"""Rings that the form has room for."""
EMPTY: Final[Mapping[str, str]] = {
    "release": "",
    "at_once": "",
    "title": "",
    "groups": "",
    "zone": "UTC",
    "begin": "00:00",
    "end": "24:00",
    "weekdays": "",
    "most_at_once": "50",
    "reported_percent": "95",
    "report_hours": "72",
    "silent_minutes": "60",
    "completeness_points": "5",
    "alarm_severity": "3",
    "most_alarms": "0",
    "most_restarts": "2",
    "kind-1": "groups",
    "value-1": "",
    "soak-1": "24",
    "kind-2": "percent",
    "value-2": "1",
    "soak-2": "24",
    "kind-3": "percent",
    "value-3": "10",
    "soak-3": "24",
    "kind-4": "percent",
    "value-4": "100",
    "soak-4": "0",
}


def plan_of(form: Mapping[str, str]) -> Plan:
    """Give the plan that a form means; raise `ValueError` that says what is wrong."""
    numbers = ("reported_percent", "report_hours", "silent_minutes", "most_alarms", "most_restarts")
    gate: dict[str, Any] = {name: form[name] for name in numbers if form.get(name)}
    gate["completeness_points"] = form.get("completeness_points") or None
    severity = form.get("alarm_severity", "")
    gate["alarm_severity"] = Severity(int(severity)) if severity.isdecimal() else None
    try:
        return Plan.model_validate(
            {
                "title": form.get("title", ""),
                "release": form.get("release", ""),
                "groups": _names(form.get("groups", "")),
                "rings": [ring for row in range(1, ROWS + 1) if (ring := _ring(form, row)) is not None],
                "gate": Gate.model_validate(gate),
                "hours": _hours(form),
                "most_at_once": form.get("most_at_once") or 50,
                "at_once": form.get("at_once") == "true",
            }
        )
    except ValidationError as error:
        raise ValueError(_problem(error.errors()[0]["loc"])) from None


def _problem(place: tuple[int | str, ...]) -> str:
    """Say what is wrong with the field of a place in a plan or its parts."""
    match place:
        case ("rings", int(index), "soak_hours", *_rest):
            ring = _("Ring %(number)s") % {"number": index + 1}
            return _unusable(f"{ring}, {_('Watched for [hours]')}")
        case ("rings", int(index), *_rest):
            return _("Ring %(ring)s: give names of groups, how many masters, or a percentage up to 100.") % {
                "ring": index + 1
            }
        case ("rings", *_rest):
            return _("Give at least one ring.")
    return _unusable(next((label for name, label in _labels().items() if name in place), _("Rollout")))


def _unusable(field: str) -> str:
    return _("%(field)s: this value cannot be used.") % {"field": field}


def _labels() -> dict[str, str]:
    """Give what the fields are called in the form."""
    return {
        "release": _("Release"),
        "title": _("Title"),
        "groups": _("Only masters of these groups"),
        "reported_percent": _("Masters that run it, and are well [%%]") % {},
        "report_hours": _("Within [hours]"),
        "silent_minutes": _("Longest silence [minutes]"),
        "completeness_points": _("Share of readings falls by at most [points]"),
        "most_alarms": _("Masters that may have such"),
        "most_restarts": _("Restarts of a master"),
        "begin": _("From"),
        "end": _("Until"),
        "zone": _("Time zone"),
        "weekdays": _("Only on these weekdays"),
        "most_at_once": _("Masters at once"),
    }


def _ring(form: Mapping[str, str], row: int) -> dict[str, Any] | None:
    kind, value = form.get(f"kind-{row}", ""), form.get(f"value-{row}", "").strip()
    if not value:
        return None
    ring: dict[str, Any] = {"soak_hours": form.get(f"soak-{row}") or 0}
    if kind == "groups":
        return {**ring, "groups": _names(value)}
    return {**ring, "count" if kind == "count" else "percent": value}


def _hours(form: Mapping[str, str]) -> dict[str, Any]:
    days = [int(day) for day in form.get("weekdays", "").replace(" ", "").split(",") if day.isdecimal()]
    return {
        "zone": form.get("zone") or "UTC",
        "weekdays": days,
        "begin": _minute(form.get("begin", "")),
        "end": _minute(form.get("end", "")) or LAST_MINUTE,
    }


def _minute(text: str) -> int:
    hours, _colon, minutes = text.strip().partition(":")
    if not text.strip():
        return 0
    if not (hours.isdecimal() and minutes.isdecimal() and int(minutes) < 60 and int(hours) <= 24):
        raise ValueError(_("A time of day is written as 22:00."))
    return int(hours) * 60 + int(minutes)


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]
