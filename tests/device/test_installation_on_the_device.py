"""`apt install ./mbusmaster_*.deb` on a fresh Debian gives a running gateway, and purge takes it away."""

import re

import pytest

from device.machine import Machine, Result
from device.product import UNIT

pytestmark = [pytest.mark.device, pytest.mark.timeout(900)]

MOST_EXPOSED = 3.0
"""Of `systemd-analyze security`: 0 is the least exposed, 10 the most."""
MOST_MEMORY = 80
"""MiB that the gateway may have resident."""


def _properties(machine: Machine, *names: str) -> dict[str, str]:
    shown = machine.run(f"systemctl show {UNIT} --property {','.join(names)}").output
    return dict(line.split("=", 1) for line in shown.splitlines())


def test_the_package_installs_without_complaint(installation: Result) -> None:
    assert not re.search(r"warning.*mbusmaster|error|fail|could not", installation.output, re.IGNORECASE)


def test_the_gateway_runs_after_the_installation_and_nothing_has_failed(installed: Machine) -> None:
    assert installed.run("systemctl is-active mbusmaster.service").output.strip() == "active"
    assert installed.run("systemctl list-units --failed --no-legend --plain").output == ""


def test_the_gateway_runs_without_rights_under_a_watchdog(installed: Machine) -> None:
    shown = _properties(installed, "MainPID", "WatchdogUSec", "Type", "StatusText")
    process = installed.run(f"ps -o user=,rss= -p {shown['MainPID']}").output.split()

    assert (shown["Type"], shown["WatchdogUSec"]) == ("notify", "1min")
    assert process[0] == "mbusmas+" or process[0] == "mbusmaster"
    assert int(process[1]) / 1024 <= MOST_MEMORY


@pytest.mark.parametrize("unit", ["", "-helper", "-time", "-setup-dhcp"])
def test_its_units_are_little_exposed(installed: Machine, unit: str) -> None:
    said = installed.run(f"systemd-analyze security mbusmaster{unit}.service --no-pager").output
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)

    assert exposure is not None
    assert float(exposure[1]) <= MOST_EXPOSED, said


def test_the_watchdog_restarts_a_gateway_that_hangs(installed: Machine) -> None:
    pid = _properties(installed, "MainPID")["MainPID"]
    end = installed.journal_cursor()
    installed.run(f"kill -STOP {pid}")

    installed.logged("Watchdog timeout", unit=UNIT, after=end, seconds=120)
    installed.logged("Started mbusmaster", unit=UNIT, after=end, seconds=180)

    assert _properties(installed, "MainPID")["MainPID"] != pid


def test_a_purge_leaves_nothing(installed: Machine) -> None:
    installed.run("DEBIAN_FRONTEND=noninteractive apt-get purge --yes mbusmaster", seconds=300)

    left = installed.run(
        "find / -xdev -name '*mbusmaster*' -not -path '/proc/*' -not -path '/var/log/journal/*'"
    ).output
    assert left.split() == []
    assert installed.run("getent passwd mbusmaster || getent group mbusmaster", check=False).output == ""
    assert installed.run("ip address show to 10.0.0.1").output == ""
    assert installed.run("nft list tables").output == ""
    assert installed.run("systemctl list-units --failed --no-legend --plain").output == ""
