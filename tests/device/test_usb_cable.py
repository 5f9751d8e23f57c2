"""The USB cable: an address for the PC, the pages, and the bus through a serial port; and nothing of it for the LAN."""

import json

import pytest

from device.pc import API_URL
from device.product import METERS, Site

pytestmark = [pytest.mark.device, pytest.mark.timeout(900)]


def test_the_pc_gets_an_address_and_neither_gateway_nor_name_server(site: Site) -> None:
    assert site.lease["ip"].startswith("10.0.0.")
    assert site.lease["subnet"] == "255.255.255.0"
    assert site.lease["serverid"] == "10.0.0.1"
    assert not {"router", "dns", "domain"} & set(site.lease)


def test_the_pc_opens_the_pages(site: Site) -> None:
    answer = site.pc.get("/config")

    assert answer.status == 200
    assert "M-Bus master" in answer.body
    assert site.pc.get("/users").body.count('type="password"') == 1, "a visitor has to log in"


def test_the_lan_gets_nothing_of_it(site: Site) -> None:
    machine = site.machine
    machine.run(
        "ip netns add lan && ip link set eth1 netns lan && ip -n lan link set eth1 up && ip link set eth0 up"
        " && ip address add 192.0.2.1/24 dev eth0 && ip -n lan address add 192.0.2.2/24 dev eth1"
        " && ip -n lan route add 10.0.0.0/24 via 192.0.2.1"
    )
    machine.run(
        "ip netns exec lan ping -c 1 -w 10 192.0.2.1 || ip netns exec lan busybox ping -c 1 -w 10 192.0.2.1"
    )

    for port in (80, 443, 1445):
        tried = machine.run(
            f"ip netns exec lan curl --silent --max-time 3 http://10.0.0.1:{port}/", check=False, seconds=20
        )
        assert tried.status == 28, "no answer at all: it is not refused, it is not there"
    asked = "ip netns exec lan busybox arping -c 2 -w 3 -I eth1 10.0.0.1"
    assert machine.run(asked, check=False, seconds=20).status != 0


@pytest.mark.parametrize("baud", [2400, 9600])
def test_the_pc_reads_a_meter_over_the_serial_port_at_whatever_rate_it_opens_it(
    site: Site, baud: int
) -> None:
    """The cable has no baud rate and the kernel tells none: what the PC sets changes nothing on the bus (docs/device-test.md)."""
    end = site.machine.journal_cursor()
    read = site.machine.run(f"mbus read '/dev/ttyACM0?baud={baud}&allowance=40' 1 --json", seconds=150)

    assert json.loads(read.output.splitlines()[-1])
    assert "Traceback" not in site.machine.run(f"journalctl --after-cursor '{end}' -u mbusmaster").output


def test_the_pc_finds_all_meters_by_a_scan_from_the_page(site: Site) -> None:
    begun = site.pc.api("POST", "/scans", {"mode": "primary", "baud": 2400, "first": 1, "last": METERS})
    assert begun.status == 202, begun
    watched = site.pc.run(
        f'curl -sN -H "Authorization: Bearer {site.pc.token}" {API_URL}/scans/{begun.json["number"]}/events',
        seconds=120,
    )

    assert "event: scan" in watched.output
    assert site.pc.api("GET", "/meters").json["total"] == METERS
