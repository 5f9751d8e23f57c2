"""Whole conversations, bytes out and bytes in, through procedures and transactions in virtual time.

A transcript is a text file beside this one::

    # what it shows
    call read 5             a procedure and its arguments; several calls share one master's memory
    > 10 40 05 45 16        these bytes must go out
    < E5                    these come in, 20 ms after what was before; without such a line there is silence
    < +0.3 E5               … 0.3 s after what was before
    <! 00                   … and the UART sees a parity error or a break among them
    ^ E5                    these come in while the request above is still going out
    pause 0.1               the bus must be left alone for so long
    baud 9600               the rate must change
    = reading …             what the call returns or raises
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from mbus.addressing import parse_address
from mbus.errors import MBusError
from mbus.link import timing
from mbus.link.station import Stations
from mbus.link.transaction import Outcome, Timing, Transaction
from mbus.procedures.address import set_address
from mbus.procedures.baud import switch_baud
from mbus.procedures.clock import ClockSet, set_clock
from mbus.procedures.found import Unclear
from mbus.procedures.read import read
from mbus.procedures.reading import Reading, whole
from mbus.procedures.reset import reset_application
from mbus.procedures.search_primary import search_primary
from mbus.procedures.steps import BaudChange, Note, Pause, Procedure, Request

FILES = sorted(Path(__file__).parent.glob("*.txt"))
DELAY = 0.020

CALLS: dict[str, Callable[[Stations, list[str]], Procedure[object]]] = {
    "read": lambda stations, words: read(parse_address(words[0]), stations),
    "scan": lambda stations, words: search_primary(int(words[0]), int(words[1]), stations=stations),
    "set-address": lambda stations, words: set_address(parse_address(words[0]), int(words[1]), stations),
    "set-clock": lambda stations, words: set_clock(
        parse_address(words[0]), datetime.fromisoformat(words[1]), stations
    ),
    "set-baud": lambda stations, words: switch_baud(
        parse_address(words[0]), int(words[1]), stations, current=2400
    ),
    "reset": lambda stations, words: reset_application(parse_address(words[0]), stations),
}


@dataclass
class Player:
    """Reads a transcript line by line while the procedures of its calls run."""

    lines: list[str]
    stations: Stations = field(default_factory=Stations)
    baud: int = 2400
    now: float = 0.0
    unclear: list[str] = field(default_factory=list)

    def play(self) -> None:
        while self.lines:
            word, name, *words = self.lines.pop(0).split()
            assert word == "call"
            self.unclear.clear()
            try:
                said = self.describe(self.run(CALLS[name](self.stations, words)))
            except MBusError as error:
                said = f"{type(error).__name__}: {error}"
            assert self.take("=") == said

    def run(self, procedure: Procedure[object]) -> object:
        outcome: Outcome | None = None
        try:
            while True:
                step = procedure.send(outcome)
                outcome = None
                match step:
                    case Request():
                        outcome = self.transact(step)
                    case Pause(seconds):
                        assert self.take("pause") == str(seconds)
                        self.now += seconds
                    case BaudChange(baud):
                        assert self.take("baud") == str(baud)
                        self.baud = baud
                    case Unclear(primary, fault):
                        self.unclear.append(f"unclear at {primary}: {fault}")
                    case Note():
                        pass
        except StopIteration as end:
            return end.value

    def transact(self, request: Request) -> Outcome:
        sent = request.frame.to_bytes()
        assert self.take(">") == sent.hex(" ").upper()
        transaction = Transaction(request.frame, request.expects, Timing(self.baud), self.now)
        while self.lines and self.lines[0].startswith("^"):
            transaction.received(bytes.fromhex(self.take("^")), self.now + 0.001)
        self.now += timing.characters(len(sent), self.baud)
        transaction.transmitted(self.now)
        for delay, data, bad in self.pieces():
            self.wait(transaction, self.now + delay)
            transaction.received(data, self.now, bad=bad)
        self.wait(transaction, float("inf"))
        assert transaction.outcome is not None
        return transaction.outcome

    def wait(self, transaction: Transaction, until: float) -> None:
        while transaction.outcome is None and transaction.deadline <= until:
            self.now = transaction.deadline
            transaction.expire(self.now)
        if until < float("inf"):
            self.now = until

    def pieces(self) -> Iterator[tuple[float, bytes, bool]]:
        while self.lines and self.lines[0].startswith("<"):
            match = re.fullmatch(r"<(!?) (?:\+([\d.]+) )?([0-9A-F ]+)", self.lines.pop(0))
            assert match is not None
            yield float(match[2] or DELAY), bytes.fromhex(match[3]), bool(match[1])

    def take(self, mark: str) -> str:
        assert self.lines, f"the transcript is at its end, yet {mark} comes"
        line = self.lines.pop(0)
        assert line.startswith(mark + " "), f"{mark} comes instead of {line}"
        return line.removeprefix(mark + " ")

    def describe(self, result: object) -> str:
        match result:
            case Reading():
                values = [str(record.value) for part in whole(result) for record in part.records]
                remark = f" ({result.remark})" if result.remark else ""
                return f"reading of {result.secondary} at {result.primary}: {' '.join(values)}{remark}"
            case ClockSet():
                return f"clock from {result.before} to {result.after}"
            case list():
                meters = [f"{meter.secondary} at {meter.primary}" for meter in result]
                return "; ".join(meters + self.unclear) or "nobody"
        return str(result)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_conversation_goes_byte_for_byte_as_written(file: Path) -> None:
    lines = [line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    Player([line for line in lines if line]).play()


def test_there_are_transcripts() -> None:
    assert FILES
