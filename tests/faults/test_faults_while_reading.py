"""Bus, converter and gateway fail while clients read: each hears its own meters or nothing, never what another one asked for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mbus.application.header import identity_of
from mbus.link.decoder import StreamDecoder
from mbus.link.frames import LongFrame, ShortFrame
from mbusio.errors import BusIOError
from mbusio.transport import Transport, open_transport
from support.site import Site, site

# pyserial still starts its thread in a way that newer Pythons call old.
pytestmark = [pytest.mark.process, pytest.mark.filterwarnings("ignore:set.*is deprecated:DeprecationWarning")]

CHANNELS = ("tcp", "tls", "serial", "rfc2217")
PATIENCE = 2.0
"""Seconds for an answer."""
AGAIN = 0.3
ENOUGH = 3
"""Readings in a row of each client that show that all is well."""
STEP_SECONDS = 40.0


class Reader:
    """A program that reads two meters of its own in turn, again and again, and opens its connection anew where that is lost.

    :ivar foreign: frames that it never asked for.
    :ivar good: readings since `begin`; `bad` silences and lost connections.
    """

    def __init__(self, url: str, meters: dict[int, str]) -> None:
        self.url = url
        self.meters = meters
        self.foreign: list[str] = []
        self.good = self.bad = 0
        self.changed = asyncio.Event()

    def begin(self) -> None:
        self.good = self.bad = 0

    async def run(self) -> None:
        while True:
            with contextlib.suppress(BusIOError):
                transport = await open_transport(self.url, baud=2400)
                try:
                    await self._read(transport)
                finally:
                    await transport.close()
            self._count(False)
            await asyncio.sleep(AGAIN)

    async def _read(self, transport: Transport) -> None:
        decoder = StreamDecoder()
        while True:
            for meter in self.meters:
                answer = await self._ask(transport, decoder, ShortFrame(0x5B, meter))
                self._count(self._is_from(answer, meter))

    async def _ask(
        self, transport: Transport, decoder: StreamDecoder, request: ShortFrame
    ) -> LongFrame | None:
        await transport.write(ShortFrame(0x40, request.address).to_bytes() + request.to_bytes())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while True:
                    for event in decoder.feed(await transport.read()):
                        if isinstance(event, LongFrame):
                            return event
        for _ in decoder.flush():
            pass
        return None

    def _is_from(self, answer: LongFrame | None, meter: int) -> bool:
        if answer is None:
            return False
        identity = str(identity_of(answer))
        if (answer.address, identity) != (meter, self.meters[meter]):
            self.foreign.append(f"{meter} was asked, {answer.address} ({identity}) answered")
        return True

    def _count(self, good: bool) -> None:
        self.good = self.good + 1 if good else 0
        self.bad += not good
        self.changed.set()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def readers(place: Site) -> AsyncIterator[dict[str, Reader]]:
    meters = [
        (meter["primary"], meter["secondary"]) for meter in place.offers["meters"] if meter["secondary"]
    ]
    made = {
        channel: Reader(place.urls[channel], dict(meters[2 * number : 2 * number + 2]))
        for number, channel in enumerate(CHANNELS)
    }
    tasks = [asyncio.create_task(reader.run()) for reader in made.values()]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def all_of(made: dict[str, Reader], field: str, count: int) -> None:
    """Wait until each reader has seen so much of something since now."""
    for reader in made.values():
        reader.begin()
    for channel, reader in made.items():
        try:
            async with asyncio.timeout(STEP_SECONDS):
                while getattr(reader, field) < count:
                    reader.changed.clear()
                    await reader.changed.wait()
        except TimeoutError:
            raise AssertionError(f"{channel}: {reader.good} good, {reader.bad} bad in a row") from None


async def test_whatever_fails_a_client_hears_its_own_meters_or_nothing(place: Site) -> None:
    async with readers(place) as made:
        await all_of(made, "good", ENOUGH)
        for fault in ("unplugged", "short"):
            number = (await place.simulator(do="fault", fault=fault))["number"]
            await all_of(made, "bad", 1)
            await place.simulator(do="clear", number=number)
            await all_of(made, "good", ENOUGH)
        await asyncio.to_thread(place.stop)
        await all_of(made, "bad", 1)
        await asyncio.to_thread(place.start)
        await all_of(made, "good", ENOUGH)
    assert [reader.foreign for reader in made.values()] == [[]] * len(CHANNELS)
