"""Before each start of the gateway: counts the starts of a release on trial, falls back, and makes ``current`` what should run.

Which wins, slot or package: the higher number. A package that is newer than the slot's release (somebody installed it by hand)
takes over, and the slots are dropped; with the same number the slot goes on.

The link is made here only, while no gateway runs: Python finds what is imported late by the path through which it was started.
Runs as root in a moment of its own (ExecStartPre=), so it loads nothing that checks signatures.
"""

import logging
import shutil
from dataclasses import replace
from typing import Final

from mbusio.files import sync_folder
from mbusmaster.helper.slots.layout import PACKAGE, PYTHON, SLOTS, Places, locked
from mbusmaster.helper.slots.state import (
    INSTALLED,
    ROLLED_BACK,
    STARTS,
    Last,
    State,
    Trial,
    linked,
    load,
    save,
)
from mbusweb.texts import mark

DID_NOT_START: Final = mark(
    "Release %(release)s was started %(starts)s times and never said that it is well: the one before is back."
)
OTHER_PYTHON: Final = mark(
    "Release %(release)s was made for Python %(wanted)s, and this system has %(here)s: another one runs instead. "
    "Install a release for this system."
)
DAMAGED: Final = mark(
    "The slot of release %(release)s is damaged: another one runs instead. Install it again."
)

_log = logging.getLogger(__name__)


def begin(places: Places) -> State:
    """Give what runs now; call it once before each start of the gateway. Raise `OSError`."""
    with locked(places.root):
        before = load(places.root)
        state = _counted(_runnable(_newer_package(before, places), places), places)
        is_saved = state == before or _saved(places, state)
        if not is_saved and state.trial is not None:
            # A start that cannot be counted is not made: it could be made for ever.
            state = State(_before(state, places), None, state.last)
        if state.last is not None and state.last != before.last:
            _log.warning("release %d %s %s", state.last.release, state.last.outcome, state.last.said)
        places.link(state.current)
        if is_saved and state.current == PACKAGE:
            _drop(places)
        return state


def confirm(places: Places) -> State:
    """Keep the release on trial: it says that it is well. Does nothing where it does not run, or none is on trial."""
    with locked(places.root):
        state = load(places.root)
        if state.trial is None or state.is_fresh or linked(places.root) != state.current:
            return state
        release = places.release(state.current)[0]
        kept = State(state.current, None, Last(release, INSTALLED))
        save(places.root, kept)
        _log.info("release %d is kept", release)
        return kept


def _saved(places: Places, state: State) -> bool:
    try:
        save(places.root, state)
    except OSError as error:
        _log.error("what should run cannot be written: %s", error)
        return False
    return True


def _newer_package(state: State, places: Places) -> State:
    slot, package = places.release(state.current)[0], places.release(PACKAGE)[0]
    if state.current == PACKAGE or package <= slot or not slot:
        return state
    return State(PACKAGE, None, Last(package, INSTALLED))


def _runnable(state: State, places: Places) -> State:
    """Leave a slot that cannot run."""
    if places.can_run(state.current):
        return state
    release = places.release(state.current)[0]
    description = places.description(state.current)
    last = Last(release, ROLLED_BACK, DAMAGED, {"release": release})
    if description is not None and description.python != PYTHON:
        values: dict[str, str | int] = {"release": release, "wanted": description.python, "here": PYTHON}
        last = Last(release, ROLLED_BACK, OTHER_PYTHON, values)
    return State(_before(state, places), None, last)


def _counted(state: State, places: Places) -> State:
    """Count a start of a release on trial; the one before where it had all of its starts."""
    if state.trial is None:
        return state
    if state.trial.starts_left > 0:
        return replace(state, trial=Trial(state.trial.previous, state.trial.starts_left - 1))
    release = places.release(state.current)[0]
    last = Last(release, ROLLED_BACK, DID_NOT_START, {"release": release, "starts": STARTS})
    return State(_before(state, places), None, last)


def _before(state: State, places: Places) -> str:
    """Give what to go back to: the slot before, or the package where that cannot run or is newer."""
    previous = state.trial.previous if state.trial else PACKAGE
    newer = places.release(previous)[0] >= places.release(PACKAGE)[0]
    return previous if places.can_run(previous) and newer else PACKAGE


def _drop(places: Places) -> None:
    """Remove what no state leads to any more; a slot first loses its description, so that half of one is none."""
    for name in SLOTS:
        folder = places.slot(name)
        if folder.exists():
            (folder / "release.json").unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
    sync_folder(places.root)
