"""What was learned about each meter: its rate, how long it takes, whether it counts frames, how many telegrams it has.

The memory makes later readings better (DESIGN: bus engine); it is small, bounded, and may be lost without harm.
"""

import contextlib
import json
from collections import OrderedDict
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from mbus.application.header import identity_of
from mbus.link.fields import REQ_UD2, function_of
from mbus.link.transaction import Reply
from mbusmaster.bus.answers import more_follows
from mbusmaster.bus.arbiter import Carried
from mbusmaster.bus.requests import count_bit
from mbusmaster.settings.store import write_atomically

MAX_METERS: Final = 2000
"""More than eight full buses; the meter that was seen least recently is forgotten first."""


class CountBit(StrEnum):
    """What a meter does with the frame count bit."""

    UNKNOWN = "unknown"
    FOLLOWS = "follows"
    """A toggled bit brought the next telegram."""


@dataclass(frozen=True, slots=True)
class KnownMeter:
    """What is known of one meter.

    :ivar baud: rate at which it answered last.
    :ivar primary: address field of its last response.
    :ivar longest: seconds that its slowest transaction took.
    :ivar telegrams: most telegrams of one reading.
    """

    baud: int
    primary: int
    longest: float = 0.0
    telegrams: int = 1
    count_bit: CountBit = CountBit.UNKNOWN


class KnownMeters:
    """The memory of one bus, by secondary address, or ``primary:N`` for meters that never say theirs."""

    def __init__(self) -> None:
        self._meters: OrderedDict[str, KnownMeter] = OrderedDict()
        self._reading: tuple[str, str, int, bool, bool] = ("", "", 0, False, False)

    def __len__(self) -> int:
        return len(self._meters)

    def get(self, key: str) -> KnownMeter | None:
        """Give what is known of a meter."""
        return self._meters.get(key)

    def carried(self, carried: Carried) -> None:
        """Learn from a transaction."""
        frame, outcome = carried.request.frame, carried.outcome
        if function_of(frame.control) != REQ_UD2 or not isinstance(outcome, Reply):
            return
        key = key_of(outcome)
        client, meter, telegrams, more, bit = self._reading
        goes_on = more and (client, meter) == (carried.client, key) and bit != count_bit(frame)
        telegrams = telegrams + 1 if goes_on else 1
        self._reading = (carried.client, key, telegrams, more_follows(outcome.frame), count_bit(frame))
        known = self._meters.pop(key, None) or KnownMeter(carried.baud, outcome.frame.address)
        self._meters[key] = replace(
            known,
            baud=carried.baud,
            primary=outcome.frame.address,
            longest=max(known.longest, round(carried.seconds, 3)),
            telegrams=max(known.telegrams, telegrams),
            count_bit=CountBit.FOLLOWS if goes_on else known.count_bit,
        )
        if len(self._meters) > MAX_METERS:
            self._meters.popitem(last=False)

    def load(self, path: Path) -> None:
        """Read the memory from a file; one that is missing or damaged leaves it empty."""
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            rows: dict[str, dict[str, Any]] = json.loads(path.read_bytes())
            names = {field.name for field in fields(KnownMeter)}
            for key, row in list(rows.items())[-MAX_METERS:]:
                known = KnownMeter(**{name: value for name, value in row.items() if name in names})
                self._meters[str(key)] = replace(known, count_bit=CountBit(known.count_bit))

    def save(self, path: Path) -> None:
        """Write the memory to a file; raise `OSError`."""
        rows = {key: asdict(known) for key, known in self._meters.items()}
        write_atomically(path, json.dumps(rows, indent=1).encode())


def key_of(reply: Reply) -> str:
    """Name the meter of a response."""
    identity = identity_of(reply.frame)
    return f"primary:{reply.frame.address}" if identity is None else str(identity)
