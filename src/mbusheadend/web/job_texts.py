"""Jobs as pages show them."""

from collections.abc import Mapping
from typing import Final

from mbusheadend.backup.desk import KIND as BACKUP
from mbusheadend.jobs import Job, JobState
from mbusheadend.local import KIND as LOCAL
from mbusweb.locale import gettext as _
from mbusweb.texts import mark

TRIAL: Final = "test message"
"""Kind of the jobs that send one."""
_STATES: Final[Mapping[JobState, str]] = {
    JobState.AT_WORK: mark("At work"),
    JobState.DONE: mark("Done"),
    JobState.FAILED: mark("Failed"),
    JobState.CANCELLED: mark("Cancelled"),
}
LOOKS: Final[Mapping[JobState, str]] = {
    JobState.AT_WORK: "notice",
    JobState.DONE: "good",
    JobState.FAILED: "error",
    JobState.CANCELLED: "none",
}
"""Classes of the style sheet."""


def state_text(job: Job) -> str:
    """Say how far a job is."""
    return _(_STATES[job.state])


def link_of(job: Job) -> str:
    """Give the page that shows what a job does; its own where no other does."""
    if job.kind == LOCAL and job.subject:
        return f"/local/{job.subject}"
    if job.kind == BACKUP:
        return "/backup"
    return f"/jobs/{job.id}"
