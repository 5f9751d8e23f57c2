"""Scans as the page shows them: one that runs, and the last one of each bus after its end."""

from dataclasses import dataclass

from mbusmaster.meterlist import JobState, Mode, Phase, Progress, ScanJob
from mbusmaster.web.meter_texts import duration_text
from mbusmaster.web.phrases import phrase
from mbusmaster.web.services import Services
from mbusweb.locale import format_datetime, ngettext
from mbusweb.locale import gettext as _


@dataclass(frozen=True, slots=True)
class ShownJob:
    """One scan or check, in the visitor's language.

    :ivar look: class of the style sheet.
    :ivar percent: share that is done; None while that is not known.
    :ivar facts: what was found, each a sentence.
    """

    bus: str
    number: int
    title: str
    is_running: bool
    look: str
    state: str
    percent: int | None
    left: str
    at: str
    facts: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def news(self) -> str:
        """What is said aloud when it changes: neither progress nor counts."""
        return self.state if self.is_running else " ".join((self.state, *self.facts, *self.warnings))


def shown_jobs(services: Services) -> tuple[ShownJob, ...]:
    """Give the job of each bus that has one."""
    several = len(services.scanner.buses) > 1
    return tuple(_shown(job, several=several) for job in jobs(services))


def jobs(services: Services) -> tuple[ScanJob, ...]:
    """Give the running job of each bus, else its last one."""
    found = (services.scanner.job(bus) for bus in services.scanner.buses)
    return tuple(job for job in found if job is not None)


def job_title(job: ScanJob) -> str:
    """Say what was asked for."""
    task = job.task
    values = {"baud": task.baud, "count": len(task.meters)}
    match task.mode:
        case Mode.PRIMARY:
            return _("Scan by primary address at %(baud)d baud") % values
        case Mode.SECONDARY:
            return _("Scan by secondary address at %(baud)d baud") % values
    return ngettext("Check of %(count)d meter", "Check of %(count)d meters", len(task.meters)) % values


def _shown(job: ScanJob, *, several: bool) -> ShownJob:
    now = job.progress
    title = job_title(job)
    if several:
        title = _("%(title)s, bus %(bus)s") % {"title": title, "bus": job.task.bus}
    return ShownJob(
        bus=job.task.bus,
        number=job.number,
        title=title,
        is_running=job.is_running,
        look={JobState.FAILED: "error", JobState.FINISHED: "success"}.get(now.state, "plain"),
        state=_state(now),
        percent=_percent(now),
        left=_left(now),
        at=phrase(now.at),
        facts=tuple(_facts(job)),
        warnings=tuple(map(phrase, now.warnings)),
    )


def _state(now: Progress) -> str:
    if now.state is JobState.RUNNING:
        return {
            Phase.SEARCHING: _("Searching for meters"),
            Phase.SEARCHING_AGAIN: _("Searching again, because answers came late"),
            Phase.CHECKING: _("Asking meters that did not answer"),
        }[now.phase]
    ended = now.ended or now.started
    values = {
        "time": format_datetime(ended),
        "duration": duration_text((ended - now.started).total_seconds()),
        "why": phrase(now.why),
    }
    match now.state:
        case JobState.FINISHED:
            return _("Finished %(time)s after %(duration)s.") % values
        case JobState.CANCELLED:
            return _("Cancelled %(time)s after %(duration)s. What was found stays in the list.") % values
    return _("Failed %(time)s: %(why)s.") % values


def _percent(now: Progress) -> int | None:
    if not now.left:
        return None
    # The last step is done only when the job says so.
    return min(99, 100 * now.done // (now.done + now.left))


def _left(now: Progress) -> str:
    if now.is_over or now.seconds_left is None:
        return ""
    return _("about %(time)s left") % {"time": duration_text(now.seconds_left)}


def _facts(job: ScanJob) -> list[str]:
    now = job.progress
    numbers = {
        "found": now.found,
        "new": now.new,
        "updated": now.updated,
        "unclear": now.unclear,
        "unanswered": now.unanswered,
    }
    if job.task.mode is Mode.CHECK:
        facts = [ngettext("%(found)d meter was heard.", "%(found)d meters were heard.", now.found)]
    else:
        facts = [
            ngettext(
                "%(found)d meter found: %(new)d new, %(updated)d updated.",
                "%(found)d meters found: %(new)d new, %(updated)d updated.",
                now.found,
            )
        ]
    if now.unclear:
        facts.append(
            ngettext(
                "Something at %(unclear)d primary address cannot be read.",
                "Something at %(unclear)d primary addresses cannot be read.",
                now.unclear,
            )
        )
    if now.unanswered:
        facts.append(
            ngettext(
                "%(unanswered)d known or expected meter does not answer.",
                "%(unanswered)d known or expected meters do not answer.",
                now.unanswered,
            )
        )
    return [fact % numbers for fact in facts]
