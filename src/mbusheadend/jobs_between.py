"""Jobs of all processes of a head-end, seen and cancelled at each of them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from mbusheadend.gossip import Gossip
from mbusheadend.jobs import Job, Jobs, JobState
from mbusweb.texts import Text

TOPIC: Final = "jobs"
MOST_TOLD: Final = 30
"""Jobs of a process, the newest, that one which begins is told of."""
MOST_PIECES: Final = 100
_LONGEST: Final = 500
_WORDS: Final = ("id", "kind", "subject", "who")


class JobNews:
    """Tells the other processes of the jobs of this one (`Neighbours`), and hears of theirs (`mbusheadend.gossip.Teller`).

    :ivar gossip: carries it, once it is set.
    """

    def __init__(self, jobs: Jobs) -> None:
        self.gossip: Gossip | None = None
        self._jobs = jobs
        self._of: dict[str, set[str]] = {}
        jobs.meet(self)

    def changed(self, job: Job) -> None:
        """See `mbusheadend.jobs.Neighbours`."""
        if self.gossip is not None:
            self.gossip.tell(job.id, _said(job))

    def cancel(self, job: Job) -> None:
        """See the same."""
        if self.gossip is not None:
            self.gossip.tell(f"cancel {job.id}", {"cancel": job.id})

    def everything(self) -> Iterable[tuple[str, Any]]:
        """See `mbusheadend.gossip.Teller`."""
        return [(job.id, _said(job)) for job in self._jobs.here[:MOST_TOLD]]

    def heard(self, process: str, said: Any) -> None:
        """See the same."""
        if "cancel" in said:
            if any(job.id == said["cancel"] for job in self._jobs.here):
                self._jobs.cancel(said["cancel"])
            return
        known = self._jobs.get(str(said["id"]))
        if known is not None and known in self._jobs.here:
            raise ValueError("a job of this process is told of by another one")
        job = known or _job(said)
        _update(job, said)
        self._of.setdefault(process, set()).add(job.id)
        self._jobs.note_elsewhere(job)

    def gone(self, process: str) -> None:
        """See the same."""
        self._jobs.forget_elsewhere(self._of.pop(process, ()))


def _said(job: Job) -> dict[str, Any]:
    return {
        **{word: getattr(job, word)[:_LONGEST] for word in _WORDS},
        "title": _text(job.title),
        "started": job.started.isoformat(),
        "ended": job.ended and job.ended.isoformat(),
        "state": job.state.value,
        "done": job.done,
        "of": job.of,
        "text": _text(job.text),
        "outcome": _text(job.outcome),
        "pieces": {str(key): word for key, word in list(job.pieces.items())[-MOST_PIECES:]},
    }


def _text(text: Text) -> list[Any]:
    values = {
        key: value if isinstance(value, int) else str(value)[:_LONGEST] for key, value in text.values.items()
    }
    return [text.template[:_LONGEST], values]


def _read(said: Any) -> Text:
    template, values = said
    if not isinstance(template, str) or not isinstance(values, Mapping):
        raise ValueError("this is no text")
    return Text(template, dict(values))


def _job(said: Mapping[str, Any]) -> Job:
    started = datetime.fromisoformat(said["started"])
    job = Job(
        str(said["kind"]),
        str(said["subject"]),
        _read(said["title"]),
        str(said["who"]),
        started,
        lambda _: None,
    )
    job.id = str(said["id"])
    return job


def _update(job: Job, said: Mapping[str, Any]) -> None:
    job.state = JobState(said["state"])
    job.ended = None if said["ended"] is None else datetime.fromisoformat(said["ended"])
    job.done, job.of = int(said["done"]), int(said["of"])
    job.text, job.outcome = _read(said["text"]), _read(said["outcome"])
    job.pieces = {int(key): str(word) for key, word in dict(said["pieces"]).items()}
    job.is_wanted = job.is_at_work
