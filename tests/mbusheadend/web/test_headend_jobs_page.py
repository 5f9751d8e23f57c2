import asyncio
from pathlib import Path

import pytest

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.jobs import Job, JobError, JobState
from mbusheadend.web.job_live import END, LIVE, job_events
from mbusweb.texts import Text
from support.headend_web import WebClient, headend_web


def begin(client: WebClient, go_on: asyncio.Event) -> Job:
    async def work(job: Job) -> Text:
        job.progress(1, 4, Text("<i>Asking</i>"))
        await go_on.wait()
        return Text("All was read")

    return client.services.jobs.start("test", Text("A long <b>work</b>"), work, "anna")


async def test_a_job_at_work_is_shown_with_how_far_it_is(tmp_path: Path) -> None:
    async with headend_web(tmp_path, "reader") as client:
        assert "Nothing is at work" in (await client.show("/jobs")).text
        go_on = asyncio.Event()
        job = begin(client, go_on)
        await asyncio.sleep(0)
        for path in ("/jobs", f"/jobs/{job.id}"):
            shown = (await client.show(path)).text
            assert 'value="1" max="4"' in shown
            assert "A long &lt;b&gt;work&lt;/b&gt;" in shown
            assert "&lt;i&gt;Asking" in shown
            assert "/cancel" not in shown
        go_on.set()
        await client.services.jobs.wait(job.id)
        assert "All was read" in (await client.show(f"/jobs/{job.id}")).text
        assert (await client.show("/jobs/0123456789abcdef")).status_code == 404


async def test_operators_cancel_a_job_and_readers_do_not(tmp_path: Path) -> None:
    async with headend_web(tmp_path, "operator") as client:
        job = begin(client, asyncio.Event())
        await client.show(f"/jobs/{job.id}")
        assert (await client.submit(f"/jobs/{job.id}/cancel")).status_code == 200
        await client.services.jobs.wait(job.id)
        assert job.state is JobState.CANCELLED
        assert "It had ended already." in (await client.submit(f"/jobs/{job.id}/cancel")).text
        assert client.audited(AuditKind.JOB_CANCELLED) == ["A long <b>work</b> of anna"]
        reader = await client.token("reader")
        other = begin(client, asyncio.Event())
        assert (await client.ask("POST", f"/jobs/{other.id}/cancel", headers=reader)).status_code == 403
        assert other.is_at_work
        token = await client.token()
        assert (await client.ask("POST", f"/jobs/{other.id}/cancel", headers=token)).status_code == 204
        await client.services.jobs.wait(other.id)
        assert (await client.ask("POST", f"/jobs/{other.id}/cancel", headers=token)).status_code == 409
        assert (await client.ask("POST", "/jobs/none/cancel", headers=token)).status_code == 404
        assert [one["state"] for one in (await client.ask("GET", "/jobs", headers=token)).json()] == [
            "cancelled"
        ] * 2


async def test_events_follow_a_job_until_it_has_ended(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        jobs, go_on = client.services.jobs, asyncio.Event()
        job = begin(client, go_on)

        async def part() -> str:
            return f"{job.done} {job.state}"

        seen = []
        async for event in job_events(jobs, part, lambda: not job.is_at_work):
            seen.append((event.name, event.data))
            if event.data.startswith("1"):
                go_on.set()
        assert seen[-2:] == [(LIVE, "1 done"), (END, END)]


async def test_what_fails_says_why(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:

        async def work(job: Job) -> Text:
            raise JobError(Text("The master %(name)s is not there", {"name": "<M1>"}))

        job = client.services.jobs.start("test", Text("A work"), work, "anna")
        await client.services.jobs.wait(job.id)
        assert "The master &lt;M1&gt; is not there" in (await client.show("/jobs")).text


@pytest.mark.parametrize("path", ["/jobs", "/jobs/x", "/jobs/events"])
async def test_nobody_sees_jobs_without_a_login(tmp_path: Path, path: str) -> None:
    async with headend_web(tmp_path, None) as client:
        answer = await client.get(path)
        assert answer.status_code == 303
        assert (await client.get(f"/api/v1{path}")).status_code in (401, 404)
