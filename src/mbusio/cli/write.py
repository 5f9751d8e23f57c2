"""``mbus set-address``, ``set-baud``, ``set-clock`` and ``reset``: each proven by a fresh reading."""

import argparse
import asyncio
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from mbus.link.decoder import Event
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.station import Stations
from mbus.procedures.address import set_address, set_address_frames
from mbus.procedures.baud import set_baud_frames, switch_baud
from mbus.procedures.clock import set_clock, set_clock_frames
from mbus.procedures.reset import reset_application, reset_frames
from mbus.procedures.steps import Procedure
from mbusio.cli.failure import CommandError
from mbusio.cli.session import open_line
from mbusio.describe import describe
from mbusio.driver import run as run_procedure
from mbusio.line import Line
from mbusio.shared import bus_of

Frames = Iterable[ShortFrame | LongFrame]


def run(options: argparse.Namespace) -> int:
    """Show the frames, or ask, write and prove."""
    service = _SERVICES[options.command](options)
    if options.dry_run:
        for frame in service.frames():
            event: Event = frame
            print(f"{frame.to_bytes().hex(' ').upper()}  {describe(event)}")
        return 0
    if sys.stdin.isatty() and not options.yes and not _agrees(service.question()):
        raise CommandError("nothing was written")
    print(asyncio.run(_write(options, service)))
    return 0


async def _write(options: argparse.Namespace, service: "Service") -> str:
    async with open_line(options.url, baud=options.baud, trace=options.trace) as line:
        service.check(line)
        return service.done(await run_procedure(service.procedure(line), bus_of(line)))


def _agrees(question: str) -> bool:
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class Service:
    """One write service with its question, its frames and its proof."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.address = options.address

    def question(self) -> str:
        """Ask a person for consent."""
        raise NotImplementedError

    def frames(self) -> Frames:
        """Give the frames that write."""
        raise NotImplementedError

    def check(self, line: Line) -> None:
        """Raise `CommandError` when this cannot work on this line."""

    def procedure(self, line: Line) -> Procedure[Any]:
        """Write, and prove it by a fresh reading."""
        raise NotImplementedError

    def done(self, result: Any) -> str:
        """Tell a person what was proven."""
        raise NotImplementedError


class SetAddress(Service):
    """Another primary address."""

    def question(self) -> str:
        """Name old and new address."""
        return f"Give meter {self.address} the primary address {self.options.new}?"

    def frames(self) -> Frames:
        """Give the frames that write."""
        return set_address_frames(self.address, self.options.new)

    def procedure(self, line: Line) -> Procedure[Any]:
        """Write, and read at the new address."""
        return set_address(self.address, self.options.new, Stations())

    def done(self, result: Any) -> str:
        """Say who answers there now."""
        return f"meter {result.secondary or self.address} answers at primary address {self.options.new}"


class SetBaud(Service):
    """Another baud rate."""

    def question(self) -> str:
        """Name the rate."""
        return f"Make meter {self.address} use {self.options.new} baud?"

    def frames(self) -> Frames:
        """Give the frames that write."""
        return set_baud_frames(self.address, self.options.new)

    def check(self, line: Line) -> None:
        """A gateway at the other end of a byte pipe keeps its rate, and the meter would be out of reach."""
        if not line.transport.switches_baud and self.options.new != line.baud:
            raise CommandError(
                f"{line.transport.name} cannot change the rate on the bus, so the meter would be lost; "
                "set it from a serial port or through rfc2217://"
            )

    def procedure(self, line: Line) -> Procedure[Any]:
        """Write, and read at the new rate."""
        return switch_baud(self.address, self.options.new, Stations(), current=line.baud)

    def done(self, result: Any) -> str:
        """Say where it answers now."""
        return f"meter {result.secondary or self.address} answers at {self.options.new} baud"


class SetClock(Service):
    """The meter's time."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._time = options.time

    def _when(self) -> datetime:
        when: datetime = self._time or datetime.now()
        return when

    def question(self) -> str:
        """Name the time."""
        return f"Set the clock of meter {self.address} to {self._when():%Y-%m-%d %H:%M}?"

    def frames(self) -> Frames:
        """Give the frames that write."""
        return set_clock_frames(self.address, self._when())

    def procedure(self, line: Line) -> Procedure[Any]:
        """Write, and read the meter's time."""
        return set_clock(self.address, self._when(), Stations())

    def done(self, result: Any) -> str:
        """Say what its clock shows."""
        if result.after is None:
            return f"meter {self.address} acknowledged; its reading has no time, so nothing is proven"
        before = "" if result.before is None else f", before {result.before:%Y-%m-%d %H:%M}"
        return f"meter {self.address} says {result.after:%Y-%m-%d %H:%M}{before}"


class Reset(Service):
    """Application reset, or select with a subcode."""

    def question(self) -> str:
        """Name the subcode."""
        code = "" if self.options.subcode is None else f" with subcode {self.options.subcode:02X}"
        return f"Reset the application of meter {self.address}{code}?"

    def frames(self) -> Frames:
        """Give the frames that write."""
        return reset_frames(self.address, self.options.subcode)

    def procedure(self, line: Line) -> Procedure[Any]:
        """Write, and read what the meter sends now."""
        return reset_application(self.address, Stations(), subcode=self.options.subcode)

    def done(self, result: Any) -> str:
        """Say that it still answers."""
        count = len(result.frames)
        return (
            f"meter {self.address} acknowledged, and answers with {count} telegram{'' if count == 1 else 's'}"
        )


_SERVICES = {"set-address": SetAddress, "set-baud": SetBaud, "set-clock": SetClock, "reset": Reset}
