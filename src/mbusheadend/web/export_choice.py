"""What is to be exported, as a form or a program says it; page and API do the same with it."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from mbusheadend.export import Consumed, Form, Registers, Source, Values, choose_meters, export
from mbusheadend.judging.consumption import Period
from mbusheadend.store import Meter, Store


class What(StrEnum):
    """What the rows are."""

    VALUES = "values"
    """One row per value."""
    READINGS = "readings"
    """One row per reading, one column per register."""
    CONSUMPTION = "consumption"
    """One row per period."""


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """What is wanted.

    :ivar meters: identities, numbers or names; with `groups` and `masters` as for `mbusheadend.export.choose_meters`.
    :ivar registers: names, or quantities.
    :ivar period: for consumption, with the zone in which days begin.
    :ivar is_marked: CSV begins with a byte order mark, for spreadsheets.
    """

    what: What
    form: Form
    since: datetime
    until: datetime
    meters: Sequence[str] = ()
    groups: Sequence[str] = ()
    masters: Sequence[str] = ()
    registers: Sequence[str] = ()
    period: Period = Period.DAY
    zone: str = "UTC"
    is_marked: bool = False

    def file_name(self, label: str) -> str:
        """Name the file."""
        return f"{label}-{self.what.value}-{self.since:%Y%m%d}-{self.until:%Y%m%d}{self.form.suffix}"


async def begin_export(store: Store, choice: ExportChoice) -> AsyncGenerator[bytes, None]:
    """Give a file in pieces; raise `HeadEndError` where it cannot be made."""
    meters = await choose_meters(store, meters=choice.meters, groups=choice.groups, masters=choice.masters)
    return await export(await _source(store, choice, meters), choice.form, is_marked=choice.is_marked)


async def _source(store: Store, choice: ExportChoice, meters: Sequence[Meter]) -> Source[Any]:
    match choice.what:
        case What.VALUES:
            return Values(store, meters, choice.since, choice.until, choice.registers)
        case What.READINGS:
            return await Registers.open(store, meters, choice.since, choice.until, choice.registers)
        case What.CONSUMPTION:
            return Consumed(
                store, meters, choice.since, choice.until, choice.period, choice.zone, choice.registers
            )
