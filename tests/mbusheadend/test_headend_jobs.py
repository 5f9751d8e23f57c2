"""Jobs: long work that people start, watch and cancel, in virtual time."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from mbusheadend.errors import HeadEndError
from mbusheadend.jobs import MOST_AT_WORK, MOST_KEPT, Job, JobError, Jobs, JobState
from mbusweb.texts import NO_TEXT, Text
from support.virtual_time import in_virtual_time

BEGIN = datetime(2026, 11, 22, 12, tzinfo=UTC)
TITLE = Text("Read %(name)s", {"name": "the cellar"})


def _jobs() -> Jobs:
    loop = asyncio.get_running_loop()
    return Jobs(lambda: BEGIN + timedelta(seconds=loop.time()))


async def _count_to_three(job: Job) -> Text:
    for done in range(3):
        job.progress(done, 3, Text("meter %(number)d", {"number": done}))
        await asyncio.sleep(1)
    return Text("three meters")


async def _for_ever(job: Job) -> Text:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


@in_virtual_time
async def test_a_job_tells_how_far_it_is_and_what_came_of_it() -> None:
    jobs = _jobs()
    job = jobs.start("local reading", TITLE, _count_to_three, "ann")
    assert (job.state, job.percent, job.outcome, job.who) == (JobState.AT_WORK, None, NO_TEXT, "ann")
    await asyncio.sleep(1.5)
    assert (job.done, job.of, job.percent, str(job.text)) == (1, 3, 33, "meter 1")
    assert await jobs.wait(job.id) is job
    assert (job.state, str(job.outcome)) == (JobState.DONE, "three meters")
    assert (job.started, job.ended) == (BEGIN, BEGIN + timedelta(seconds=3))


@in_virtual_time
async def test_whoever_watches_hears_of_each_step_of_a_job() -> None:
    jobs = _jobs()
    seen = []
    with jobs.watch() as news:
        job = jobs.start("local reading", TITLE, _count_to_three, "ann")
        while job.is_at_work:
            await news.wait()
            news.clear()
            seen.append((job.state, job.done))
    # The beginning and the first step are heard of as one.
    assert seen[0][0] is JobState.AT_WORK
    assert [done for _, done in seen[-3:]] == [1, 2, 2]
    assert seen[-1][0] is JobState.DONE


async def test_progress_may_be_told_from_a_thread() -> None:
    jobs = _jobs()

    async def work(job: Job) -> Text:
        with jobs.watch() as news:
            await asyncio.to_thread(job.progress, 4, 8)
            await news.wait()
        return Text("half")

    job = jobs.start("export", TITLE, work, "ann")
    await jobs.wait(job.id)
    assert job.percent == 50


@in_virtual_time
async def test_a_cancelled_job_ends_and_says_so() -> None:
    jobs = _jobs()
    job = jobs.start("local reading", TITLE, _for_ever, "ann")
    await asyncio.sleep(1)
    assert jobs.cancel(job.id)
    await jobs.wait(job.id)
    assert (job.state, str(job.outcome)) == (JobState.CANCELLED, "It was cancelled")
    assert not jobs.cancel(job.id)


@in_virtual_time
async def test_a_job_that_is_cancelled_before_it_has_begun_ends_too() -> None:
    jobs = _jobs()
    job = jobs.start("local reading", TITLE, _for_ever, "ann")
    assert jobs.cancel(job.id)
    await jobs.wait(job.id)
    assert job.state is JobState.CANCELLED


@in_virtual_time
async def test_a_cancelled_job_may_say_what_it_has_done_nevertheless() -> None:
    jobs = _jobs()

    async def work(job: Job) -> Text:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Text("two of five meters are stored")
        raise AssertionError("nobody sets it")

    job = jobs.start("local reading", TITLE, work, "ann")
    await asyncio.sleep(0)
    jobs.cancel(job.id)
    await jobs.wait(job.id)
    assert (job.state, str(job.outcome)) == (JobState.CANCELLED, "two of five meters are stored")


@in_virtual_time
async def test_what_a_job_fails_of_is_its_outcome() -> None:
    jobs = _jobs()

    async def refused(job: Job) -> Text:
        raise JobError(Text("%(port)s is gone", {"port": "/dev/ttyUSB0"}))

    async def failed(job: Job) -> Text:
        raise HeadEndError("the disk is full")

    outcomes = []
    for work in (refused, failed):
        job = jobs.start("local reading", TITLE, work, "ann")
        await jobs.wait(job.id)
        assert job.state is JobState.FAILED
        outcomes.append(str(job.outcome))
    assert outcomes == ["/dev/ttyUSB0 is gone", "the disk is full"]


@in_virtual_time
async def test_what_nobody_expected_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    jobs = _jobs()

    async def work(job: Job) -> Text:
        raise ZeroDivisionError("a secret")

    with caplog.at_level(logging.ERROR):
        job = jobs.start("local reading", TITLE, work, "ann")
        await jobs.wait(job.id)
    assert job.state is JobState.FAILED
    assert "secret" not in str(job.outcome)
    assert "ZeroDivisionError" in caplog.text


@in_virtual_time
async def test_only_so_many_jobs_are_at_work_and_only_the_newest_are_kept() -> None:
    jobs = _jobs()
    running = [jobs.start("local reading", TITLE, _for_ever, "ann") for _ in range(MOST_AT_WORK)]
    with pytest.raises(JobError, match=f"{MOST_AT_WORK} jobs are at work"):
        jobs.start("local reading", TITLE, _for_ever, "ann")
    jobs.cancel(running[0].id)
    await jobs.wait(running[0].id)
    for _ in range(MOST_KEPT):
        await jobs.wait(jobs.start("export", TITLE, _count_to_three, "bob").id)
    assert len(jobs.list()) == MOST_AT_WORK - 1 + MOST_KEPT
    assert jobs.get(running[0].id) is None
    assert jobs.get(running[1].id) is running[1]
    assert all(job.kind == "export" for job in jobs.list("export"))
    assert jobs.list()[0].kind == "export"
    await jobs.close()
    assert not any(job.is_at_work for job in jobs.list())
    with pytest.raises(JobError):
        jobs.start("local reading", TITLE, _for_ever, "ann")


@in_virtual_time
async def test_one_job_of_a_kind_works_on_one_subject() -> None:
    jobs = _jobs()
    first = jobs.start("local reading", TITLE, _for_ever, "ann", subject="local-1")
    with pytest.raises(JobError, match="being done already"):
        jobs.start("local reading", TITLE, _for_ever, "bob", subject="local-1")
    jobs.start("local reading", TITLE, _for_ever, "bob", subject="local-2")
    jobs.start("export", TITLE, _for_ever, "bob", subject="local-1")
    jobs.cancel(first.id)
    await jobs.wait(first.id)
    jobs.start("local reading", TITLE, _for_ever, "bob", subject="local-1")
    await jobs.close()
