"""Backup, the store, releases for masters: for programs of administrators."""

import asyncio
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException
from pydantic import Field
from starlette.responses import FileResponse, Response

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.firmware.overview import firmware_overview
from mbusheadend.web.api.jobs import JobFound
from mbusheadend.web.door import ADMIN
from mbusheadend.web.services import Services
from mbusio.sealing import LONGEST_PASSPHRASE, SHORTEST_PASSPHRASE
from mbusweb.api.callers import Calling, require_program
from mbusweb.api.models import Answer, Given, file_of
from mbusweb.api.problems import declared

DOOR: Final = ADMIN


class BackupWanted(Given):
    """A backup; without a passphrase the authority's key is in it in the clear, and no keys of meters."""

    passphrase: Annotated[
        str | None, Field(min_length=SHORTEST_PASSPHRASE, max_length=LONGEST_PASSPHRASE)
    ] = None


class StoreState(Answer):
    """How big the store is, in bytes, and what was done for it last; null before the first turn."""

    size: int
    unused: int
    newest: datetime | None
    upkeep_began: datetime | None
    upkeep_ended: datetime | None
    upkeep_error: str


class ReleaseHeld(Answer):
    """A release for masters; `groups` is null where it is offered to all, `masters` how many run it."""

    number: int
    version: str
    expires: datetime
    platforms: list[str]
    groups: list[str] | None
    masters: int


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["system"])

    @routes.get("/store", responses=declared(503))
    async def get_store() -> StoreState:
        """Tell how big the store is, and what was done for it."""
        extent, report = await services.store.extent(), services.upkeep.report
        return StoreState(
            size=extent.size,
            unused=extent.unused,
            newest=extent.newest,
            upkeep_began=None if report is None else report.began,
            upkeep_ended=None if report is None else report.ended,
            upkeep_error="" if report is None else report.error,
        )

    @routes.get("/firmware", responses=declared(503))
    async def list_releases() -> list[ReleaseHeld]:
        """List the releases for masters, the newest first."""
        words = await services.rollouts.words()
        seen = await firmware_overview(services.store, services.firmware, services.now(), words)
        return [
            ReleaseHeld(
                number=one.number,
                version=one.version,
                expires=one.expires,
                platforms=list(one.platforms),
                groups=None if one.groups is None else sorted(one.groups),
                masters=seen.count(one.number),
            )
            for one in seen.releases
        ]

    _add_backup(routes, services)
    return routes


def _add_backup(routes: APIRouter, services: Services) -> None:
    # A page asks for the own password first, which a login that was left alone does not know.
    only_programs = [Depends(require_program)]

    @routes.post("/backup", status_code=202, dependencies=only_programs, responses=declared(409, 503))
    async def make_backup(given: BackupWanted, calling: Calling) -> JobFound:
        """Make a backup; when the job is done, it can be fetched for an hour."""
        job = services.backups.start(services.jobs, calling.user, given.passphrase)
        said = "under a passphrase" if given.passphrase else "in the clear"
        services.audit.record(
            AuditKind.BACKUP, who=calling.user, source=calling.source, detail=f"backup made, secrets {said}"
        )
        return JobFound.seen(job)

    @routes.get(
        "/backup/file",
        response_class=Response,
        dependencies=only_programs,
        responses={**file_of("application/x-tar", "The backup"), **declared(404)},
    )
    async def download_backup(calling: Calling) -> Response:
        """Fetch the backup that was made last."""
        ready = services.backups.ready
        if ready is None or not await asyncio.to_thread(ready.path.is_file):
            raise HTTPException(404)
        services.audit.record(
            AuditKind.DOWNLOAD, who=calling.user, source=calling.source, detail=ready.path.name
        )
        return FileResponse(ready.path, filename=ready.path.name, media_type="application/x-tar")
