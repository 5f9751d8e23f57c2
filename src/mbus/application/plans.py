"""The plans of this process: which layouts are worth one, where a telegram finds its own, and how many are kept.

A plan is made when a third telegram looks like two before: same length, CI field, maker, version, medium. All is bounded:
hostile variety pushes out what was not used lately, and costs hardly more than decoding each telegram the plain way.
"""

import threading
from typing import Final

from mbus.application.ci import CI_FIELDS, HeaderKind
from mbus.application.header import SHORT_SIZE
from mbus.application.plan import Layout, Plan
from mbus.link.fields import PRM
from mbus.link.frames import LongFrame

KEPT: Final = 12_288
"""Bound of all plans together, counted in records: about a thousand layouts and 10 MB."""
MAX_ALIKE: Final = 4
"""Plans of telegrams that look alike; more of them take each other's place."""
_TRIES: Final = 3
"""Telegrams that look alike before the first plan is made."""
_LATER_TRIES: Final = 16
"""Telegrams that did not fit before another plan is made for what looks alike."""

_Look = tuple[int, int, int, bytes]


class _Alike:
    """Plans of telegrams that look alike."""

    __slots__ = ("misses", "plans", "was_used")

    def __init__(self) -> None:
        self.plans: tuple[Plan, ...] = ()
        self.misses = 1
        self.was_used = False

    @property
    def weight(self) -> int:
        """What counts against `KEPT`."""
        return 1 + sum(len(plan.layout.columns) for plan in self.plans)

    def misses_enough(self) -> bool:
        """Count a telegram that no plan fits; tell whether it shall have one."""
        self.misses += 1
        if self.misses < (_LATER_TRIES if self.plans else _TRIES):
            return False
        self.misses = 0
        return True

    def add(self, layout: Layout) -> None:
        """Make a plan, in the place of the oldest one where there are too many."""
        self.plans = (Plan(layout), *self.plans[: MAX_ALIKE - 1])


class Plans:
    """Plans by what telegrams look like. For any number of threads: those who only find take no lock."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._found: dict[_Look, _Alike] = {}
        self._weight = 0
        self._changing = threading.Lock()

    def plan_for(self, frame: LongFrame) -> Plan | None:
        """Find the plan that fits the data of a frame."""
        ci, data = frame.ci, frame.data
        # This is `_look`, without the call: it is done for every telegram.
        alike = self._found.get((ci, frame.control & PRM, len(data), data[_SAMPLE_OF[ci]]))
        if alike is None:
            return None
        number = int.from_bytes(data, "little")
        for plan in alike.plans:
            if number & plan.mask == plan.expected:
                alike.was_used = True
                return plan
        return None

    def is_due(self, frame: LongFrame) -> bool:
        """Take note of a telegram that no plan fits; tell whether its layout is worth one."""
        look = _look(frame)
        alike = self._found.get(look)
        if alike is not None:
            return alike.misses_enough()
        with self._changing:
            if look not in self._found:
                self._found[look] = _Alike()
                self._weight += 1
                self._forget()
        return False

    def add(self, frame: LongFrame, layout: Layout) -> None:
        """Make a plan for the layout of a frame, if there is none by now."""
        with self._changing:
            alike = self._found.get(_look(frame))
            if alike is not None and self.plan_for(frame) is None:
                self._weight -= alike.weight
                alike.add(layout)
                self._weight += alike.weight
                self._forget()

    def clear(self) -> None:
        """Forget all plans, as in a process that has just begun."""
        with self._changing:
            self._found.clear()
            self._weight = 0

    def __len__(self) -> int:
        """What counts against the bound."""
        return self._weight

    def _forget(self) -> None:
        """Let go of the oldest until the bound holds; what was used since it was looked at last stays for another round."""
        while self._weight > self._kept:
            look = next(iter(self._found))
            alike = self._found.pop(look)
            if alike.was_used:
                alike.was_used = False
                self._found[look] = alike
            else:
                self._weight -= alike.weight


_SAMPLES: Final = {
    HeaderKind.NONE: slice(0, 2),
    HeaderKind.SHORT: slice(SHORT_SIZE, SHORT_SIZE + 2),
    HeaderKind.LONG: slice(4, 8),
}
"""What of the data tells most layouts apart: the first block, or manufacturer, version and medium."""
_SAMPLE_OF: Final = tuple(_SAMPLES[CI_FIELDS[ci].header] for ci in range(256))


def _look(frame: LongFrame) -> _Look:
    ci, data = frame.ci, frame.data
    return ci, frame.control & PRM, len(data), data[_SAMPLE_OF[ci]]


PLANS: Final = Plans()
"""Those of this process."""
