"""The stream as a part of the head-end: connects, makes what is not there, writes, looks after it, says how it is."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from mbusheadend.store import Store
from mbusheadend.stream.calls import asked
from mbusheadend.stream.errors import StreamError
from mbusheadend.stream.figures import Figures
from mbusheadend.stream.intake import StreamIntake
from mbusheadend.stream.keeping import give_up_old
from mbusheadend.stream.layout import prepare, stream_of_dead, stream_of_readings, writer_of
from mbusheadend.stream.link import Link
from mbusheadend.stream.settings import StreamSettings
from mbusheadend.stream.writer import Writer

LOOK_SECONDS: Final = 15.0
FIRST_SECONDS: Final = 1.0
"""Between two attempts at the start, when the nodes may still be finding each other."""
LONGEST_PAUSE: Final = 5.0
PREPARE_SECONDS: Final = 30.0
ASK_SECONDS: Final = 5.0
KEEP_LOOKS: Final = 4
"""So many looks from one giving up to the next."""

_log = logging.getLogger(__name__)


class StreamService:
    """The stream of one tenant; construct it in the event loop. Raise `HeadEndError` for files that cannot be used.

    :ivar intake: takes uploads, in the place of the store.
    :ivar figures: how it is.
    :param stored: is called when readings were stored.
    """

    def __init__(
        self,
        settings: StreamSettings,
        store: Store,
        now: Callable[[], datetime],
        stored: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._now = now
        self._link = Link(settings)
        self.figures = Figures()
        self.intake = StreamIntake(self._link, settings, self.figures)
        self._writer = Writer(self._link, store, settings, self.figures, stored)
        self._ready = asyncio.Event()

    @property
    def trouble(self) -> str:
        """Why uploads cannot be taken now; empty where they can."""
        if not self._link.is_up:
            return f"no connection to the stream: {self._link.problem}"
        return self.figures.trouble

    async def ready(self) -> None:
        """Return when uploads can be taken."""
        await self._ready.wait()

    async def run(self) -> None:
        """Work until cancelled; uploads can still be taken then, until `close`."""
        if not self._settings.is_secure:
            _log.info("the stream is spoken to without TLS: its servers belong on a network of their own")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._link.run())
            await self._begin()
            if self._settings.writers:
                tasks.create_task(self._writer.run())
            tasks.create_task(self._look_after())

    async def close(self) -> None:
        """End the connection."""
        self.figures.is_ready = False
        await self._link.close()

    async def _begin(self) -> None:
        pause = FIRST_SECONDS
        while not self.figures.is_ready:
            try:
                await self._prepare()
            except StreamError as error:
                if self._link.is_up and str(error) != self.figures.trouble:
                    _log.warning("%s", error)
                self.figures.trouble = str(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self.figures.is_ready = True
                self._ready.set()
        _log.info("uploads go to the stream %s", stream_of_readings(self._settings))

    async def _prepare(self) -> None:
        complaints = await asked(prepare(self._link.jetstream, self._settings), PREPARE_SECONDS)
        for complaint in complaints:
            if complaint not in self.figures.complaints:
                _log.warning("%s", complaint)
        self.figures.complaints = complaints
        await self.look()
        self.figures.trouble = ""

    async def _look_after(self) -> None:
        looks = 0
        while True:
            looks += 1
            try:
                # Also makes again what somebody has deleted.
                await self._prepare()
                if looks % KEEP_LOOKS == 0:
                    await self.keep()
            except StreamError as error:
                if not self.figures.trouble:
                    _log.error("%s", error)
                self.figures.trouble = str(error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look how full the streams are, and how far the writers. Raise `StreamError`."""
        figures, settings, jetstream = self.figures, self._settings, self._link.jetstream
        name = stream_of_readings(settings)
        info = await asked(jetstream.stream_info(name), ASK_SECONDS)
        dead = await asked(jetstream.stream_info(stream_of_dead(settings)), ASK_SECONDS)
        writer = await asked(jetstream.consumer_info(name, writer_of(settings.tenant)), ASK_SECONDS)
        figures.messages, figures.bytes = info.state.messages, info.state.bytes
        figures.most, figures.dead = info.config.max_bytes or 0, dead.state.messages
        figures.waiting = (writer.num_pending or 0) + (writer.num_ack_pending or 0)

    async def keep(self) -> None:
        """Give up what is written and old enough. Raise `StreamError`."""
        count = await asked(give_up_old(self._link.jetstream, self._settings, self._now()), PREPARE_SECONDS)
        if count:
            _log.info("%d messages of the stream are given up, all of them written", count)
