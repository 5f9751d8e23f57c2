"""What the helper must still know of a trial when it was killed and started again: a file that the next boot does not have."""

import enum
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mbusio.files import write_atomically
from mbusmaster.errors import MasterError
from mbusmaster.helper.network.backend import Change
from mbusmaster.helper.network.plan import read_wanted
from mbusweb.texts import NO_TEXT, Text

FILE: Final = Path("/run/mbusmaster-helper/network.json")
_MOST: Final = 1 << 16

_log = logging.getLogger(__name__)


class Phase(enum.StrEnum):
    """Where a trial is; what a helper that starts again does with it is said in `trial`."""

    APPLYING = "applying"
    RUNNING = "running"
    KEEPING = "keeping"
    GOING_BACK = "going back"


class Outcome(enum.StrEnum):
    """How a trial ended."""

    KEPT = "kept"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Trial:
    """Addresses on trial.

    :ivar manager: name of the backend.
    :ivar deadline: seconds of the clock since boot; the trial goes back then.
    :ivar why: for which reason it goes back, in the phase of that.
    """

    change: Change
    manager: str
    deadline: float
    phase: Phase
    why: Text = NO_TEXT


@dataclass(frozen=True, slots=True)
class Ended:
    """The last trial that is over."""

    id: str
    outcome: Outcome
    why: Text = NO_TEXT


@dataclass(frozen=True, slots=True)
class Remembered:
    """All that is in the file."""

    trial: Trial | None = None
    last: Ended | None = None


class Memory:
    """The file; only root can read and write it and its folder."""

    def __init__(self, path: Path = FILE) -> None:
        self._path = path

    def load(self) -> Remembered:
        """Read it; without a file, or with one that cannot be read, there is nothing to remember."""
        try:
            with self._path.open("rb") as file:
                facts = json.loads(file.read(_MOST))
            return Remembered(_trial(facts["trial"]), _ended(facts["last"]))
        except FileNotFoundError:
            return Remembered()
        except (OSError, ValueError, KeyError, TypeError, MasterError) as error:
            _log.error("what was known of a trial of addresses in %s cannot be read: %s", self._path, error)
            return Remembered()

    def save(self, remembered: Remembered) -> None:
        """Replace it; raise `OSError`."""
        self._path.parent.mkdir(mode=0o755, exist_ok=True)
        trial, last = remembered.trial, remembered.last
        facts = {"trial": trial and _trial_facts(trial), "last": last and ended_facts(last)}
        write_atomically(self._path, json.dumps(facts).encode())


def ended_facts(ended: Ended) -> dict[str, Any]:
    """Give the end of a trial in the words of the socket."""
    return {
        "id": ended.id,
        "outcome": str(ended.outcome),
        "why": ended.why.template,
        "values": dict(ended.why.values),
    }


def _trial_facts(trial: Trial) -> dict[str, Any]:
    return {
        "id": trial.change.id,
        "wanted": trial.change.wanted.facts(),
        "before": dict(trial.change.before),
        "manager": trial.manager,
        "deadline": trial.deadline,
        "phase": str(trial.phase),
        "why": trial.why.template,
        "values": dict(trial.why.values),
    }


def _trial(facts: Mapping[str, Any] | None) -> Trial | None:
    if facts is None:
        return None
    change = Change(str(facts["id"]), read_wanted(facts["wanted"]), dict(facts["before"]))
    why = Text(facts["why"], facts["values"])
    return Trial(change, str(facts["manager"]), float(facts["deadline"]), Phase(facts["phase"]), why)


def _ended(facts: Mapping[str, Any] | None) -> Ended | None:
    if facts is None:
        return None
    return Ended(str(facts["id"]), Outcome(facts["outcome"]), Text(facts["why"], facts["values"]))
