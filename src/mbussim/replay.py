"""Recorded telegrams as meters: each answers with exactly the telegram that was recorded from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mbus.addressing import LAST_PRIMARY, SecondaryAddress, is_primary
from mbus.application.header import LONG_SIZE, identity_of, is_fixed_structure
from mbus.application.telegram import decode_telegram
from mbus.errors import FrameError
from mbus.link.fields import is_response
from mbus.link.frames import LongFrame, parse_frame
from mbussim.meter import Traits

VARIABLE_CI: Final = frozenset((0x72, 0x76, 0x78, 0x7A))
MAX_FILE: Final = 64 * 1024
"""Bytes of a file beyond which it is no telegram as text."""

_ACCESS_NUMBER: Final = 8
"""Its place in a long header."""


class NotReplayableError(Exception):
    """A file that cannot become a meter, and why."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that did not become a meter."""

    name: str
    reason: str


@dataclass(slots=True)
class RecordedMeter:
    """A meter that answers every reading with what was recorded of it."""

    primary: int
    secondary: SecondaryAddress | None
    recorded: tuple[LongFrame, ...]
    model: str
    traits: Traits = field(default_factory=lambda: Traits(delay=0.02, jitter=0.01))
    fabrication: str | None = None

    @property
    def telegrams(self) -> int:
        """Tell how many telegrams a reading has."""
        return len(self.recorded)

    def reading(self, now: float) -> Sequence[LongFrame]:
        """Give the recorded telegrams."""
        return self.recorded

    def alarm(self, now: float) -> LongFrame | None:
        """Have none."""
        return None

    def obey(self, command: LongFrame, now: float) -> bool:
        """Acknowledge and stay as recorded."""
        return True


def whole_reading(telegram: LongFrame) -> tuple[LongFrame, ...]:
    """Give a recorded telegram, and behind one that announces more (DIF 1F) an end.

    What followed was not recorded, yet a reading must come to its end: the next request gets the same header, counted on, without
    any record.
    """
    if len(telegram.data) < LONG_SIZE or not decode_telegram(telegram).more_follows:
        return (telegram,)
    access_number = (telegram.data[_ACCESS_NUMBER] + 1) & 0xFF
    header = (
        telegram.data[:_ACCESS_NUMBER]
        + bytes((access_number,))
        + telegram.data[_ACCESS_NUMBER + 1 : LONG_SIZE]
    )
    return (telegram, replace(telegram, data=header))


def read_telegram(path: Path) -> LongFrame:
    """Read a file of hex text; raise `NotReplayableError` where it is no response with variable or fixed data."""
    if path.stat().st_size > MAX_FILE:
        raise NotReplayableError(f"longer than {MAX_FILE} bytes")
    try:
        frame = parse_frame(bytes.fromhex(path.read_text("ascii")))
    except (ValueError, OSError):
        raise NotReplayableError("not hex text") from None
    except FrameError as error:
        raise NotReplayableError(str(error)) from None
    if not isinstance(frame, LongFrame) or not is_response(frame.control):
        raise NotReplayableError("not a response of a meter")
    if frame.ci not in VARIABLE_CI and not is_fixed_structure(frame):
        raise NotReplayableError(f"CI {frame.ci:02X} is neither variable nor fixed data")
    return frame


def replay(
    folder: Path, taken: Sequence[int] = (), known: Sequence[SecondaryAddress] = ()
) -> tuple[list[RecordedMeter], list[LeftOut]]:
    """Make a meter of each ``*.hex`` in a folder, in the order of their names.

    :param taken: primary addresses that others have; a recorded meter gets the first free one instead.
    :param known: secondary addresses that others have; of equal ones the first stays, for no selection could part them.
    """
    primaries, secondaries = set(taken), set(known)
    meters: list[RecordedMeter] = []
    left_out: list[LeftOut] = []
    for path in sorted(folder.glob("*.hex")):
        try:
            meter = _meter(path, primaries, secondaries)
        except NotReplayableError as error:
            left_out.append(LeftOut(path.name, str(error)))
            continue
        primaries.add(meter.primary)
        if meter.secondary is not None:
            secondaries.add(meter.secondary)
        meters.append(meter)
    return meters, left_out


def overlaps(one: SecondaryAddress, other: SecondaryAddress) -> bool:
    """Tell whether two addresses are equal as far as both go: the fixed structure has nothing but the identification."""
    return one.matches(other) or other.matches(one)


def _meter(path: Path, primaries: set[int], secondaries: set[SecondaryAddress]) -> RecordedMeter:
    telegram = read_telegram(path)
    secondary = identity_of(telegram)
    if secondary is not None and any(overlaps(secondary, other) for other in secondaries):
        raise NotReplayableError(f"another meter has the secondary address {secondary}")
    primary = telegram.address
    if not is_primary(primary) or primary in primaries:
        free = (address for address in range(1, LAST_PRIMARY + 1) if address not in primaries)
        primary = next(free, -1)
        if primary < 0:
            raise NotReplayableError("no primary address is free")
    return RecordedMeter(primary, secondary, whole_reading(replace(telegram, address=primary)), path.stem)
