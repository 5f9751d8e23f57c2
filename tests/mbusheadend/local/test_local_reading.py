"""Local reading into the store, from scripted meters behind TCP."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from mbus.addressing import SecondaryAddress
from mbusheadend.jobs import Job, JobError, Jobs, JobState
from mbusheadend.local import add_master, import_list, start_reading
from mbusheadend.local.reading import SCHEDULE
from mbusheadend.store import Store, StoredReading
from mbushosting.readings import Outcome
from mbusio.listreading import Patience
from support.headend_messages import SERIAL, enrol
from support.scripted_bus import ScriptedBus, ScriptedMeter, scripted_bus

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HEAT = SecondaryAddress.from_text("852467982D2C3504")
WATER = SecondaryAddress.from_text("11490378.ACW.0E.16")
NOBODY = "00000001FFFFFFFF"
LIST = f"secondary_address,primary_address\n{HEAT},\n,7\n"
QUICK = Patience(timeout=0.05, retries=0)


@pytest.fixture
def bus() -> Iterator[ScriptedBus]:
    telegrams = [bytes.fromhex("04 06 01 00 00 00 1F"), bytes.fromhex("04 13 02 00 00 00")]
    with scripted_bus(ScriptedMeter(5, HEAT), ScriptedMeter(7, WATER, telegrams)) as bus:
        yield bus


@pytest.fixture
async def jobs() -> AsyncIterator[Jobs]:
    jobs = Jobs(lambda: NOW)
    yield jobs
    await jobs.close()


class Place:
    """A local master in front of the scripted bus."""

    def __init__(self, store: Store, jobs: Jobs, serial: str) -> None:
        self.store, self.jobs, self.serial = store, jobs, serial

    async def begin(self, which: tuple[int, ...] = ()) -> Job:
        master = await self.store.master(self.serial)
        return start_reading(self.jobs, self.store, master, "ann", lambda: datetime.now(UTC), which=which)

    async def read(self, which: tuple[int, ...] = ()) -> Job:
        job = await self.begin(which)
        await self.jobs.wait(job.id)
        return job

    async def readings(self) -> list[StoredReading]:
        found: list[StoredReading] = []
        for meter in await self.store.meters():
            found += (
                await self.store.readings(meter.id, NOW.replace(year=2020), NOW.replace(year=2100))
            ).readings
        return found


async def place(store: Store, jobs: Jobs, bus: ScriptedBus, meters: str = LIST) -> Place:
    url = f"tcp://127.0.0.1:{bus.port}?baud=19200&allowance=0.05&gap=0.05"
    serial = await add_master(store, name="cellar", url=url, now=NOW, patience=QUICK)
    await import_list(store, serial, meters.encode(), NOW)
    return Place(store, jobs, serial)


async def test_all_meters_of_a_local_master_are_read_into_the_store(
    store: Store, jobs: Jobs, bus: ScriptedBus
) -> None:
    here = await place(store, jobs, bus)
    job = await here.read()
    assert (job.state, str(job.outcome)) == (JobState.DONE, "All 2 meters were read")
    assert (str(job.title), job.kind, job.subject, job.who) == (
        "Read cellar locally",
        "local reading",
        here.serial,
        "ann",
    )
    assert (job.done, job.of) == (2, 2)
    readings = await here.readings()
    assert {one.outcome for one in readings} == {Outcome.OK}
    assert {(one.master, one.schedule) for one in readings} == {(here.serial, SCHEDULE)}
    assert sorted(len(one.telegrams or ()) for one in readings) == [1, 2]
    # Whom the primary address named is known now.
    assert {meter.identity for meter in await store.meters(here.serial)} >= {str(HEAT), str(WATER)}
    assert (await store.master(here.serial)).last_contact is not None


async def test_a_silent_meter_is_stored_as_silent_and_the_others_are_read(
    store: Store, jobs: Jobs, bus: ScriptedBus
) -> None:
    here = await place(store, jobs, bus, f"secondary_address\n{NOBODY}\n{HEAT}\n")
    job = await here.read()
    assert job.state is JobState.DONE
    assert str(job.outcome) == "1 of 2 meters were read; silent: 1, without a whole reading: 0"
    assert sorted(one.outcome.value for one in await here.readings()) == ["ok", "silent"]


async def test_only_the_meters_that_were_chosen_are_read(store: Store, jobs: Jobs, bus: ScriptedBus) -> None:
    here = await place(store, jobs, bus)
    heat = next(meter.id for meter in await store.meters(here.serial) if meter.identity == str(HEAT))
    await here.read((heat,))
    assert [one.meter for one in await here.readings()] == [heat]


async def test_a_reading_that_is_cancelled_keeps_what_it_has(
    store: Store, jobs: Jobs, bus: ScriptedBus
) -> None:
    here = await place(store, jobs, bus)
    with jobs.watch() as news:
        job = await here.begin()
        while job.done < 1:
            await news.wait()
            news.clear()
        jobs.cancel(job.id)
        await jobs.wait(job.id)
    assert job.state is JobState.CANCELLED
    assert "Cancelled after 1 of 2 meters" in str(job.outcome)
    assert len(await here.readings()) == 1
    assert (await here.read()).state is JobState.DONE


async def test_a_master_that_is_lost_on_the_way_leaves_what_was_read(
    store: Store, jobs: Jobs, bus: ScriptedBus
) -> None:
    here = await place(store, jobs, bus, f"secondary_address\n{WATER}\n{HEAT}\n")
    order = [meter.identity for meter in await store.meters(here.serial)]
    bus.hangs_up_at = SecondaryAddress.from_text(order[-1]).to_bytes()
    job = await here.read()
    assert job.state is JobState.FAILED
    assert "lost after 1 of 2 meters" in str(job.outcome)
    assert len(await here.readings()) == 1


async def test_a_master_that_is_not_there_says_so(store: Store, jobs: Jobs) -> None:
    url = "tcp://127.0.0.1:1"
    serial = await add_master(store, name="cellar", url=url, now=NOW)
    here = Place(store, jobs, serial)
    job = await here.read()
    assert "import the master's list first" in str(job.outcome)
    await import_list(store, serial, LIST.encode(), NOW)
    job = await here.read()
    assert job.state is JobState.FAILED
    assert "cannot be reached" in str(job.outcome)
    assert (await store.master(serial)).last_contact is None


async def test_nobody_reads_a_master_that_is_being_read(store: Store, jobs: Jobs, bus: ScriptedBus) -> None:
    here = await place(store, jobs, bus)
    job = await here.begin()
    with pytest.raises(JobError, match="being done already"):
        await here.begin()
    await jobs.wait(job.id)


async def test_a_master_that_calls_is_not_read_locally(store: Store, jobs: Jobs) -> None:
    await enrol(store, SERIAL)
    job = await Place(store, jobs, SERIAL).read()
    assert "not read locally" in str(job.outcome)
