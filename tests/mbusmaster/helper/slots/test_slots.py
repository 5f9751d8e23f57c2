"""A release goes into the other slot, proves well or is taken back, and what ran before is there until then."""

import errno
import os
import stat
from pathlib import Path

import pytest

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.slots import begin, install
from mbusmaster.helper.slots.begin import confirm
from mbusmaster.helper.slots.state import INSTALLED, ROLLED_BACK, Last, State, Trial, load
from mbusreleases import errors
from support.releases import ReleaseMaker
from support.slots import Machine


@pytest.fixture
def maker(tmp_path: Path) -> ReleaseMaker:
    return ReleaseMaker(tmp_path / "maker")


@pytest.fixture
def machine(tmp_path: Path, maker: ReleaseMaker) -> Machine:
    machine = Machine(tmp_path / "machine", maker.root)
    machine.start()
    return machine


def kept(machine: Machine, path: Path) -> None:
    machine.install(path)
    machine.start()
    confirm(machine.places)


def test_the_package_runs_where_no_release_was_installed(machine: Machine) -> None:
    assert machine.start() == State()
    assert machine.runs() == "package"


def test_a_release_runs_after_the_next_start_and_not_before(machine: Machine, maker: ReleaseMaker) -> None:
    assert machine.install(maker.good(42)) == "a"
    assert machine.runs() == "package"
    machine.start()
    assert machine.runs() == "release 42"


def test_the_second_release_goes_into_the_other_slot(machine: Machine, maker: ReleaseMaker) -> None:
    kept(machine, maker.good(42))
    assert machine.install(maker.good(43)) == "b"
    machine.start()
    assert machine.runs() == "release 43"
    assert load(machine.places.root).trial == Trial("a", 2)


def test_a_release_that_says_that_it_is_well_is_kept(machine: Machine, maker: ReleaseMaker) -> None:
    kept(machine, maker.good(42))
    assert load(machine.places.root) == State("a", None, Last(42, INSTALLED))
    for _ in range(10):
        machine.start()
    assert machine.runs() == "release 42"


def test_a_release_that_crashes_is_taken_back_after_three_starts(
    machine: Machine, maker: ReleaseMaker
) -> None:
    kept(machine, maker.good(42))
    machine.install(maker.crashes_at_start(43))
    for _ in range(3):
        machine.start()
        assert "cannot start" in machine.runs()
    state = machine.start()
    assert machine.runs() == "release 42"
    last = Last(43, ROLLED_BACK, begin.DID_NOT_START, {"release": 43, "starts": 3})
    assert state == State("a", None, last)


def test_after_a_release_was_taken_back_a_better_one_can_be_installed(
    machine: Machine, maker: ReleaseMaker
) -> None:
    machine.install(maker.crashes_at_start(43))
    for _ in range(4):
        machine.start()
    assert machine.runs() == "package"
    kept(machine, maker.good(44))
    assert machine.runs() == "release 44"


def test_the_gateway_that_still_runs_cannot_vouch_for_a_release_that_was_never_started(
    machine: Machine, maker: ReleaseMaker
) -> None:
    machine.install(maker.good(42))
    assert confirm(machine.places).is_fresh


def test_no_release_is_installed_while_another_is_on_trial(machine: Machine, maker: ReleaseMaker) -> None:
    machine.install(maker.good(42))
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            machine.install(maker.good(43))
        assert (refused.value.text.template, refused.value.text.values) == (install.ON_TRIAL, {"release": 42})
        machine.start()


def test_a_newer_package_wins_over_the_slot_and_the_slots_are_dropped(
    machine: Machine, maker: ReleaseMaker
) -> None:
    kept(machine, maker.good(42))
    machine.set_package(43)
    assert machine.start() == State("package", None, Last(43, INSTALLED))
    assert machine.runs() == "package"
    assert not (machine.places.root / "a").exists()


@pytest.mark.parametrize("package", [41, 42])
def test_a_package_that_is_not_newer_leaves_the_slot_in_force(
    package: int, machine: Machine, maker: ReleaseMaker
) -> None:
    kept(machine, maker.good(42))
    machine.set_package(package)
    machine.start()
    assert machine.runs() == "release 42"


def test_a_release_older_than_the_package_is_refused(machine: Machine, maker: ReleaseMaker) -> None:
    machine.set_package(50)
    with pytest.raises(RefusedError) as refused:
        machine.install(maker.good(42))
    assert refused.value.text.template == errors.OLDER_RELEASE


