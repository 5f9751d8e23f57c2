"""The front panel as a service: looks at the facts while anybody looks at the lamps, and tells who waits for a change."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final

from mbusmaster.system.led_files import LedFiles
from mbusmaster.system.leds import PanelFacts, PanelState, panel_state

LOOK_SECONDS: Final = 1.0
"""Between two looks at the facts."""


class Panel:
    """The lamps of this master.

    :param facts: gives what the lamps depend on; called once a second at the most.
    :param leds: the real ones.
    :param ethernet: gives the name of the network device that counts as Ethernet.
    """

    def __init__(
        self,
        facts: Callable[[], PanelFacts],
        leds: LedFiles | None = None,
        *,
        ethernet: Callable[[], str] = lambda: "",
    ) -> None:
        self._facts = facts
        self._leds = leds
        self._ethernet = ethernet
        self._state: PanelState | None = None
        self._looked_at = float("-inf")
        self._watchers: set[asyncio.Event] = set()
        self._wanted = asyncio.Event()
        if leds:
            self._wanted.set()

    @property
    def state(self) -> PanelState:
        """The lamps now."""
        now = asyncio.get_running_loop().time()
        if self._state is None or now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._take(panel_state(self._facts()))
        assert self._state is not None
        return self._state

    async def run(self) -> None:
        """Work until cancelled, then put the real lamps out; costs nothing while nobody looks and no lamp is real."""
        try:
            while True:
                await self._wanted.wait()
                await asyncio.sleep(self._until_next_look())
                state = self.state
                if self._leds:
                    self._leds.show(state, self._ethernet())
        finally:
            if self._leds:
                self._leds.put_out()

    async def watch(self) -> AsyncGenerator[PanelState, None]:
        """Give the lamps now and after each change while `run` works; who is slow misses what was in between."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        self._wanted.set()
        given = None
        try:
            while True:
                changed.clear()
                if self.state != given:
                    given = self.state
                    yield given
                await changed.wait()
        finally:
            self._watchers.discard(changed)
            if not self._watchers and not self._leds:
                self._wanted.clear()

    def _until_next_look(self) -> float:
        return max(0.0, self._looked_at + LOOK_SECONDS - asyncio.get_running_loop().time())

    def _take(self, state: PanelState) -> None:
        if state == self._state:
            return
        self._state = state
        for changed in self._watchers:
            changed.set()
