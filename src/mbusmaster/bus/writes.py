"""Write services of clients: what a frame would change in a meter, in words, and who asked for it.

Nothing on a wired bus authenticates a write, so whoever lets one pass wants to know of each. Passwords and keys are never spelled
out, and of data whose meaning is unknown only the kind and the length are.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeGuard

from mbus.addressing import BROADCAST, SELECTED, TEST
from mbus.application.ci import CI_FIELDS
from mbus.application.commands import CI_COMMAND, GLOBAL_READOUT, is_selection
from mbus.application.records import Record
from mbus.application.telegram import decode_telegram
from mbus.link.fields import SND_UD, SND_UD2, function_of
from mbus.link.frames import LongFrame
from mbus.link.timing import BAUD_RATES
from mbus.link.transaction import Ack, Garbled, Outcome, Reply, Silence
from mbusmaster.bus.answers import mask_of
from mbusmaster.bus.requests import BAUD_CI, MasterFrame, Withheld

REFUSALS_A_MINUTE: Final = 10
"""So many refused writes of one source are reported one by one; the rest are counted."""
MAX_SOURCES: Final = 64
MAX_RECORDS: Final = 4
"""More records of one command are counted, not named."""
_APPLICATION_RESET: Final = (0x50, 0x53)
_SHOWN: Final = {
    "bus_address": "primary address",
    "identification": "identification",
    "date_time": "clock",
    "date": "date",
}
"""Quantities whose value may be written down."""


@dataclass(frozen=True, slots=True)
class WriteSeen:
    """A client asked for a write service.

    :ivar client: its name.
    :ivar source: where it comes from, as its channel says.
    :ivar meter: whom it is for, in words.
    :ivar what: what it changes; no secrets.
    :ivar frame: as the client sent it; kept out of the `repr`, for it may hold a password.
    :ivar passed: the settings let it pass.
    :ivar outcome: what became of it; None when the client left before that was known.
    :ivar left_out: refused writes of the same source before this one that were not reported.
    """

    client: str
    source: str
    meter: str
    what: str
    frame: LongFrame = field(repr=False)
    passed: bool
    outcome: Outcome | None
    left_out: int = 0

    @property
    def result(self) -> str:
        """What became of it, in a few words."""
        match self.outcome:
            case None:
                return "the client left before the end"
            case Withheld() as withheld:
                return "refused" if not self.passed else f"not sent: {withheld.verdict.name.lower()}"
            case Ack():
                return "acknowledged"
            case Reply():
                return "answered"
            case Silence():
                return "sent to all" if self.frame.address == BROADCAST else "no answer"
            case Garbled(_, why):
                return f"garbled answer: {why}"


def is_write(frame: MasterFrame) -> TypeGuard[LongFrame]:
    """Tell whether a frame sends user data to a meter for anything but a selection."""
    return (
        isinstance(frame, LongFrame)
        and function_of(frame.control) in (SND_UD, SND_UD2)
        and not is_selection(frame)
    )


def what_is_written(frame: LongFrame) -> str:
    """Tell what a write service changes, without secrets: ``set primary address to 5``."""
    if frame.ci in BAUD_CI:
        return f"set baud rate to {BAUD_RATES[frame.ci - BAUD_CI.start]}"
    if frame.ci in _APPLICATION_RESET:
        return "application reset" + (f", subcode {frame.data[-1]:02X}" if frame.data else "")
    if frame.ci == CI_COMMAND[0] and frame.data == GLOBAL_READOUT:
        return "ask for all data"
    telegram = decode_telegram(frame)
    if telegram.records and not telegram.error and not telegram.manufacturer_data:
        said = [_of_record(record) for record in telegram.records[:MAX_RECORDS]]
        more = len(telegram.records) - MAX_RECORDS
        return ", ".join(said) + (f" and {more} more" if more > 0 else "")
    meaning = CI_FIELDS[frame.ci].meaning
    return f"{meaning} (CI {frame.ci:02X}), {_size(frame.data)}" if frame.data else meaning


def meter_named(frame: MasterFrame, selection: LongFrame | None) -> str:
    """Say whom a frame is for: a primary address, or the meter that its client has selected."""
    if is_selection(frame) and isinstance(frame, LongFrame):
        selection = frame
    return meter_at(frame.address, selection)


def meter_at(address: int, selection: LongFrame | None) -> str:
    """Say who is at an address; `selection` is that of the client that asks."""
    if address == SELECTED:
        mask = mask_of(selection)
        return "the selected meter" if mask is None else str(mask)
    if address in (BROADCAST, TEST):
        return "all meters" if address == BROADCAST else "any meter"
    return str(address)


def _of_record(record: Record) -> str:
    if record.secret:
        return f"set {_words(record.quantity)} (not shown)"
    if record.status == "selected for readout":
        return "choose records to read"
    name = _SHOWN.get(record.quantity)
    if name is None or record.value is None:
        return f"set {_words(record.quantity)}, {_size(record.raw)}"
    value = str(record.value)
    if record.quantity == "identification":
        name = "secondary address" if len(record.raw) == 8 else name
        value = value.zfill(8)
    return f"set {name} to {value.replace('T', ' ')}"


def _size(data: bytes) -> str:
    return "1 byte" if len(data) == 1 else f"{len(data)} bytes"


def _words(quantity: str) -> str:
    return quantity.replace("_", " ")


@dataclass(slots=True)
class _Refusals:
    minute: int
    reported: int = 0
    left_out: int = 0


class WriteReports:
    """Hands on what is to be reported: every write that passed, and refused ones of each source as far as that makes sense.

    Refused frames cost a client nothing; reported one by one they would push everything else out of a bounded log.

    :param tell: is given each report.
    """

    def __init__(self, tell: Callable[[WriteSeen], None]) -> None:
        self._tell = tell
        self._refusals: OrderedDict[str, _Refusals] = OrderedDict()

    def report(
        self,
        who: tuple[str, str],
        meter: str,
        frame: LongFrame,
        outcome: Outcome | None,
        *,
        passed: bool,
        now: float,
    ) -> None:
        """A write was asked for.

        :param who: name and source of the client.
        :param now: monotonic seconds.
        """
        client, source = who
        left_out = 0
        if not passed:
            counted = self._counted(source or client, int(now // 60))
            if counted.reported >= REFUSALS_A_MINUTE:
                counted.left_out += 1
                return
            counted.reported += 1
            left_out, counted.left_out = counted.left_out, 0
        self._tell(WriteSeen(client, source, meter, what_is_written(frame), frame, passed, outcome, left_out))

    def _counted(self, source: str, minute: int) -> _Refusals:
        counted = self._refusals.setdefault(source, _Refusals(minute))
        self._refusals.move_to_end(source)
        if len(self._refusals) > MAX_SOURCES:
            self._refusals.popitem(last=False)
        if counted.minute != minute:
            counted.minute, counted.reported = minute, 0
        return counted
