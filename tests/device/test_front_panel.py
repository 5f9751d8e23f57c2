"""The front panel through the kernel: lamps are LEDs, the reset button is a key."""

import pytest

from device.image import HERE
from device.machine import Machine
from device.pc import FACTORY_PASSWORD
from device.product import UNIT, Site, restart

pytestmark = [pytest.mark.device, pytest.mark.timeout(900)]

PANEL = "device-panel.service"
LAMPS = {
    "power_red": "numlock",
    "mbus_red": "capslock",
    "mbus_green": "scrolllock",
    "data_green": "compose",
    "overload_red": "kana",
    "ethernet_green": "mail",
}
"""Our lamps, in the order of `guest/front_panel.py`, and what the kernel calls its LEDs."""


# Opened both ways, the pipe neither waits for a writer nor ends with one.
_START_PANEL = b"""#!/bin/sh
exec /usr/lib/mbusmaster/bin/python -I -B /root/front_panel.py <>/run/panel-keys
"""


@pytest.fixture
def panel(site: Site) -> Site:
    """A device with lamps and a button."""
    machine = site.machine
    machine.put("/root/front_panel.py", (HERE / "guest/front_panel.py").read_bytes())
    machine.put("/root/front-panel", _START_PANEL, 0o755)
    machine.run("mkfifo /run/panel-keys && systemd-run --unit device-panel /root/front-panel")
    event = machine.logged("ready", unit=PANEL).split()[1]
    led = machine.run(
        f"udevadm settle && ls /sys$(udevadm info --query path {event})/../ | grep ::numlock"
    ).output.strip()
    names = "\n".join(f'{ours} = "{led.replace("numlock", theirs)}"' for ours, theirs in LAMPS.items())
    machine.run(
        "cat >> /etc/mbusmaster/mbusmaster.toml",
        stdin=f'\n[panel]\nbutton = "evdev:{event}:KEY_RESTART"\n[panel.led_names]\n{names}\n'.encode(),
    )
    restart(machine)
    return site


def _lamp(machine: Machine, name: str, value: int, after: str | None = None) -> None:
    machine.logged(f"lamp {list(LAMPS).index(name)} {value}$", unit=PANEL, after=after, seconds=90)


def test_the_lamps_follow_the_state(panel: Site) -> None:
    machine = panel.machine
    _lamp(machine, "power_red", 1)
    _lamp(machine, "mbus_green", 1)

    end = machine.journal_cursor()
    machine.run("systemctl stop device-bus.service")
    _lamp(machine, "mbus_red", 1, end)
    machine.run("systemctl start device-bus.service")
    _lamp(machine, "mbus_red", 0, end)


def test_the_lamps_are_dark_when_the_gateway_has_ended(panel: Site) -> None:
    _lamp(panel.machine, "power_red", 1)
    end = panel.machine.journal_cursor()

    panel.machine.run(f"systemctl stop {UNIT}")

    _lamp(panel.machine, "power_red", 0, end)


def test_the_button_held_for_ten_seconds_resets_the_users(panel: Site) -> None:
    machine = panel.machine
    assert panel.pc.api("GET", "/users").status == 200
    end = machine.journal_cursor()

    machine.run("echo 1 > /run/panel-keys")
    machine.logged("reset button was held", unit=UNIT, after=end, seconds=60)
    machine.run("echo 0 > /run/panel-keys")

    assert panel.pc.api("GET", "/users").status == 401
    panel.pc.token = ""
    given = {"default_password": FACTORY_PASSWORD, "name": "second", "password": "one more long passphrase"}
    assert panel.pc.api("POST", "/first-user", given).status == 201


def test_the_button_held_for_too_short_a_time_does_nothing(panel: Site) -> None:
    panel.machine.run("echo 1 > /run/panel-keys; sleep 5; echo 0 > /run/panel-keys")

    assert panel.pc.api("GET", "/users").status == 200
