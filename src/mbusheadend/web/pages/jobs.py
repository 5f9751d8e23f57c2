"""Jobs: what takes longer than a moment, live."""

from typing import Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from mbusheadend.jobs import Job
from mbusheadend.web.door import READER
from mbusheadend.web.job_live import job_events, shown_job, shown_jobs
from mbusheadend.web.services import Services
from mbusweb.events import event_stream
from mbusweb.guard import Asking
from mbusweb.render import page, renderer_of

DOOR: Final = READER
PATH: Final = "/jobs"
EVENTS: Final = f"{PATH}/events"
JOB: Final = f"{PATH}/{{id}}"


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    jobs = services.jobs

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return page(request, "jobs.html", rows=shown_jobs(jobs.list()))

    @routes.get(EVENTS)
    async def events(request: Request, who: Asking) -> Response:
        render = renderer_of(request).fragment

        async def part() -> str:
            return render("parts/jobs_live.html", visitor=who, rows=shown_jobs(jobs.list()))

        return event_stream(request, job_events(jobs, part, lambda: False))

    @routes.get(JOB)
    async def show_one(request: Request, id: str) -> Response:
        return page(request, "job.html", row=shown_job(found(services, id)))

    @routes.get(f"{JOB}/events")
    async def events_of_one(request: Request, id: str, who: Asking) -> Response:
        job, render = found(services, id), renderer_of(request).fragment

        async def part() -> str:
            return render("parts/job_live.html", visitor=who, row=shown_job(job))

        return event_stream(request, job_events(jobs, part, lambda: not job.is_at_work))

    return routes


def found(services: Services, id: str) -> Job:
    """Find a job; raise 404."""
    job = services.jobs.get(id)
    if job is None:
        raise HTTPException(404)
    return job
