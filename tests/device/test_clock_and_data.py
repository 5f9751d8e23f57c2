"""The clock of a real system, which only here may be set, and the erasure of all data."""

from datetime import UTC, datetime

import pytest

from device.machine import Machine
from device.pc import FACTORY_PASSWORD, USER
from device.product import UNIT, Site

pytestmark = [pytest.mark.device, pytest.mark.timeout(900)]

CAP_SYS_TIME = 1 << 25
SOME_SECONDS = 120
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _seconds(machine: Machine, command: str) -> int:
    return int(machine.run(command).output)


def test_the_time_service_may_set_the_clock_and_nothing_else(site: Site) -> None:
    pid = site.machine.run("systemctl show mbusmaster-time.service --property MainPID --value").output.strip()
    status = site.machine.run(f"cat /proc/{pid}/status").output
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    owner = site.machine.run("id -u mbusmaster").output.strip()

    assert facts["Uid"].split() == [owner] * 4
    assert {int(facts[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {CAP_SYS_TIME}
    log = site.machine.run("journalctl --boot --unit mbusmaster-time.service --output cat").output
    assert "Could not" not in log


def test_a_clock_that_is_set_by_hand_is_set_in_the_battery_clock_too(site: Site) -> None:
    wanted = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)
    site.pc.api("PATCH", "/settings", {"time.source": "manual"})

    answer = site.pc.api("PUT", "/clock", {"time": wanted.isoformat()})

    assert answer.status == 200, answer
    assert abs(_seconds(site.machine, "date +%s") - wanted.timestamp()) < SOME_SECONDS
    assert (
        abs(_seconds(site.machine, "cat /sys/class/rtc/rtc0/since_epoch") - wanted.timestamp()) < SOME_SECONDS
    )


def test_a_dead_battery_takes_the_master_no_further_back_than_it_has_been(site: Site) -> None:
    before = datetime.fromisoformat(site.pc.api("GET", "/clock").json["time"])
    site.machine.power_off()

    site.machine.boot(clock=LONG_AGO)
    site.pc.plug()

    told = site.pc.api("GET", "/clock").json
    assert datetime.fromisoformat(told["time"]) >= before.replace(hour=0, minute=0, second=0), told
    assert told["quality"] == "doubtful"


def test_all_data_is_erased(site: Site) -> None:
    sent = site.pc.send("/meters/import", "text/csv", b"secondary_address,note\n123456782D2C3504,cellar\n")
    assert sent.status == 200, sent
    end = site.machine.journal_cursor()

    assert site.pc.api("POST", "/erase", {"confirmation": "erase all data"}).status == 202
    site.machine.logged("Started mbusmaster", unit=UNIT, after=end, seconds=200)

    assert site.pc.api("GET", "/users").status == 401
    site.pc.token = ""
    assert site.pc.api("GET", "/meters").json["total"] == 0
    left = site.machine.run(
        f"grep -rlaE '{USER}|12345678|cellar' /var/lib/mbusmaster /etc/mbusmaster", check=False
    )
    assert left.output == ""
    given = {"default_password": FACTORY_PASSWORD, "name": "second", "password": "one more long passphrase"}
    assert site.pc.api("POST", "/first-user", given).status == 201
