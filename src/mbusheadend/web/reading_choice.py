"""What addresses of the pages about readings say: time, registers, meters; each is checked, and bounded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import urlencode
from zoneinfo import available_timezones

from fastapi import HTTPException

from mbusheadend.decoding.registers import Register
from mbusheadend.export import register_name
from mbusheadend.store import Meter, Store, UnknownError
from mbusheadend.views.spans import DEFAULT, LENGTHS, Span, span_of, usual_name
from mbusweb.locale import gettext as _

MAX_SERIES: Final = 12
MOST_METERS: Final = 1_000_000_000
_SEPARATOR: Final = "|"
_ZONES: Final = Path("/usr/share/zoneinfo")


@dataclass(frozen=True, slots=True)
class ChosenSpan:
    """A time that an address asks for.

    :ivar query: what the address said, so that links keep it.
    :ivar problem: why it cannot be taken, translated; then it is the usual one.
    """

    span: Span
    query: Mapping[str, str]
    problem: str = ""


def chosen_span(
    name: str, since: str, until: str, now: datetime, zone: str, otherwise: str = DEFAULT
) -> ChosenSpan:
    """Read the time that an address asks for."""
    try:
        span = span_of(name or ("" if since or until else otherwise), since, until, now, zone)
    except ValueError:
        return ChosenSpan(
            span_of(otherwise, "", "", now),
            {},
            _("Give a first and a last day, the first one before the last."),
        )
    if name:
        return ChosenSpan(span, {"time": name})
    return ChosenSpan(span, {key: value for key, value in (("since", since), ("until", until)) if value})


async def usual_time(store: Store, meters: Iterable[int], now: datetime) -> str:
    """Name the time to be shown where an address asks for none: of meters that are new, what there is of them."""
    began = datetime.fromtimestamp(0, UTC)
    firsts = [
        page.readings[0].taken
        for meter in meters
        if (page := await store.readings(meter, began, now, limit=1, with_raw=False)).readings
    ]
    return usual_name(min(firsts, default=None), now)


def span_links(
    path: str, query: Mapping[str, str] | Sequence[tuple[str, str]], chosen: Span
) -> list[tuple[str, str, bool]]:
    """Give a link for each named time: address, text, and whether it is the one that is shown."""
    texts = {
        "hour": _("1 hour"),
        "day": _("24 hours"),
        "week": _("7 days"),
        "month": _("31 days"),
        "quarter": _("3 months"),
        "year": _("1 year"),
        "years": _("5 years"),
    }
    pairs = list(query.items()) if isinstance(query, Mapping) else list(query)
    kept = [(name, value) for name, value in pairs if name not in ("time", "since", "until", "before")]
    return [(address(path, [*kept, ("time", name)]), texts[name], chosen.name == name) for name in LENGTHS]


def address(path: str, query: Mapping[str, str] | Sequence[tuple[str, str]]) -> str:
    """Make an address; what is empty is left out."""
    pairs = query.items() if isinstance(query, Mapping) else query
    kept = [(name, value) for name, value in pairs if value]
    return f"{path}?{urlencode(kept)}" if kept else path


async def meter_or_404(store: Store, number: int) -> Meter:
    """Give a meter; 404 where there is none."""
    if not 0 < number < MOST_METERS:
        raise HTTPException(404)
    try:
        return await store.meter(number)
    except UnknownError:
        raise HTTPException(404) from None


def series_key(meter: int, register: Register) -> str:
    """Write which register of which meter: ``12|energy [Wh]``."""
    return f"{meter}{_SEPARATOR}{register_name(register)}"


@dataclass(frozen=True, slots=True)
class ChosenSeries:
    """A register of a meter that is to be shown."""

    key: str
    meter: Meter
    register: Register


async def chosen_series(store: Store, keys: Sequence[str]) -> tuple[ChosenSeries, ...]:
    """Find what keys name, each once; what is not there is left out, and what is beyond `MAX_SERIES`."""
    found: list[ChosenSeries] = []
    known: dict[int, tuple[Meter, dict[str, Register]]] = {}
    for key in list(dict.fromkeys(keys))[: MAX_SERIES * 2]:
        number, _separator, name = key.partition(_SEPARATOR)
        if not (number.isascii() and number.isdecimal() and len(number) < 10) or len(found) >= MAX_SERIES:
            continue
        meter = int(number)
        if meter not in known:
            try:
                registers = {register_name(one): one for one in await store.registers(meter)}
                known[meter] = (await store.meter(meter), registers)
            except UnknownError:
                continue
        whose, registers = known[meter]
        if name in registers:
            found.append(ChosenSeries(key, whose, registers[name]))
    return tuple(found)


def chosen_zone(zone: str) -> str:
    """Give the time zone that an address asks for, or that of this machine."""
    return zone if zone in zones() else machine_zone()


@lru_cache(1)
def zones() -> tuple[str, ...]:
    """Give the time zones that people know: places, and UTC."""
    places = (
        name
        for name in available_timezones()
        if "/" in name and not name.startswith(("Etc/", "SystemV/", "US/"))
    )
    return ("UTC", *sorted(places))


@lru_cache(1)
def machine_zone() -> str:
    """Give the time zone of this machine, UTC where it cannot be told."""
    try:
        name = Path("/etc/localtime").resolve(strict=True).relative_to(_ZONES.resolve()).as_posix()
    except (OSError, ValueError):
        return "UTC"
    return name if name in zones() else "UTC"
