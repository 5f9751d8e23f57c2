"""What processes tell each other of jobs and of masters that are connected, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from mbusheadend import gossip as module
from mbusheadend.courier import CourierHere
from mbusheadend.gossip import ALIVE_SECONDS, SILENT_SECONDS, Gossip
from mbusheadend.jobs import Job, JobError, Jobs, JobState
from mbusheadend.jobs_between import JobNews
from mbusheadend.presence import BETWEEN_SECONDS, Presence
from mbusheadend.presence_between import PresenceNews
from mbusweb.texts import Text
from support.virtual_time import in_virtual_time

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
SOON = 1.0
TITLE = Text("Read %(name)s", {"name": "the cellar"})


class Process:
    """One of those that talk."""

    def __init__(self, courier: CourierHere) -> None:
        loop = asyncio.get_running_loop()
        self.jobs = Jobs(lambda: BEGIN + timedelta(seconds=loop.time()))
        self.presence = Presence(loop.time)
        jobs, presence = JobNews(self.jobs), PresenceNews(self.presence)
        jobs.gossip = Gossip(courier, "jobs", jobs, loop.time)
        presence.gossip = Gossip(courier, "presence", presence, loop.time)
        self.gossips = (jobs.gossip, presence.gossip)
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for gossip in self.gossips:
                tasks.create_task(gossip.run())

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})
        await self.jobs.close()

    def die(self) -> None:
        """End without a word."""
        for gossip in self.gossips:
            gossip._courier = CourierHere()
        self.task.cancel()


@asynccontextmanager
async def processes(count: int) -> AsyncIterator[list[Process]]:
    courier = CourierHere()
    talking = [Process(courier) for _ in range(count)]
    await asyncio.sleep(SOON)
    try:
        yield talking
    finally:
        for one in talking:
            await one.end()


async def _work(job: Job) -> Text:
    job.pieces[7] = "done"
    job.progress(1, 3, Text("meter %(number)d", {"number": 7}))
    await asyncio.sleep(30)
    return Text("three meters")


@in_virtual_time
async def test_a_job_of_one_process_is_seen_live_at_the_others() -> None:
    async with processes(3) as (one, two, three):
        mine = one.jobs.start("local reading", TITLE, _work, "ann", subject="M1")
        await asyncio.sleep(SOON)
        for other in (two, three):
            (seen,) = other.jobs.list()
            assert other.jobs.get(mine.id) is seen
            assert (str(seen.title), seen.who, seen.state) == ("Read the cellar", "ann", JobState.AT_WORK)
            assert (seen.percent, str(seen.text), seen.pieces) == (33, "meter 7", {7: "done"})
        with two.jobs.watch() as news:
            await news.wait()
        assert (seen.state, str(seen.outcome), seen.ended) == (JobState.DONE, "three meters", mine.ended)


@in_virtual_time
async def test_a_job_is_cancelled_from_another_process_and_is_not_begun_twice() -> None:
    async with processes(2) as (one, two):
        mine = one.jobs.start("local reading", TITLE, _work, "ann", subject="M1")
        await asyncio.sleep(SOON)
        with pytest.raises(JobError, match="already"):
            two.jobs.start("local reading", TITLE, _work, "ben", subject="M1")
        assert two.jobs.cancel(mine.id)
        await asyncio.sleep(SOON)
        assert mine.state is JobState.CANCELLED
        await asyncio.sleep(SOON)
        (seen,) = two.jobs.list()
        assert seen.state is JobState.CANCELLED
        assert not two.jobs.cancel(mine.id)


@in_virtual_time
async def test_a_process_that_begins_later_hears_of_everything() -> None:
    courier = CourierHere()
    early = Process(courier)
    with early.presence.calling("M1"):
        job = early.jobs.start("local reading", TITLE, _work, "ann")
        await asyncio.sleep(SOON)
        late = Process(courier)
        await asyncio.sleep(SOON)
        assert [one.id for one in late.jobs.list()] == [job.id]
        assert late.presence.is_connected("M1")
        assert (late.presence.count(), early.presence.count()) == (1, 1)
    await early.end()
    await late.end()


@in_virtual_time
async def test_a_master_is_there_for_all_while_its_call_is_open_anywhere() -> None:
    async with processes(2) as (one, two):
        with one.presence.calling("M1"):
            await asyncio.sleep(SOON)
            assert two.presence.is_connected("M1")
        # It calls again within a moment.
        await asyncio.sleep(BETWEEN_SECONDS / 2)
        with one.presence.calling("M1"):
            await asyncio.sleep(BETWEEN_SECONDS)
            assert two.presence.is_connected("M1")
        await asyncio.sleep(BETWEEN_SECONDS + SOON)
        assert not two.presence.is_connected("M1")
        assert two.presence.count() == 0


@in_virtual_time
async def test_what_a_process_did_that_is_silent_for_long_is_not_done() -> None:
    async with processes(2) as (one, two):
        one.jobs.start("local reading", TITLE, _work, "ann")
        with one.presence.calling("M1"):
            await asyncio.sleep(SOON)
            one.die()
            await asyncio.sleep(SILENT_SECONDS + 2 * ALIVE_SECONDS)
            (seen,) = two.jobs.list()
            assert (seen.state, bool(seen.ended)) == (JobState.FAILED, True)
            assert not two.presence.is_connected("M1")


@in_virtual_time
async def test_a_process_that_ends_says_so() -> None:
    async with processes(2) as (one, two):
        with one.presence.calling("M1"):
            await asyncio.sleep(SOON)
            await one.end()
            await asyncio.sleep(SOON)
            assert not two.presence.is_connected("M1")


@in_virtual_time
async def test_rubbish_from_others_changes_nothing() -> None:
    courier = CourierHere()
    process = Process(courier)
    await asyncio.sleep(SOON)
    for topic in ("jobs", "presence"):
        for rubbish in (
            b"",
            b"[]",
            b"{}",
            b"\xff",
            b'{"from": 1, "kind": "say", "said": [1, {}, [], "x", {"id": 5}]}',
            b'{"from": "x", "kind": "say", "said": 5}',
            b'{"from": "x", "kind": [], "said": [{"cancel": []}]}',
        ):
            await courier.publish(topic, rubbish)
    await asyncio.sleep(SOON)
    assert not process.task.done()
    assert process.jobs.list() == ()
    await process.end()


@in_virtual_time
async def test_a_thousand_masters_are_told_of_in_messages_that_the_courier_carries() -> None:
    courier = CourierHere()
    early = Process(courier)
    calls = [early.presence.calling(f"M{number:040d}") for number in range(1000)]
    for call in calls:
        call.__enter__()
    late = Process(courier)
    await asyncio.sleep(SOON)
    assert late.presence.count() == 1000
    for call in calls:
        call.__exit__(None, None, None)
    await early.end()
    await late.end()


def test_what_is_told_waits_in_bounds() -> None:
    async def play() -> None:
        gossip = Gossip(CourierHere(), "jobs", JobNews(Jobs(lambda: BEGIN)))
        for number in range(module.MOST_WAITING + 10):
            gossip.tell(str(number), number)
        assert len(gossip._to_tell) == module.MOST_WAITING

    asyncio.run(play())
