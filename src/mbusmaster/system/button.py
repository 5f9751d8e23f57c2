"""The button at the front: where its presses come from, and what comes of holding it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from mbusmaster.errors import MasterError
from mbusmaster.system.hold import Hold

AGAIN_SECONDS: Final = 10.0
"""Before a button that is gone is opened again."""
KEEP_SECONDS: Final = 2.0
"""A page that holds the button must say so at least this often."""
LONGEST_KEEP_SECONDS: Final = 15.0
_MOST_WAITING: Final = 16

_log = logging.getLogger(__name__)


class ButtonError(MasterError):
    """The button cannot be read; says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Press:
    """The contact closed, or opened.

    :ivar at: seconds of the monotonic clock, which is the loop's.
    """

    is_pressed: bool
    at: float


class Button(Protocol):
    """Where presses come from."""

    def presses(self) -> AsyncGenerator[Press, None]:
        """Give what happens from now on, without end; raise `ButtonError` where that cannot be read, or no longer."""


class VirtualButton:
    """The button on a page. A page that holds it says so again and again; one that is gone has let it go."""

    def __init__(self) -> None:
        self._is_pressed = False
        self._lets_go: asyncio.TimerHandle | None = None
        self._changes: asyncio.Queue[Press] = asyncio.Queue(_MOST_WAITING)

    def press(self, keep: float = KEEP_SECONDS) -> None:
        """Press it, or go on pressing.

        :param keep: seconds until it is let go unless this is called again; a page without a program of its own asks for more
            (never more than `LONGEST_KEEP_SECONDS`).
        """
        self._change(True)
        seconds = min(keep, LONGEST_KEEP_SECONDS)
        self._lets_go = asyncio.get_running_loop().call_later(seconds, self.release)

    def release(self) -> None:
        """Let it go."""
        self._change(False)

    async def presses(self) -> AsyncGenerator[Press, None]:
        """Give what happens, to one who asks."""
        while True:
            yield await self._changes.get()

    def _change(self, is_pressed: bool) -> None:
        if self._lets_go is not None:
            self._lets_go.cancel()
            self._lets_go = None
        if is_pressed != self._is_pressed and not self._changes.full():
            self._is_pressed = is_pressed
            self._changes.put_nowait(Press(is_pressed, asyncio.get_running_loop().time()))


class ResetButton:
    """All buttons that reset the users, and what is done when one is held.

    :param buttons: none, or the one at the front, or the one on the page, or both.
    :param held: called once for each press, while the button is still held.
    """

    def __init__(self, buttons: Sequence[Button], held: Callable[[], Awaitable[None]]) -> None:
        self._buttons = [(button, Hold()) for button in buttons]
        self._held = held

    @property
    def progress(self) -> float:
        """For how much of the time it has been held: 0 let go, 1 long enough."""
        now = asyncio.get_running_loop().time()
        return max((hold.progress(now) for _, hold in self._buttons), default=0.0)

    async def run(self) -> None:
        """Work until cancelled; a button that cannot be read is told once, and tried again."""
        async with asyncio.TaskGroup() as tasks:
            for button, hold in self._buttons:
                tasks.create_task(self._stay_with(button, hold))

    async def _stay_with(self, button: Button, hold: Hold) -> None:
        told = ""
        while True:
            try:
                await self._follow(button, hold)
            except ButtonError as error:
                if str(error) != told:
                    _log.warning("%s", error)
                told = str(error)
            hold.changed(False, asyncio.get_running_loop().time())
            await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self, button: Button, hold: Hold) -> None:
        loop = asyncio.get_running_loop()
        presses = button.presses()
        # A generator does not survive that waiting for it is cancelled, so the wait for the next press goes on beside the timer.
        coming = asyncio.ensure_future(anext(presses))
        try:
            while True:
                due = hold.due_at
                await asyncio.wait({coming}, timeout=None if due is None else max(0.0, due - loop.time()))
                if coming.done():
                    press = coming.result()
                    hold.changed(press.is_pressed, press.at)
                    coming = asyncio.ensure_future(anext(presses))
                if hold.counts(loop.time()):
                    await self._act(hold.seconds)
        finally:
            coming.cancel()
            await asyncio.wait({coming})
            await presses.aclose()

    async def _act(self, seconds: float) -> None:
        _log.warning("the reset button was held for %g seconds", seconds)
        try:
            await self._held()
        except Exception:
            # Whatever goes wrong there, the button must work the next time, and the gateway go on.
            _log.exception("the reset failed")
