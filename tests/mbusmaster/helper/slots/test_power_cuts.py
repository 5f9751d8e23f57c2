"""The power fails at any moment of an installation: what ran before runs, or what is new, and the next one succeeds."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from mbusmaster.helper.slots.begin import confirm
from support.releases import ReleaseMaker
from support.slots import Machine

STEPS = [
    "cleared",
    "verified",
    "unpacked",
    "environment made",
    "wheels installed",
    "compiled",
    "on the disk",
    "old slot away",
    "slot named",
    "state saved",
    "cleaned",
]
COMMITTED = {"state saved", "cleaned"}
_SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def maker(tmp_path: Path) -> ReleaseMaker:
    return ReleaseMaker(tmp_path / "maker")


@pytest.fixture
def machine(tmp_path: Path, maker: ReleaseMaker) -> Machine:
    """A machine with release 41 in slot b, 42 in slot a, which runs."""
    machine = Machine(tmp_path / "machine", maker.root)
    for number in (40, 41, 42):
        machine.install(maker.good(number))
        machine.start()
        confirm(machine.places)
    assert machine.runs() == "release 42"
    return machine


def install_until(folder: Path, root: Path, path: Path, cut: str) -> None:
    """Install in a process of its own, which ends at a step as if the power had failed."""
    machine = Machine(folder, root)

    def done(step: str) -> None:
        if step == cut:
            os.kill(os.getpid(), signal.SIGKILL)

    machine.install(path, done=done)


def started(machine: Machine, path: Path, cut: str) -> multiprocessing.process.BaseProcess:
    arguments = (machine.places.root.parent, machine.places.trust, path, cut)
    process = _SPAWN.Process(target=install_until, args=arguments)
    process.start()
    return process


def check_that_all_is_well(machine: Machine, maker: ReleaseMaker, allowed: set[str]) -> None:
    machine.start()
    assert machine.runs() in allowed
    confirm(machine.places)
    machine.install(maker.good(44))
    machine.start()
    assert machine.runs() == "release 44"
    left = {path.name for path in machine.places.root.iterdir()}
    assert left <= {"a", "b", "current", "lock", "state.json", "trust"}


def test_all_steps_are_known(machine: Machine, maker: ReleaseMaker) -> None:
    seen: list[str] = []
    machine.install(maker.good(43), done=seen.append)
    assert seen == STEPS


@pytest.mark.process
@pytest.mark.parametrize("step", STEPS)
def test_after_a_power_cut_at_a_step_a_whole_release_runs_and_the_next_can_be_installed(
    step: str, machine: Machine, maker: ReleaseMaker
) -> None:
    process = started(machine, maker.good(43), step)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    process.close()
    check_that_all_is_well(machine, maker, {"release 43" if step in COMMITTED else "release 42"})


@pytest.mark.process
@pytest.mark.parametrize("seed", range(6))
def test_after_a_power_cut_at_any_moment_a_whole_release_runs_and_the_next_can_be_installed(
    seed: int, machine: Machine, maker: ReleaseMaker
) -> None:
    path = maker.good(43)
    process = started(machine, path, "never")
    # When the copy of the file begins, the interpreter and its imports are through.
    while not (machine.places.root / "work").exists() and process.is_alive():
        os.sched_yield()
    time.sleep(random.Random(seed).uniform(0, 0.6))
    process.kill()
    process.join()
    process.close()
    check_that_all_is_well(machine, maker, {"release 42", "release 43"})
