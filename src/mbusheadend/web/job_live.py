"""Jobs while they are at work: parts of a page that follow them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Final

from mbusheadend.jobs import Job, Jobs
from mbusheadend.web.job_texts import LOOKS, link_of, state_text
from mbusweb.events import Event
from mbusweb.locale import said

PAUSE_SECONDS: Final = 0.5
"""Between two events, so that a job with many small pieces does not fill the line."""
LIVE: Final = "live"
END: Final = "end"
"""After this event nothing will change any more."""


async def job_events(
    jobs: Jobs, render: Callable[[], Awaitable[str]], is_over: Callable[[], bool]
) -> AsyncGenerator[Event]:
    """Give a part of a page whenever a job has gone on and the part has changed; end when it is over."""
    before = ""
    with jobs.watch() as news:
        while True:
            news.clear()
            over = is_over()
            now = await render()
            if now != before:
                before = now
                yield Event(LIVE, now)
            if over:
                # Without any data a browser takes no notice of an event.
                yield Event(END, END)
                return
            await news.wait()
            await asyncio.sleep(PAUSE_SECONDS)


def shown_jobs(jobs: Iterable[Job]) -> list[dict[str, object]]:
    """Give jobs as templates show them."""
    return [shown_job(job) for job in jobs]


def shown_job(job: Job) -> dict[str, object]:
    """Give a job as templates show it."""
    return {
        "job": job,
        "title": said(job.title),
        "state": state_text(job),
        "look": LOOKS[job.state],
        "link": link_of(job),
        "text": said(job.text),
        "outcome": said(job.outcome),
    }
