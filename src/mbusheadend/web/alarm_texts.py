"""Alarms as pages show them: in words, with what to do, and with the ways to what they are about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mbusheadend.alarms.advice import ADVICE
from mbusheadend.alarms.alarm import Alarm
from mbusheadend.alarms.kinds import TITLES, AlarmKind, Severity
from mbusheadend.store import Store, UnknownError
from mbusheadend.web.value_texts import meter_text
from mbusweb.locale import gettext as _
from mbusweb.locale import said
from mbusweb.texts import mark

_SEVERITIES: Final[Mapping[Severity, str]] = {
    Severity.ERROR: mark("Error"),
    Severity.WARNING: mark("Warning"),
    Severity.NOTICE: mark("Notice"),
}
LOOKS: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTICE: "notice",
}
"""Of the style sheet, in addresses and for programs."""


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm with what it is about.

    :ivar master: name of the master, empty where it is about none; `meter` as well.
    :ivar master_link: empty where the master is not here any more; `meter_link` as well.
    """

    alarm: Alarm
    title: str
    severity: str
    look: str
    text: str
    advice: str
    master: str
    master_link: str
    meter: str
    meter_link: str


async def alarm_rows(store: Store, alarms: Sequence[Alarm]) -> list[AlarmRow]:
    """Give alarms as pages show them. Raise `StoreError`."""
    masters = await _masters(store, {one.key.master for one in alarms if one.key.master})
    meters = await _meters(store, {one.key.meter for one in alarms if one.key.meter is not None})
    return [_row(one, masters, meters) for one in alarms]


def severity_text(severity: Severity) -> str:
    """Name how bad something is."""
    return _(_SEVERITIES[severity])


def severity_of(look: str) -> Severity:
    """Read how bad something is at least; what is no such word is the least."""
    return next((one for one, name in LOOKS.items() if name == look), Severity.NOTICE)


def kind_text(kind: AlarmKind) -> str:
    """Name a kind."""
    return _(TITLES[kind])


def kind_choices() -> list[tuple[str, str]]:
    """Give all kinds, by their names."""
    return sorted(((str(kind), kind_text(kind)) for kind in AlarmKind), key=lambda one: one[1].casefold())


def severity_choices() -> list[tuple[str, str]]:
    """Give how bad alarms may be at least, all first."""
    return [
        ("", _("All")),
        (LOOKS[Severity.WARNING], _("Warnings and errors")),
        (LOOKS[Severity.ERROR], _("Errors")),
    ]


def _row(alarm: Alarm, masters: Mapping[str, str], meters: Mapping[int, str]) -> AlarmRow:
    key = alarm.key
    return AlarmRow(
        alarm,
        kind_text(key.kind),
        severity_text(alarm.severity),
        LOOKS[alarm.severity],
        said(alarm.text),
        _(ADVICE[key.kind]),
        masters.get(key.master) or key.master,
        f"/masters/{key.master}" if key.master in masters else "",
        "" if key.meter is None else meters.get(key.meter, ""),
        f"/readings/{key.meter}" if key.meter in meters else "",
    )


async def _masters(store: Store, serials: Iterable[str]) -> dict[str, str]:
    found = {}
    for serial in serials:
        try:
            found[serial] = (await store.master(serial)).name
        except UnknownError:
            continue
    return found


async def _meters(store: Store, numbers: Iterable[int]) -> dict[int, str]:
    found = {}
    for number in numbers:
        try:
            found[number] = meter_text(await store.meter(number))
        except UnknownError:
            continue
    return found
