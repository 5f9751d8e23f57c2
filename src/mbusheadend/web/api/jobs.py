"""Jobs, for whoever may see them."""

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, HTTPException, Path
from starlette.responses import Response

from mbusheadend.jobs import Job
from mbusheadend.roles import OPERATOR
from mbusheadend.web.door import READER
from mbusheadend.web.job_deeds import cancel_job
from mbusheadend.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer
from mbusweb.api.problems import declared
from mbusweb.errors import NotAllowedError
from mbusweb.locale import gettext as _
from mbusweb.locale import said

DOOR: Final = READER
JobId = Annotated[str, Path(max_length=32)]


class JobFound(Answer):
    """A job: `done` of `total` pieces, 0 of 0 while nobody knows; `outcome` is empty while it is at work."""

    id: str
    kind: str
    subject: str
    title: str
    who: str
    state: Literal["at work", "done", "failed", "cancelled"]
    started: datetime
    ended: datetime | None
    done: int
    total: int
    text: str
    outcome: str

    @classmethod
    def seen(cls, job: Job) -> "JobFound":
        """Take a job as it is now."""
        return cls.model_validate(
            {
                **{name: getattr(job, name) for name in ("id", "kind", "subject", "who", "started", "ended")},
                **{name: said(getattr(job, name)) for name in ("title", "text", "outcome")},
                "state": str(job.state),
                "done": job.done,
                "total": job.of,
            }
        )


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["system"])

    @routes.get("/jobs")
    async def list_jobs() -> list[JobFound]:
        """List what is at work and the newest that have ended, the newest first; a restart forgets them."""
        return [JobFound.seen(job) for job in services.jobs.list()]

    @routes.get("/jobs/{id}", responses=declared(404))
    async def get_job(id: JobId) -> JobFound:
        """Give one job."""
        return JobFound.seen(_found(services, id))

    @routes.post("/jobs/{id}/cancel", status_code=204, responses=declared(404, 409))
    async def cancel(id: JobId, calling: Calling) -> Response:
        """End a job before it is done, for operators; what it has stored stays. It is an error where it has ended."""
        if OPERATOR not in calling.roles:
            raise NotAllowedError(_("Your role does not allow this. Ask whoever looks after the users."))
        if not cancel_job(services, calling, _found(services, id)):
            raise HTTPException(409)
        return Response(status_code=204)

    return routes


def _found(services: Services, id: str) -> Job:
    job = services.jobs.get(id)
    if job is None:
        raise HTTPException(404)
    return job
