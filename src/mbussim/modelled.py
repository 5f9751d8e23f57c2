"""A meter of a model: its readings, and what it does when told (MBUS.md 4.3, 4.6, 7.1)."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from mbus.addressing import SecondaryAddress, is_primary
from mbus.application import moments
from mbus.application.encode import (
    FixedStructure,
    alarm,
    application_error,
    payload,
    response,
)
from mbus.application.encode_record import RecordSpec
from mbus.application.header import Header
from mbus.application.security import encrypt_mode_5
from mbus.errors import AddressError
from mbus.link.frames import LongFrame
from mbussim.model import Model
from mbussim.registers import Identity, Instant, Register

APPLICATION_CI: Final = 0x50
COMMAND_CI: Final = 0x51
BAUD_CI: Final = range(0xB8, 0xC0)
SYNCHRONISE_CI: Final = 0x5C
CLOCK_YEARS: Final = range(1990, 2070)
"""Years that a meter takes over: those that a date with a two-digit year can name."""
UNIMPLEMENTED_CI: Final = 1
"""Code of the application error."""

_ANY_VIF = b"\x7e"
_SELECT_FOR_READOUT = 0x08


class ModelledMeter:
    """One meter of a model.

    :param began: what its clock showed at second 0 of the bus.
    :param seed: makes it differ from its sisters.
    """

    def __init__(self, model: Model, primary: int, identification: str, began: datetime, seed: int) -> None:
        chance = random.Random(f"{model.slug}/{identification}/{seed}")  # noqa: S311
        self.primary = primary
        # The fixed structure has no room for manufacturer, version and medium: such a meter is selected without them.
        self.secondary = (
            SecondaryAddress(identification, model.manufacturer, model.version, model.medium)
            if model.fixed is None
            else SecondaryAddress(identification)
        )
        self.model = model.name
        spread = 1 + 0.3 * chance.random()
        self.traits = replace(model.traits, delay=model.traits.delay * spread)
        number = f"{chance.randrange(10**8):08d}" if model.has_fabrication else identification
        conditions = [one for one in model.conditions if chance.random() < one.chance]
        self.fabrication = number if model.has_fabrication else None
        self.status = 0
        info = 0
        for condition in conditions:
            self.status |= condition.status
            info |= condition.info
        self._identity = Identity(number, info)
        self._model = model
        self._registers = model.registers(chance)
        self._counters = model.counters(chance)
        self._began = began
        self._clock_error = timedelta()
        self._access_number = chance.randrange(256)
        self._application = 0
        self._wanted: list[bytes] = []
        self._error: int | None = None

    @property
    def telegrams(self) -> int:
        """Tell how many telegrams a reading has."""
        return max(1, len(self._chosen()))

    def reading(self, now: float) -> Sequence[LongFrame]:
        """Freeze the values of this moment."""
        instant = self._instant(now)
        if self._error is not None:
            code, self._error = self._error, None
            return (application_error(self.primary, code),)
        if self._model.fixed is not None:
            return (self._fixed(instant),)
        groups = [self._records(registers, instant) for registers in self._chosen()]
        last = len(groups) - 1
        return [self._telegram(group, is_last=index == last) for index, group in enumerate(groups)]

    def alarm(self, now: float) -> LongFrame | None:
        """Give one byte of conditions when something is wrong."""
        return alarm(self.primary, bytes((self.status,))) if self.status & 0x0F else None

    def obey(self, command: LongFrame, now: float) -> bool:
        """Carry out what the model knows, acknowledge and ignore the rest."""
        if command.ci == APPLICATION_CI:
            self._choose(command.data)
        elif command.ci == COMMAND_CI:
            self._write(command.data, now)
        elif command.ci not in BAUD_CI and command.ci != SYNCHRONISE_CI and self._model.reports_errors:
            self._error = UNIMPLEMENTED_CI
        return True

    def _instant(self, now: float) -> Instant:
        elapsed = timedelta(seconds=now)
        return Instant(now / 3600, self._began + elapsed + self._clock_error)

    def _chosen(self) -> list[list[Register]]:
        return [registers for application, registers in self._registers if application == self._application]

    def _records(self, registers: list[Register], instant: Instant) -> list[RecordSpec]:
        return [
            register.record(instant, self._identity)
            for register in registers
            if not self._wanted or register.spec.vib in self._wanted
        ]

    def _header(self) -> Header:
        self._access_number = (self._access_number + 1) & 0xFF
        return Header(self.secondary, self._access_number, self.status, 0)

    def _telegram(self, records: list[RecordSpec], *, is_last: bool) -> LongFrame:
        header = self._header()
        tail = self._model.manufacturer_data if is_last else None
        data = payload(records, manufacturer_data=tail, more_follows=not is_last)
        if self._model.key is not None:
            word, data = encrypt_mode_5(header, data, self._model.key)
            header = replace(header, configuration=word)
        return response(self.primary, header, data)

    def _fixed(self, instant: Instant) -> LongFrame:
        layout = self._model.fixed
        assert layout is not None
        first, second = (source(instant, self._identity) for source in self._counters)
        assert isinstance(first, int)
        assert isinstance(second, int)
        return FixedStructure(
            self.secondary.identification,
            layout.medium,
            layout.units,
            (first, second),
            access_number=self._header().access_number,
            status=self.status,
            binary=layout.binary,
        ).to_frame(self.primary)

    def _choose(self, data: bytes) -> None:
        """Application reset, or selection of a set by the high nibble of the sub-code."""
        self._wanted.clear()
        if "application" not in self._model.obeys:
            return
        wanted = data[0] >> 4 if data else 0
        self._application = wanted if any(wanted == one for one, _ in self._registers) else 0

    def _write(self, data: bytes, now: float) -> None:
        """Carry out the records of a command, as far as the model knows that service."""
        head, content, obeys = data[:2], data[2:], self._model.obeys
        if head == b"\x01\x7a" and len(content) == 1 and "address" in obeys:
            self.primary = content[0] if is_primary(content[0]) else self.primary
        elif head == b"\x0c\x79" and len(content) == 4 and "id" in obeys:
            self._rename(content + self.secondary.to_bytes()[4:])
        elif head == b"\x07\x79" and len(content) == 8 and "id" in obeys:
            self._rename(content)
        elif head in (b"\x04\x6d", b"\x02\x6c") and "clock" in obeys:
            self._set_clock(content, now)
        elif data[:1] == b"\x7f":
            self._wanted.clear()
        elif data and data[0] & 0x0F == _SELECT_FOR_READOUT and "readout" in obeys:
            self._select_for_readout(data)

    def _rename(self, data: bytes) -> None:
        try:
            secondary = SecondaryAddress.from_bytes(data)
        except AddressError:
            return
        if secondary.is_unique or (self._model.fixed is not None and "F" not in secondary.identification):
            self.secondary = secondary

    def _set_clock(self, content: bytes, now: float) -> None:
        """Take over date and time (type F) or the date alone (type G); what names no instant is ignored."""
        shown = self._instant(now).clock
        if len(content) == 4:
            given = moments.date_time(content)[0]
        elif len(content) == 2:
            given = moments.date(content)[0]
        else:
            return
        try:
            wanted = datetime.fromisoformat(str(given))
        except ValueError:
            return
        if len(content) == 2:
            wanted = datetime.combine(wanted.date(), shown.time())
        if wanted.year not in CLOCK_YEARS:
            return
        self._clock_error += wanted - shown

    def _select_for_readout(self, data: bytes) -> None:
        """Remember the VIBs that a list of selections (DIF 08) names; VIF 7E, any, means all."""
        wanted: list[bytes] = []
        while data and data[0] & 0x0F == _SELECT_FOR_READOUT:
            dib, data = _chain(data)
            vib, data = _chain(data)
            if vib and dib:
                wanted.append(vib)
        self._wanted = [] if _ANY_VIF in wanted else wanted


def _chain(data: bytes) -> tuple[bytes, bytes]:
    """Split off a byte and its extensions."""
    end = 0
    while end < len(data) and data[end] & 0x80:
        end += 1
    return data[: end + 1], data[end + 1 :]
