"""A store that has lost what it had written gets it from the stream again, as long as that still has it."""

from pathlib import Path

import pytest

from mbusheadend.store import Store
from mbusheadend.stream.layout import stream_of_readings, writer_of
from support.headend_messages import LATER, SERIAL, enrol
from support.headend_store import KINDS
from support.nats import Nodes
from support.stream import Watched, stored_ids, stream_settings, streaming, upload

pytestmark = pytest.mark.peers


async def test_when_the_consumer_of_the_writers_is_removed_all_that_the_stream_has_is_written_again_once(
    cluster: Nodes, name: str, store: Store, tmp_path: Path
) -> None:
    settings = stream_settings(cluster, name)
    await enrol(store)
    (tmp_path / "older").mkdir()
    older = KINDS["sqlite"](tmp_path / "older")
    try:
        await enrol(older)
        written, lost = Watched(store), Watched(older)
        async with streaming(settings, written.store) as service:
            for number in range(3):
                await service.intake.take(SERIAL, upload(number), LATER)
            await written.has(12)
            await older.take(SERIAL, upload(0), LATER)
            await service._link.jetstream.delete_consumer(
                stream_of_readings(settings), writer_of(settings.tenant)
            )
        async with streaming(settings, lost.store):
            await lost.has(12)
        assert sorted(await stored_ids(older)) == list(range(1, 13))
    finally:
        older.close()
