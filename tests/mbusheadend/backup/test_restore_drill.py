"""The drill: a head-end under load is backed up and killed, its machine is lost, and another one goes on from the backup."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mbushosting.readings import Batch
from mbusmaster.hosting.credentials import Credentials
from mbusmaster.hosting.enrolment import enrol
from mbusmaster.hosting.link import HeadEnd as Link
from mbusmaster.hosting.outbox import Outbox
from support.headend_meters import ADDRESS, telegram
from support.headend_process import HeadEndProcess, head_end_process
from support.hosting import outbox_in, taken

SERIAL = "M1"
MOST = 2000
"""Readings, however long the backup takes."""
pytestmark = pytest.mark.process


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def linked(folder: Path) -> AsyncIterator[Link]:
    link = Link(Credentials(folder), lambda: None, now)
    try:
        yield link
    finally:
        link.close()


async def read_some(outbox: Outbox, numbers: range) -> set[str]:
    return {
        await outbox.store(
            taken(number, meter=ADDRESS, frames=(telegram(energy=number, access=number % 256),))
        )
        for number in numbers
    }


async def deliver(link: Link, outbox: Outbox, most: int = 250) -> set[str]:
    """Hand over a parcel as the master does; give what is acknowledged."""
    parcel = await outbox.parcel(most)
    receipt = await link.deliver(Batch(serial_number=SERIAL, readings=parcel.readings))
    await outbox.settle(parcel, receipt)
    return set(receipt.stored)


async def ids_of(process: HeadEndProcess) -> list[str]:
    with process.store() as store:
        found = []
        for meter in await store.meters():
            page = await store.readings(meter.id, datetime(2020, 1, 1, tzinfo=UTC), now(), limit=10_000)
            found += [reading.id for reading in page.readings]
        return found


async def test_nothing_acknowledged_before_the_backup_is_lost_and_the_masters_histories_fill_the_rest(
    tmp_path: Path,
) -> None:
    backup = tmp_path / "backup.tar.gz"
    with head_end_process(tmp_path) as process:
        await asyncio.to_thread(enrol, process.url, process.token(), SERIAL, tmp_path / SERIAL, None, now)
        async with outbox_in(tmp_path) as (outbox, _), linked(tmp_path / SERIAL) as link:
            everything = await read_some(outbox, range(600))
            before = await deliver(link, outbox)
            running = asyncio.create_task(asyncio.to_thread(process.run, "backup", str(backup)))
            while outbox.waiting:
                await deliver(link, outbox, 50)
                if not running.done() and len(everything) < MOST:
                    everything |= await read_some(outbox, range(len(everything), len(everything) + 50))
            assert str(backup) in await running
            process.kill()
            shutil.move(process.state, tmp_path / "lost")

            told = process.run("restore", str(backup))
            assert "1 masters will go on delivering" in told
            assert "trusted again" in told
            restored = await ids_of(process)
            assert before <= set(restored)
            assert len(set(restored)) == len(restored)

            process.start()
            newer = await read_some(outbox, range(10_000, 10_010))
            assert await deliver(link, outbox) == newer
            # The head-end wants what its store lacks: the command `history` leads here.
            assert await outbox.send_again(None, None) == len(everything) + len(newer)
            while outbox.outgoing:
                await deliver(link, outbox)
            assert sorted(await ids_of(process)) == sorted(everything | newer)
