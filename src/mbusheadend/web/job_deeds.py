"""What pages and API do to jobs, and the audit log of it."""

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.jobs import Job
from mbusheadend.web.services import Services
from mbusweb.actor import Actor


def cancel_job(services: Services, who: Actor, job: Job) -> bool:
    """End a job before it is done; False where it had ended already."""
    if not services.jobs.cancel(job.id):
        return False
    detail = f"{job.title} of {job.who}"
    services.audit.record(AuditKind.JOB_CANCELLED, who=who.user, source=who.source, detail=detail)
    return True
