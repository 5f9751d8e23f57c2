"""Whether a local master can be reached."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from mbusheadend.jobs import Jobs, JobState
from mbusheadend.local import add_master, start_check
from mbusheadend.store import Store
from support.scripted_bus import scripted_bus

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def jobs() -> AsyncIterator[Jobs]:
    jobs = Jobs(lambda: NOW)
    yield jobs
    await jobs.close()


async def outcome(store: Store, jobs: Jobs, url: str) -> tuple[JobState, str]:
    serial = await add_master(store, name="cellar", url=url, now=NOW)
    job = start_check(jobs, store, await store.master(serial), "ann")
    await jobs.wait(job.id)
    return job.state, str(job.outcome)


async def test_a_master_that_takes_the_connection_can_be_reached(store: Store, jobs: Jobs) -> None:
    with scripted_bus() as bus:
        state_of, text = await outcome(store, jobs, f"tcp://127.0.0.1:{bus.port}")
    assert state_of is JobState.DONE
    assert text.startswith("The master takes the connection; it is neither encrypted")


async def test_what_is_not_there_is_said_in_words(store: Store, jobs: Jobs) -> None:
    with scripted_bus() as bus:
        port = bus.port
    for url in (f"tcp://127.0.0.1:{port}", f"tls://127.0.0.1:{port}", "/dev/ttyNOBODY"):
        state_of, text = await outcome(store, jobs, url)
        assert state_of is JobState.FAILED
        assert text.startswith("The master cannot be reached: ")
