"""The master as a whole: the only place where its parts are put together."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable

from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.plain_tcp import PlainTcpChannel
from mbusmaster.settings import Settings

_log = logging.getLogger(__name__)


class Master:
    """All parts of one master.

    :ivar engines: one for each bus, in the order of the settings.
    :ivar plain_tcp: None where the channel is off.
    """

    def __init__(self, settings: Settings) -> None:
        self.engines = tuple(BusEngine(bus) for bus in settings.buses)
        channel = settings.channels.plain_tcp
        engine = next((engine for engine in self.engines if engine.name == channel.bus), self.engines[0])
        self.plain_tcp = PlainTcpChannel(channel, engine) if channel.enabled else None

    async def run(self, ready: Callable[["Master"], None] = lambda master: None) -> None:
        """Work until cancelled; raise `ChannelError` if a channel cannot listen.

        :param ready: called once all channels listen and every bus has been tried.
        """
        try:
            if self.plain_tcp is not None:
                await self.plain_tcp.start()
            async with asyncio.TaskGroup() as tasks:
                for engine in self.engines:
                    tasks.create_task(engine.run())
                for engine in self.engines:
                    await engine.tried.wait()
                ready(self)
        finally:
            if self.plain_tcp is not None:
                await self.plain_tcp.stop()


async def run_until_told(settings: Settings, ready: Callable[[Master], None]) -> None:
    """Run a master until SIGINT or SIGTERM."""
    loop = asyncio.get_running_loop()
    working = asyncio.create_task(Master(settings).run(ready))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, working.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await working
    _log.info("stopped")


def serve(settings: Settings, ready: Callable[[Master], None] = lambda master: None) -> None:
    """Run a master in this process until it is told to end; on uvloop where that is installed, for many clients."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(run_until_told(settings, ready))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
