"""Judges readings in the order in which they came, each once, without loading what came before.

What is remembered of a meter lies in the store and changes together with the place up to which was judged and with the alarms
that came of it: a crash repeats nothing and leaves nothing out.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from mbusheadend.judging.judge import Judged, judge
from mbusheadend.judging.meter_state import MeterState
from mbusheadend.store import Store
from mbusheadend.store.watching import Arrived

CHUNK: Final = 2000
"""Readings at once."""
KEPT: Final = 20_000
"""Meters in memory."""

_log = logging.getLogger(__name__)


class JudgeReadings:
    """Judges what arrived."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._known: OrderedDict[int, MeterState] = OrderedDict()

    async def step(self) -> int:
        """Judge the next readings; say how many there were. Raise `StoreError`."""
        arrived = await self._store.arrived(CHUNK)
        if arrived.end == arrived.begin:
            return 0
        try:
            await self._load(arrived)
            judged = Judged()
            states = await asyncio.to_thread(self._judge, arrived, judged)
            stored = await self._store.put_judged(
                arrived.begin, arrived.end, states, judged.raised, judged.cleared, self._now()
            )
        except BaseException:
            # What was judged is not stored: memory is ahead of the store.
            self._known.clear()
            raise
        if not stored:
            _log.info("somebody else judges readings of this store too")
            self._known.clear()
        return len(arrived.readings)

    async def _load(self, arrived: Arrived) -> None:
        unknown = {one.meter for one in arrived.readings} - self._known.keys()
        if unknown:
            texts = await self._store.judged_states(unknown)
            for meter in unknown:
                text = texts.get(meter)
                self._known[meter] = MeterState() if text is None else MeterState.from_text(text)

    def _judge(self, arrived: Arrived, judged: Judged) -> Mapping[int, str]:
        touched: dict[int, MeterState] = {}
        for reading in arrived.readings:
            state = self._known[reading.meter]
            identity = arrived.identities.get(reading.meter, "")
            try:
                judge(reading, identity, state, judged)
            except (ArithmeticError, ValueError) as error:
                # What a meter sends must not stop the judging of all the others.
                _log.warning("reading %s of meter %s cannot be judged: %r", reading.id, identity, error)
            touched[reading.meter] = state
            self._known.move_to_end(reading.meter)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return {meter: state.to_text() for meter, state in touched.items()}