def test_a_slot_for_another_python_is_left_for_the_package(machine: Machine, maker: ReleaseMaker) -> None:
    kept(machine, maker.good(42))
    file = machine.places.root / "a" / "release.json"
    here = file.read_text()
    python = maker.description(42).python
    file.write_text(here.replace(f'"{python}"', '"3.99"'))
    state = machine.start()
    assert state.last is not None
    assert state.last.why == begin.OTHER_PYTHON
    assert machine.runs() == "package"


def test_a_damaged_slot_is_left_for_the_package(machine: Machine, maker: ReleaseMaker) -> None:
    kept(machine, maker.good(42))
    (machine.places.root / "a" / "bin" / "python").unlink()
    state = machine.start()
    assert state.last is not None
    assert state.last.why == begin.DAMAGED
    assert machine.runs() == "package"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 9}', b'{"format": 1, "current": "../../etc"}']
)
def test_a_damaged_state_leaves_what_runs(content: bytes, machine: Machine, maker: ReleaseMaker) -> None:
    kept(machine, maker.good(42))
    (machine.places.root / "state.json").write_bytes(content)
    machine.start()
    assert machine.runs() == "release 42"


def test_how_far_it_is_is_told(machine: Machine, maker: ReleaseMaker) -> None:
    machine.install(maker.good(42))
    assert [step for step, _, _ in machine.told][:3] == ["checking", "unpacking", "installing"]
    percents = [percent for _, percent, _ in machine.told]
    assert percents == sorted(percents)
    assert {release for _, _, release in machine.told} == {0, 42}


@pytest.mark.parametrize(
    "kind", ["altered_file", "wrong_signature", "dotdot", "bomb", "huge", "contradiction"]
)
def test_what_is_refused_leaves_nothing(kind: str, machine: Machine, maker: ReleaseMaker) -> None:
    with pytest.raises(RefusedError):
        machine.install(getattr(maker, kind)())
    left = {path.name for path in machine.places.root.iterdir()}
    assert left <= {"current", "lock", "trust", "state.json"}
    machine.start()
    assert machine.runs() == "package"


def test_a_link_in_the_folder_of_the_gateway_is_not_followed(machine: Machine, maker: ReleaseMaker) -> None:
    path = maker.good(42)
    (machine.places.spool / path.name).symlink_to(path)
    installer = install.Installer(machine.places)
    with pytest.raises(RefusedError) as refused:
        installer.install(path.name, from_server=False, tell=lambda *facts: None)
    assert refused.value.text.template == install.NO_FILE


def test_the_folder_of_the_gateway_may_not_be_a_link_itself(machine: Machine, maker: ReleaseMaker) -> None:
    path = maker.good(42)
    machine.places.spool.rmdir()
    machine.places.spool.symlink_to(path.parent)
    with pytest.raises(RefusedError) as refused:
        install.Installer(machine.places).install(path.name, from_server=False, tell=lambda *facts: None)
    assert refused.value.text.template == install.NO_FILE


def test_a_pipe_in_the_folder_of_the_gateway_holds_nobody_up(machine: Machine, maker: ReleaseMaker) -> None:
    name = maker.good(42).name
    os.mkfifo(machine.places.spool / name)
    with pytest.raises(RefusedError) as refused:
        install.Installer(machine.places).install(name, from_server=False, tell=lambda *facts: None)
    assert refused.value.text.template == install.NO_FILE


@pytest.mark.parametrize(
    "name", ["../state.json", "/etc/passwd", "release.tar", "", "MBMC2022_release_0042.tar/.."]
)
def test_only_names_of_release_files_are_opened(name: str, machine: Machine) -> None:
    with pytest.raises(RefusedError) as refused:
        install.Installer(machine.places).install(name, from_server=False, tell=lambda *facts: None)
    assert refused.value.text.template == errors.WRONG_FILE_NAME


def test_what_is_trusted_is_of_root_alone(machine: Machine, maker: ReleaseMaker) -> None:
    machine.install(maker.good(42))
    assert stat.S_IMODE((machine.places.root / "trust").stat().st_mode) == 0o700


def test_on_a_full_disk_the_release_before_runs_because_starts_cannot_be_counted(
    machine: Machine, maker: ReleaseMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(root: Path, state: State) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    machine.install(maker.good(42))
    machine.start()
    with monkeypatch.context() as patched:
        patched.setattr(begin, "save", full)
        for _ in range(5):
            machine.start()
            assert machine.runs() == "package"
    confirm(machine.places)
    assert load(machine.places.root).trial is not None, "the one that runs is not the one on trial"
    machine.start()
    assert machine.runs() == "release 42"
