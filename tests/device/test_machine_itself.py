"""The machine of the device test is worth what it is believed to be."""

import pytest

from device.machine import Machine

pytestmark = [pytest.mark.device, pytest.mark.timeout(600)]


def test_a_power_cut_loses_what_was_not_flushed_and_nothing_else(bare: Machine) -> None:
    bare.put("/root/flushed", b"here")
    bare.run("dd if=/dev/urandom of=/root/written bs=1M count=8 status=none")

    bare.power_cut()
    bare.boot()

    assert bare.get("/root/flushed") == b"here"
    assert bare.run("stat -c %s /root/written || true").output.strip() != str(8 << 20)


def test_the_battery_clock_is_what_the_test_wants(bare: Machine) -> None:
    shown = bare.run("cat /sys/class/rtc/rtc0/date && date -u +%F").output.split()

    assert shown[0] == shown[1]


def test_the_ethernet_cable_can_be_pulled(bare: Machine) -> None:
    bare.run("ip link set eth0 up")
    bare.cable(plugged=False)
    bare.until("NO-CARRIER", "sh", "-c", "ip link show eth0; ip -o monitor link dev eth0")
    bare.cable(plugged=True)

    assert bare.until("LOWER_UP", "sh", "-c", "ip link show eth0; ip -o monitor link dev eth0")
