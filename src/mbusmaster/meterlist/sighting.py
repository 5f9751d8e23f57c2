"""What a search or a check has seen of one meter, in the words of the list."""

from dataclasses import dataclass, replace
from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.application.fixed import fixed_medium
from mbus.application.header import identity_of, is_fixed_structure
from mbus.application.records import Record
from mbus.application.telegram import decode_telegram
from mbus.link.decoder import StreamDecoder
from mbus.link.frames import LongFrame
from mbus.link.transaction import Fault
from mbus.procedures.found import FoundMeter, Unclear
from mbus.procedures.reading import named_by
from mbus.procedures.search_secondary.separate import EQUAL_ADDRESSES
from mbusmaster.meterlist.meter import Status, medium_of

LONGEST_FABRICATION: Final = 32
_BCD: Final = range(0x09, 0x0F)
"""Data field codes of BCD numbers; all 9 to E but D, which is a text."""
_TEXT: Final = 0x0D


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen of one meter, or of somebody at an address.

    :ivar secondary: who it says it is; None where nobody said it.
    :ivar primary: its primary address, as far as it is known.
    """

    status: Status
    secondary: SecondaryAddress | None = None
    primary: int | None = None
    medium: str | None = None
    fabrication: str | None = None
    remark: str = ""

    @property
    def is_reading(self) -> bool:
        """Whether the meter has sent data."""
        return self.status in (Status.ANSWERS, Status.OTHER_BAUD)


def sighting_of(found: FoundMeter) -> Sighting:
    """Take what a search has found."""
    if found.reply is None:
        status = Status.COLLISION if found.remark == EQUAL_ADDRESSES else Status.ACKNOWLEDGES
        medium = medium_of(found.secondary)
        return Sighting(status, found.secondary, found.primary, medium, remark=found.remark)
    seen = sighting_of_reply(found.reply)
    secondary = found.secondary or seen.secondary
    return replace(seen, secondary=secondary, medium=medium_of(secondary) or seen.medium, remark=found.remark)


def sighting_of_reply(frame: LongFrame, remark: str = "") -> Sighting:
    """Take who a response is from; its values are left aside."""
    secondary = named_by(frame)
    if identity_of(frame) is not None and is_fixed_structure(frame):
        medium: str | None = fixed_medium(frame)[1]
    else:
        medium = medium_of(secondary)
    return Sighting(Status.ANSWERS, secondary, frame.address, medium, fabrication_of(frame), remark)


def sighting_of_unclear(unclear: Unclear) -> Sighting:
    """Take what a search could not read at a primary address."""
    status, remark = verdict_of(unclear.fault, unclear.data)
    return Sighting(status, primary=unclear.primary, remark=remark)


def verdict_of(fault: Fault, data: bytes) -> tuple[Status, str]:
    """Say in the words of the list what bytes that are no answer mean."""
    match fault:
        case Fault.COLLISION:
            return Status.COLLISION, "several answers at once: several meters seem to share the address"
        case Fault.FOREIGN:
            return Status.WRONG_ADDRESS, _foreigner(data)
        case Fault.DAMAGED:
            return Status.GARBLED, "the answer is damaged: several meters may share the address"
    return Status.GARBLED, f"the answer cannot be read ({fault})"


def fabrication_of(frame: LongFrame) -> str | None:
    """Give the fabrication number where the response has it as a record."""
    for record in decode_telegram(frame).records:
        is_own = record.function == "instantaneous" and not (
            record.storage or record.tariff or record.subunit
        )
        if record.quantity == "fabrication_number" and is_own and not record.secret:
            return _digits(record)
    return None


def _digits(record: Record) -> str | None:
    if record.value is None:
        return None
    text = str(record.value)
    code = record.dib[0] & 0x0F if record.dib else 0
    if code in _BCD and code != _TEXT and text.isdecimal():
        # Leading zeros belong to the number that is printed on the meter.
        text = text.zfill(2 * len(record.raw))
    # A meter's text is a stranger's.
    shown = "".join(character if character.isprintable() else "·" for character in text).strip()
    return shown[:LONGEST_FABRICATION] or None


def _foreigner(data: bytes) -> str:
    for event in StreamDecoder().feed(data):
        if isinstance(event, LongFrame):
            who = named_by(event)
            name = "" if who is None else f" meter {who}"
            return f"the answer came from address {event.address}{name}"
    return "the answer is none to the request"
