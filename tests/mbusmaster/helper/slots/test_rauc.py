"""Where RAUC looks after the system, a release is an image: checked here, then RAUC's."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.slots import rauc
from mbusmaster.helper.slots.install import NOT_INSTALLED
from mbusmaster.helper.slots.rauc import Images
from mbusmaster.helper.slots.state import INSTALLED, ROLLED_BACK, Last
from mbusreleases import errors
from support.releases import NOW, ReleaseMaker
from support.slots import Machine


class Device:
    """A device with a package in an image, and a RAUC that notes what it is asked."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.machine = Machine(folder, root, package=41)
        self.asked: list[tuple[str, ...]] = []
        self.contents: list[bytes] = []
        self.fails = ""
        self.boot = folder / "boot_id"
        self.boot.write_text("first\n")
        self.images = Images(self.machine.places, now=lambda: NOW, run=self._run, boot=self.boot)

    def install(self, path: Path) -> int:
        path.rename(self.machine.places.spool / path.name)
        return self.images.install(path.name, from_server=False, tell=lambda *facts: None).release

    def restart(self, package: int) -> None:
        self.boot.write_text("second\n")
        self.machine.set_package(package)

    def _run(self, command: Sequence[str], folder: Path) -> None:
        self.asked.append(tuple(command))
        if self.fails:
            raise subprocess.CalledProcessError(1, command, stderr=f"first line\n{self.fails}\n")
        if command[1] == "install":
            self.contents.append(Path(command[-1]).read_bytes())


@pytest.fixture
def maker(tmp_path: Path) -> ReleaseMaker:
    return ReleaseMaker(tmp_path / "maker")


@pytest.fixture
def device(tmp_path: Path, maker: ReleaseMaker) -> Device:
    return Device(tmp_path / "device", maker.root)


def test_rauc_gets_the_image_that_was_signed(device: Device, maker: ReleaseMaker) -> None:
    assert device.install(maker.image(42, b"an image")) == 42
    (command,) = device.asked
    assert command[:2] == ("rauc", "install")
    assert Path(command[2]).name.endswith(".raucb")
    assert device.contents == [b"an image"]
    assert not (device.machine.places.root / "work").exists()


def test_rauc_gets_nothing_that_was_not(device: Device, maker: ReleaseMaker) -> None:
    for path, template in [
        (maker.image(40), errors.OLDER_RELEASE),
        (maker.good(42), errors.WRONG_PLATFORM),
        (maker.altered_file(43), errors.WRONG_PLATFORM),
    ]:
        with pytest.raises(RefusedError) as refused:
            device.install(path)
        assert refused.value.text.template == template
    assert not device.asked


def test_what_rauc_says_against_it_is_handed_on(device: Device, maker: ReleaseMaker) -> None:
    device.fails = "signature verification failed"
    with pytest.raises(RefusedError) as refused:
        device.install(maker.image(42))
    assert refused.value.text.template == NOT_INSTALLED
    assert refused.value.text.values["reason"] == "signature verification failed"


def test_a_system_that_came_up_is_on_trial_until_it_says_that_it_is_well(
    device: Device, maker: ReleaseMaker
) -> None:
    device.install(maker.image(42))
    assert not device.images.is_on_trial(device.images.state())
    device.restart(package=42)
    assert device.images.is_on_trial(device.images.state())
    device.images.confirm()
    assert device.asked[-1] == ("rauc", "status", "mark-good")
    assert not device.images.is_on_trial(device.images.state())
    assert device.images.state().last == Last(42, INSTALLED)


def test_a_system_that_did_not_come_up_is_told_once_the_old_one_runs(
    device: Device, maker: ReleaseMaker
) -> None:
    device.install(maker.image(42))
    device.restart(package=41)
    assert device.images.state().last == Last(42, ROLLED_BACK, rauc.CAME_BACK, {"release": 42})
    assert not device.images.is_on_trial(device.images.state())


def test_no_second_image_before_the_restart(device: Device, maker: ReleaseMaker) -> None:
    device.install(maker.image(42))
    with pytest.raises(RefusedError) as refused:
        device.install(maker.image(43))
    assert refused.value.text.template == rauc.NOT_RESTARTED
