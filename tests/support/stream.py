"""The stream of a head-end for tests: over real nodes, with a store in the hands of the test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from mbusheadend.store import Store, StoreError
from mbusheadend.stream.service import StreamService
from mbusheadend.stream.settings import StreamSettings
from mbushosting.readings import Batch, Receipt
from support.headend_messages import LATER, SERIAL, START, batch, reading
from support.headend_meters import METER, OTHER, telegram
from support.nats import Nodes

SECONDS: Final = 40
"""For what may take a new leader."""


def stream_settings(nodes: Nodes, name: str, **facts: Any) -> StreamSettings:
    """Give settings for streams of their own."""
    values = {"servers": nodes.servers, "name": name, "max_bytes": 16 << 20, "dead_bytes": 1 << 20, **facts}
    return StreamSettings.model_validate(values)


@asynccontextmanager
async def streaming(settings: StreamSettings, store: Store) -> AsyncIterator[StreamService]:
    """Run the stream until the block ends; it is ready when that begins."""
    service = StreamService(settings, store, lambda: datetime.now(UTC))
    running = asyncio.create_task(service.run())
    try:
        async with asyncio.timeout(SECONDS):
            await service.ready()
        yield service
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await service.close()


class Watched:
    """A store that can be down, and that tells when it took something.

    :ivar is_down: it fails as one does that cannot be reached.
    :ivar broken: ids of readings that no store could take, with the error that comes of them.
    :ivar taken: ids in the order in which they came, also those that came before.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_down = False
        self.broken: dict[str, Exception] = {}
        self.taken: list[str] = []
        self.asked = 0
        self._news = asyncio.Condition()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def take(self, serial: str, batch: Batch, received: datetime) -> Receipt:
        self.asked += 1
        async with self._news:
            self._news.notify_all()
        if self.is_down:
            raise StoreError("it is down")
        for one in batch.readings:
            if one.id in self.broken:
                raise self.broken[one.id]
        receipt = await self._store.take(serial, batch, received)
        self.taken += receipt.stored
        async with self._news:
            self._news.notify_all()
        return receipt

    async def has(self, count: int) -> None:
        """Return when so many different readings were taken."""
        async with asyncio.timeout(SECONDS), self._news:
            await self._news.wait_for(lambda: len(set(self.taken)) >= count)

    async def was_asked(self, count: int) -> None:
        """Return when it was asked so often to take something."""
        async with asyncio.timeout(SECONDS), self._news:
            await self._news.wait_for(lambda: self.asked >= count)

    @property
    def store(self) -> Store:
        return cast(Store, self)


def upload(number: int, size: int = 4, serial: str = SERIAL) -> Batch:
    """Give a batch of readings that no other number has, of two meters."""
    numbers = range(number * size + 1, (number + 1) * size + 1)
    return batch(
        *(
            reading(
                n,
                str(METER if n % 2 else OTHER),
                [telegram(METER if n % 2 else OTHER, n)],
                taken=START + timedelta(minutes=n),
            )
            for n in numbers
        ),
        serial=serial,
    )


async def stored_ids(store: Store) -> list[int]:
    """Give the ids of all readings in the store, by meter and time."""
    ids: list[int] = []
    for meter in await store.meters():
        page = await store.readings(meter.id, START - timedelta(1), LATER + timedelta(400), limit=10_000)
        ids += [int(one.id, 16) for one in page.readings]
    return ids
