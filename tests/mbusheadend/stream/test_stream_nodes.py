"""What is acknowledged outlives any node; with most of them gone nothing is acknowledged until they are back."""

import asyncio

import pytest

from mbusheadend.errors import RefusedError
from mbusheadend.store import Store
from mbusheadend.stream.layout import stream_of_readings
from mbusheadend.stream.service import StreamService
from mbusheadend.stream.settings import StreamSettings
from support.headend_messages import LATER, SERIAL, enrol
from support.nats import NODES, Nodes
from support.settled import settled
from support.stream import SECONDS, Watched, stored_ids, stream_settings, streaming, upload

pytestmark = pytest.mark.peers


async def leader(service: StreamService, settings: StreamSettings) -> int:
    info = await service._link.jetstream.stream_info(stream_of_readings(settings))
    assert info.cluster is not None
    return int((info.cluster.leader or "n0")[1:])


async def taken(service: StreamService, number: int, serial: str = SERIAL) -> int:
    """Upload as masters do: again and again until there is a receipt; give how often it was refused."""
    refused = 0
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                assert (await service.intake.take(serial, upload(number, 4, serial), LATER)).stored
            except RefusedError:
                refused += 1
                await asyncio.sleep(0.2)  # as a master that comes again later
            else:
                return refused


async def test_a_leader_that_is_killed_under_load_takes_nothing_with_it(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store, "M0", "M1", "M2", "M3")
    watched = Watched(store)
    settings = stream_settings(cluster, name)
    async with streaming(settings, watched.store) as service:
        await taken(service, 0, "M0")
        victim = await leader(service, settings)

        async def deliver(lane: int) -> None:
            for number in range(1 + lane, 121, 4):
                if number == 41:
                    cluster.kill(victim)
                await taken(service, number, f"M{lane}")

        try:
            await asyncio.gather(*(deliver(lane) for lane in range(4)))
            assert await leader(service, settings) != victim
            await watched.has(121 * 4)
        finally:
            cluster.start()
    assert sorted(await stored_ids(store)) == list(range(1, 121 * 4 + 1))


async def test_with_most_nodes_gone_nothing_is_acknowledged_until_they_are_back(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store)
    watched = Watched(store)
    settings = stream_settings(cluster, name)
    async with streaming(settings, watched.store) as service:
        await taken(service, 0)
        gone = [number for number in NODES if number != await leader(service, settings)]
        cluster.kill(*gone)
        try:
            with pytest.raises(RefusedError) as refused:
                await service.intake.take(SERIAL, upload(1), LATER)
            assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "15"})
            cluster.kill()
            await settled(lambda: bool(service.trouble))
            with pytest.raises(RefusedError):
                await service.intake.take(SERIAL, upload(2), LATER)
        finally:
            cluster.start()
        for number in (1, 2, 3):
            await taken(service, number)
        await watched.has(16)
    assert sorted(await stored_ids(store)) == list(range(1, 17))


async def test_the_head_end_starts_without_the_stream_and_refuses_until_it_is_there(
    cluster: Nodes, name: str, store: Store
) -> None:
    await enrol(store)
    cluster.kill()
    try:
        service = StreamService(stream_settings(cluster, name), store, lambda: LATER)
        running = asyncio.create_task(service.run())
        with pytest.raises(RefusedError):
            await service.intake.take(SERIAL, upload(0), LATER)
        assert service.trouble
    finally:
        cluster.start()
    async with asyncio.timeout(SECONDS):
        await service.ready()
    assert (await service.intake.take(SERIAL, upload(0), LATER)).stored
    running.cancel()
    await asyncio.wait([running])
    await service.close()
