"""Updates on a real system: installed through the API into the other slot, kept when they come up, else taken back."""

import contextlib
import random
import threading

import pytest

from device.agent_channel import MachineGoneError
from device.product import UNIT, Site
from device.release_files import ReleaseMaker

pytestmark = [pytest.mark.device, pytest.mark.timeout(1800)]

HELPER = "mbusmaster-helper.service"
INSTALL_SECONDS = 400.0


def _send(site: Site, number: int, content: bytes) -> None:
    """Hand over a release; raise `MachineGoneError`."""
    name = f"MBMC2022_release_{number:04d}.tar"
    sent = site.pc.send(f"/firmware?name={name}", "application/octet-stream", content, seconds=300)
    assert sent.status == 202, sent


def test_an_update_is_installed_kept_and_survives_a_start(site: Site, releases: ReleaseMaker) -> None:
    end = site.machine.journal_cursor()
    _send(site, 101, releases.good(101).read_bytes())

    site.machine.logged("Started mbusmaster", unit=UNIT, after=end, seconds=INSTALL_SECONDS)
    site.machine.logged("slots.confirm", unit=HELPER, after=end, seconds=240)

    assert site.machine.run("readlink /var/lib/mbusmaster-slots/current").output.strip() == "a"
    told = site.pc.api("GET", "/firmware").json
    assert (told["installed"]["release"], told["last"]["outcome"]) == ("0101", "installed")
    assert site.pc.api("GET", "/users").json[0]["name"] == "installer"


def test_a_release_that_crashes_when_it_starts_is_taken_back_by_itself(
    site: Site, releases: ReleaseMaker
) -> None:
    end = site.machine.journal_cursor()
    _send(site, 102, releases.crashing(102).read_bytes())

    site.machine.logged("this release crashes when it starts", unit=UNIT, after=end, seconds=INSTALL_SECONDS)
    site.machine.logged("Started mbusmaster", unit=UNIT, after=end, seconds=INSTALL_SECONDS)

    told = site.pc.api("GET", "/firmware").json
    assert (told["installed"]["release"], told["last"]["outcome"]) == ("0100", "rolled back")


def test_a_power_cut_while_an_update_is_installed_leaves_a_gateway_that_runs(
    site: Site, releases: ReleaseMaker
) -> None:
    content = releases.good(103).read_bytes()
    seconds = random.uniform(1, 90)
    cut = threading.Timer(seconds, site.machine.power_cut)
    cut.start()
    with contextlib.suppress(MachineGoneError):
        _send(site, 103, content)
    cut.join()

    site.machine.boot()
    site.machine.run(f"systemctl start {UNIT}", seconds=200)
    site.pc.plug()

    told = site.pc.api("GET", "/firmware")
    assert told.json["installed"]["release"] in ("0100", "0103"), f"cut after {seconds:.1f} s"
