"""What the helper takes as addresses for the Ethernet port, and for which devices."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.network import phrases
from mbusmaster.helper.network.plan import Devices, read_interface, read_seconds, read_wanted

GOOD: dict[str, Any] = {
    "interface": "eth0",
    "dhcp": False,
    "address": "192.168.1.20",
    "netmask": "255.255.255.0",
    "gateway": "192.168.1.1",
    "dns1": "192.168.1.1",
    "dns2": "9.9.9.9",
}


def test_what_was_read_is_said_again_in_the_same_words() -> None:
    wanted = read_wanted(GOOD)
    assert not wanted.dhcp
    assert wanted.facts() == GOOD
    assert read_wanted(wanted.facts()) == wanted


@pytest.mark.parametrize("name", ["..", "a\0b", "\ud800", "x" * 60_000, "eth0\n", 5, None, ["eth0"]])
def test_what_is_no_name_of_a_device_counts_as_none_said(name: object) -> None:
    assert read_interface({"interface": name}) == ""


def test_under_dhcp_addresses_lie_idle() -> None:
    wanted = read_wanted(GOOD | {"dhcp": True, "address": "nonsense"})
    assert wanted.dhcp
    assert read_wanted(wanted.facts()) == wanted


def test_gateway_and_name_servers_may_be_missing() -> None:
    wanted = read_wanted(GOOD | {"gateway": None, "dns1": "", "dns2": None})
    assert (wanted.gateway, wanted.dns) == (None, ())


def test_a_link_of_two_machines_has_no_addresses_of_its_own() -> None:
    said = {"address": "192.168.1.20", "netmask": "255.255.255.254", "gateway": "192.168.1.21"}
    assert str(read_wanted(GOOD | said).ipv4) == "192.168.1.20/31"


@pytest.mark.parametrize(
    ("change", "template"),
    [
        ({"interface": "eth0\n[Network]"}, phrases.NOT_UNDERSTOOD),
        ({"interface": "e*"}, phrases.NOT_UNDERSTOOD),
        ({"interface": "../eth0"}, phrases.NOT_UNDERSTOOD),
        ({"interface": ".."}, phrases.NOT_UNDERSTOOD),
        ({"interface": "!eth0"}, phrases.NOT_UNDERSTOOD),
        ({"interface": "a" * 16}, phrases.NOT_UNDERSTOOD),
        ({"interface": None}, phrases.NOT_UNDERSTOOD),
        ({"dhcp": 0}, phrases.NOT_UNDERSTOOD),
        ({"address": 3232235796}, phrases.NOT_UNDERSTOOD),
        ({"address": "192.168.1.020"}, phrases.NOT_AN_ADDRESS),
        ({"address": "192.168.1.20\nDNS=1.1.1.1"}, phrases.NOT_AN_ADDRESS),
        ({"address": None}, phrases.ADDRESS_MISSING),
        ({"netmask": None}, phrases.ADDRESS_MISSING),
        ({"netmask": "255.0.255.0"}, phrases.NOT_A_NETMASK),
        ({"netmask": "255.255.255.255"}, phrases.NOT_A_NETMASK),
        ({"netmask": "0.0.0.0"}, phrases.NOT_A_NETMASK),
        ({"netmask": "0.0.0.255"}, phrases.NOT_A_NETMASK),
        ({"address": "127.0.0.2"}, phrases.NOT_A_MACHINE),
        ({"address": "224.0.0.1"}, phrases.NOT_A_MACHINE),
        ({"address": "255.255.255.255"}, phrases.NOT_A_MACHINE),
        ({"address": "0.0.0.3"}, phrases.NOT_A_MACHINE),
        ({"address": "169.254.3.4"}, phrases.NOT_A_MACHINE),
        ({"dns2": "224.0.0.251"}, phrases.NOT_A_MACHINE),
        ({"address": "192.168.1.0"}, phrases.NETWORKS_OWN),
        ({"address": "192.168.1.255"}, phrases.NETWORKS_OWN),
        ({"gateway": "192.168.1.255"}, phrases.NETWORKS_OWN),
        ({"gateway": "192.168.2.1"}, phrases.GATEWAY_OUTSIDE),
        ({"gateway": "192.168.1.20"}, phrases.GATEWAY_IS_OWN),
        ({"address": "10.0.0.20", "gateway": None}, phrases.OVERLAPS_SETUP),
        ({"address": "10.9.9.9", "netmask": "255.0.0.0", "gateway": None}, phrases.OVERLAPS_SETUP),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], template: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_wanted(GOOD | change)
    assert caught.value.text.template == template


json = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.integers(), max_size=2)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), json))
def test_anything_else_is_refused_too(said: dict[str, Any]) -> None:
    with contextlib.suppress(RefusedError):
        read_wanted(read_wanted(GOOD | said).facts())


@pytest.mark.parametrize("seconds", [9, 301, True, "60", None, float("nan"), float("inf")])
def test_a_trial_is_neither_too_short_nor_too_long(seconds: object) -> None:
    with pytest.raises(RefusedError):
        read_seconds({"seconds": seconds})


def device(folder: Path, name: str, *, kind: str = "", uevent: str = "", hardware: bool = True) -> None:
    (folder / name).mkdir()
    (folder / name / "type").write_text(kind or "1\n")
    (folder / name / "uevent").write_text(uevent)
    (folder / name / "carrier").write_text("1\n" if name == "eth1" else "0\n")
    if hardware:
        (folder / name / "device").mkdir()


def test_only_ethernet_devices_may_be_changed_and_never_the_setup_network(tmp_path: Path) -> None:
    device(tmp_path, "eth0")
    device(tmp_path, "eth1")
    device(tmp_path, "lan1", uevent="DEVTYPE=dsa\n")
    device(tmp_path, "usb0")
    device(tmp_path, "usb7", uevent="DEVTYPE=gadget\nINTERFACE=usb7\n")
    device(tmp_path, "wlan0", uevent="DEVTYPE=wlan\n")
    device(tmp_path, "lo", kind="772\n", hardware=False)
    device(tmp_path, "veth1", hardware=False)
    devices = Devices(folder=tmp_path)
    for name in ("eth0", "eth1", "lan1"):
        devices.must_be_ethernet(name)
    refused = {}
    for name in ("usb0", "usb7", "wlan0", "lo", "veth1", "eth9"):
        with pytest.raises(RefusedError) as caught:
            devices.must_be_ethernet(name)
        refused[name] = caught.value.text.template
    assert refused == {
        "usb0": phrases.IS_SETUP,
        "usb7": phrases.IS_SETUP,
        **dict.fromkeys(["wlan0", "lo", "veth1", "eth9"], phrases.NO_INTERFACE),
    }
    assert devices.first() == "eth1"
    assert (devices.has_link("eth0"), devices.has_link("eth1"), devices.has_link("eth9")) == (
        False,
        True,
        False,
    )
    Devices(also=("veth1",), folder=tmp_path).must_be_ethernet("veth1")
