"""What a slave's link layer does with a frame it hears (EN 13757-2, IEC 60870-5-2; MBUS.md 2.2 to 2.6, 3.2, 3.3).

A slave remembers, for each address under which it can be asked (its own, FD, FE), the frame count bit it saw last and the answer
it gave. The same bit again means "I did not get that": the remembered answer goes out once more. The other bit means "next": the
following telegram of a reading in progress, or a new reading. SND_NKE to an address forgets its memory, so that the first counted
frame after it is always new.

Selected is a slave from a selection whose mask it fits until one it does not fit, SND_NKE to FD or to FF, or loss of power.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mbus.addressing import BROADCAST, SELECTED, TEST, SecondaryAddress
from mbus.link.fields import FCB, REQ_SKE, REQ_UD1, REQ_UD2, SND_NKE, SND_UD, SND_UD2, counts, function_of
from mbus.link.frames import ACK, LongFrame, ShortFrame
from mbussim.meter import Meter

SELECTION_CI = 0x52
OLD_SELECTION_CI = 0x56
"""Selection with the most significant byte first, long obsolete: no slave of today fits it."""
ACKNOWLEDGE = bytes((ACK,))
LINK_STATUS = 0x0B

_FABRICATION = b"\x0c\x78"


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection telegram, read once for all slaves that hear it.

    :ivar wanted: the eight bytes of the mask as one number.
    :ivar care: the same with every bit set that is no wildcard.
    :ivar fabrication: eight digits with ``F`` as wildcard (enhanced selection), or None.
    """

    wanted: int
    care: int
    fabrication: str | None = None

    @classmethod
    def of(cls, frame: LongFrame | ShortFrame) -> "Selection | None":
        """Read the mask of a selection telegram; None where the frame is not one."""
        if not isinstance(frame, LongFrame) or frame.address != SELECTED or frame.ci != SELECTION_CI:
            return None
        if function_of(frame.control) != SND_UD or len(frame.data) < 8:
            return None
        fabrication = None
        if frame.data[8:10] == _FABRICATION and len(frame.data) == 14:
            fabrication = frame.data[:9:-1].hex().upper()
        elif len(frame.data) > 8:
            return None
        care = 0
        for digit in frame.data[:4].hex():
            care = care << 4 | (0 if digit == "f" else 15)
        for field in frame.data[4:8]:
            care = care << 8 | (0 if field == 0xFF else 255)
        return cls(int.from_bytes(frame.data[:8]), care, fabrication)


@dataclass(slots=True)
class _Memory:
    """What is remembered for one address: the last bit, the last answer, and the telegrams still to come."""

    bit: bool | None = None
    answer: bytes | None = None
    waiting: Sequence[LongFrame] = ()


class Slave:
    """The link layer of one meter.

    :ivar selected: whether it answers at FD.
    :ivar is_stuck: it takes every counted frame for a repeat of the last one (a fault).
    :ivar is_muted: it neither hears nor answers; its load stays.
    """

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.selected = False
        self.is_stuck = False
        self.is_muted = False
        self._memories: dict[int, _Memory] = {}
        self._key_of: SecondaryAddress | None = None
        self._key = 0

    def lose_power(self) -> None:
        """Forget frame count bits and selection."""
        self.selected = False
        self._memories.clear()

    def select(self, selection: Selection) -> bytes | None:
        """Compare with a selection: acknowledge and be selected, or be silent and selected no longer."""
        secondary = self.meter.secondary
        if secondary is None:
            return None
        if secondary is not self._key_of:
            # A field that the meter does not have (fixed structure) reads FF here and so fits the wildcard only.
            self._key_of, self._key = secondary, int.from_bytes(secondary.to_bytes())
        if (self._key ^ selection.wanted) & selection.care or (
            selection.fabrication is not None and not self._has_number(selection.fabrication)
        ):
            self.selected = False
            return None
        self.selected = True
        self._memories.pop(SELECTED, None)
        return ACKNOWLEDGE

    def hear(self, frame: ShortFrame | LongFrame, now: float) -> bytes | None:
        """Take any frame but a selection; return the bytes of the answer, or None for silence."""
        address = frame.address
        if address != self.meter.primary and not (
            address in (TEST, BROADCAST) or (address == SELECTED and self.selected)
        ):
            return None
        if isinstance(frame, LongFrame) and frame.ci in (SELECTION_CI, OLD_SELECTION_CI):
            # A selection that `Selection.of` could not read fits nobody.
            self.selected = False
            return None
        answer = self._answer(frame, now)
        return None if address == BROADCAST else answer

    def _answer(self, frame: ShortFrame | LongFrame, now: float) -> bytes | None:
        if function_of(frame.control) == SND_NKE:
            return self._initialise(frame.address)
        if not counts(frame.control) or frame.address == BROADCAST:
            return self._perform(frame, _Memory(), now)
        memory = self._memories.setdefault(frame.address, _Memory())
        bit = bool(frame.control & FCB)
        if memory.answer is not None and (bit == memory.bit or self.is_stuck):
            return memory.answer
        memory.bit = bit
        memory.answer = self._perform(frame, memory, now)
        return memory.answer

    def _initialise(self, address: int) -> bytes:
        if address == BROADCAST:
            self.lose_power()
        elif address == SELECTED:
            self.selected = False
        self._memories.pop(address, None)
        return ACKNOWLEDGE

    def _perform(self, frame: ShortFrame | LongFrame, memory: _Memory, now: float) -> bytes | None:
        function = function_of(frame.control)
        if function == REQ_UD2:
            return self._next_telegram(memory, now)
        if function == REQ_UD1:
            alarm = self.meter.alarm(now)
            return ACKNOWLEDGE if alarm is None else self._own(alarm)
        if function == REQ_SKE:
            return ShortFrame(LINK_STATUS, self.meter.primary).to_bytes()
        if not isinstance(frame, LongFrame) or function not in (SND_UD, SND_UD2):
            return None
        # What was frozen for a reading in progress is void once the meter was told something.
        memory.waiting = ()
        if not self.meter.obey(frame, now):
            return None
        return ACKNOWLEDGE if function == SND_UD else self._next_telegram(memory, now)

    def _next_telegram(self, memory: _Memory, now: float) -> bytes:
        telegrams = memory.waiting or self.meter.reading(now)
        memory.waiting = telegrams[1:]
        return self._own(telegrams[0])

    def _own(self, telegram: LongFrame) -> bytes:
        if telegram.address != self.meter.primary:
            telegram = replace(telegram, address=self.meter.primary)
        return telegram.to_bytes()

    def _has_number(self, wanted: str) -> bool:
        number = self.meter.fabrication
        return number is not None and all(
            digit in ("F", own) for digit, own in zip(wanted, number, strict=True)
        )
