"""What should run, in one file that is replaced as a whole: that moment is the one at which a release counts as installed.

========  =============  ====================================  =================================================
state     current        trial                                 leaves it by
========  =============  ====================================  =================================================
package   package        none                                  install → fresh
fresh     the new slot   previous, all starts left             begin → trial; the old release still runs
trial     the new slot   previous, fewer starts left           confirm → kept; begin with none left → previous
kept      a slot         none                                  install → fresh; newer package → package
========  =============  ====================================  =================================================

Whatever the state, a slot that cannot run is left at begin: for the previous one, or for the package, which can always run.
Without a file that can be read, what ``current`` names is taken as kept.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from mbusio.files import write_atomically
from mbusmaster.helper.slots.layout import CURRENT, PACKAGE, SLOTS

STARTS: Final = 3
"""How often a release may be started before it says that it is well."""
INSTALLED: Final = "installed"
ROLLED_BACK: Final = "rolled back"
_FORMAT: Final = 1
_LARGEST: Final = 16 * 1024
_NAME: Final = "state.json"


@dataclass(frozen=True, slots=True)
class Trial:
    """A release that has not said yet that it is well.

    :ivar previous: slot to go back to.
    :ivar starts_left: before that.
    """

    previous: str
    starts_left: int = STARTS


@dataclass(frozen=True, slots=True)
class Last:
    """What became of the last installation.

    :ivar outcome: `INSTALLED` or `ROLLED_BACK`.
    :ivar why: template, empty for `INSTALLED`.
    """

    release: int
    outcome: str
    why: str = ""
    values: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """Why, in English."""
        return self.why % self.values if self.values else self.why


@dataclass(frozen=True, slots=True)
class State:
    """What should run."""

    current: str = PACKAGE
    trial: Trial | None = None
    last: Last | None = None

    @property
    def is_fresh(self) -> bool:
        """The release was installed and not started yet."""
        return self.trial is not None and self.trial.starts_left == STARTS


def load(root: Path) -> State:
    """Read the state; where there is none that can be read, what the link says."""
    try:
        with open(root / _NAME, "rb") as file:
            return _state(json.loads(file.read(_LARGEST)))
    except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return State(linked(root))


def save(root: Path, state: State) -> None:
    """Replace the state; raise `OSError`."""
    write_atomically(root / _NAME, json.dumps({"format": _FORMAT, **asdict(state)}).encode())


def linked(root: Path) -> str:
    """Give what ``current`` names, which is what runs; the package where that is nothing."""
    try:
        name = os.readlink(root / CURRENT)
    except OSError:
        return PACKAGE
    return name if name in SLOTS else PACKAGE


def _state(content: Mapping[str, Any]) -> State:
    if content["format"] != _FORMAT or content["current"] not in (PACKAGE, *SLOTS):
        raise ValueError("not a state of this format")
    trial, last = content["trial"], content["last"]
    if trial is not None and trial["previous"] not in (PACKAGE, *SLOTS):
        raise ValueError("no such slot")
    return State(
        content["current"],
        trial and Trial(trial["previous"], int(trial["starts_left"])),
        last and Last(int(last["release"]), str(last["outcome"]), str(last["why"]), dict(last["values"])),
    )
