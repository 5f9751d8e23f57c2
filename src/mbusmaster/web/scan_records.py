"""Scans in the audit log: who began one, and how it ended."""

import asyncio

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.meterlist import JobState, Mode, ScanJob
from mbusmaster.web.services import Services
from mbusweb.actor import Actor


class ScanRecords:
    """Writes them."""

    def __init__(self, services: Services) -> None:
        self._audit = services.audit
        self._waiting: set[asyncio.Task[None]] = set()

    def began(self, job: ScanJob, who: Actor) -> None:
        """Write that a job has begun, and its end when it comes."""
        what = description(job)
        self._audit.record(AuditKind.SCAN_STARTED, who=who.user, source=who.source, detail=what)
        waiting = asyncio.create_task(self._end(job, who, what), name=f"end of scan {job.number}")
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    async def _end(self, job: ScanJob, who: Actor, what: str) -> None:
        end = await job.wait()
        detail = f"{what}: {end.found} meters, {end.new} of them new"
        self._audit.record(
            AuditKind.SCAN_ENDED,
            who=who.user,
            source=who.source,
            detail=f"{detail}; {end.why}" if end.why else detail,
            outcome="ok" if end.state is JobState.FINISHED else end.state.value,
        )


def description(job: ScanJob) -> str:
    """Say for the audit log what was asked for."""
    task = job.task
    match task.mode:
        case Mode.PRIMARY:
            return f"scan {job.number}: bus {task.bus}, primary {task.first}-{task.last}, {task.baud} baud"
        case Mode.SECONDARY:
            return f"scan {job.number}: bus {task.bus}, secondary {task.mask}, {task.baud} baud"
    return f"check {job.number}: bus {task.bus}, {len(task.meters)} meters"
