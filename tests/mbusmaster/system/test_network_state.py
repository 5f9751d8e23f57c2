"""What the system says of its network, read from a folder that looks like the kernel's."""

from ipaddress import IPv4Interface, ip_address, ip_interface
from pathlib import Path

import pytest

from mbusmaster.addresses import Interface
from mbusmaster.system.network import EthernetState, Network

ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
ADDRESSES = {
    2: (ip_interface("192.168.1.10/24"), ip_interface("2001:db8::10/64")),
    3: (ip_interface("192.168.2.10/24"),),
}


def addresses(index: int) -> tuple[Interface, ...]:
    return ADDRESSES.get(index, ())


class Machine:
    """A folder with the files of the kernel that are read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.put("proc/net/route", ROUTES)
        self.put("proc/net/ipv6_route", "")
        self.put("etc/resolv.conf", "")

    def put(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def device(self, name: str, index: int, *, carrier: str = "1", is_physical: bool = True) -> None:
        folder = f"sys/class/net/{name}"
        self.put(f"{folder}/address", f"02:00:00:00:00:{index:02x}\n")
        self.put(f"{folder}/ifindex", f"{index}\n")
        self.put(f"{folder}/type", "1\n")
        self.put(f"{folder}/carrier", f"{carrier}\n")
        self.count(name, 0)
        if is_physical:
            (self.root / folder / "device").mkdir()

    def count(self, name: str, received: int, sent: int = 0) -> None:
        self.put(f"sys/class/net/{name}/statistics/rx_bytes", f"{received}\n")
        self.put(f"sys/class/net/{name}/statistics/tx_bytes", f"{sent}\n")

    def route(self, name: str, gateway: str, metric: int) -> None:
        with (self.root / "proc/net/route").open("a") as file:
            file.write(f"{name}\t00000000\t{gateway}\t0003\t0\t0\t{metric}\t00000000\t0\t0\t0\n")
            file.write(f"{name}\t0001A8C0\t00000000\t0001\t0\t0\t{metric}\t00FFFFFF\t0\t0\t0\n")

    def network(self, interface: str | None = None) -> Network:
        return Network(interface, setup_interface="usb0", root=self.root, addresses=addresses)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.device("lo", 1, is_physical=False)
    machine.device("eth0", 2)
    machine.device("eth1", 3)
    machine.device("usb0", 4)
    return machine


def test_the_device_with_the_default_route_is_ethernet_and_the_lowest_metric_counts(machine: Machine) -> None:
    machine.route("eth0", "0101A8C0", 200)
    machine.route("eth1", "0102A8C0", 100)
    assert machine.network().interface() == "eth1"


def test_the_setting_counts_before_the_default_route(machine: Machine) -> None:
    machine.route("eth1", "0102A8C0", 100)
    assert machine.network("eth0").interface() == "eth0"


def test_a_device_of_the_settings_that_is_not_there_is_none(machine: Machine) -> None:
    assert machine.network("eth7").interface() == ""
    assert machine.network("eth7").state() == EthernetState()


def test_without_a_default_route_the_first_physical_device_with_a_link_is_ethernet(machine: Machine) -> None:
    machine.put("sys/class/net/eth0/carrier", "0\n")
    assert machine.network().interface() == "eth1"


def test_without_any_link_it_is_the_first_physical_device(machine: Machine) -> None:
    for name in ("eth0", "eth1"):
        (machine.root / "sys/class/net" / name / "carrier").unlink()
    network = machine.network()
    assert network.interface() == "eth0"
    assert not network.link("eth0")


def test_the_setup_interface_is_never_ethernet(machine: Machine) -> None:
    machine.route("usb0", "0100000A", 1)
    assert machine.network().interface() == "eth0"


def test_a_default_route_of_ipv6_alone_will_do(machine: Machine) -> None:
    zeros = "0" * 32
    machine.put(
        "proc/net/ipv6_route",
        f"{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo\n"
        f"{zeros} 00 {zeros} 00 20010db8{'0' * 23}1 00000400 00000001 00000000 00000003     eth1\n",
    )
    network = machine.network()
    assert network.interface() == "eth1"
    assert network.state().gateway6 == ip_address("2001:db8::1")


def test_addresses_gateway_and_name_servers_are_read(machine: Machine) -> None:
    machine.route("eth0", "0101A8C0", 0)
    machine.put(
        "etc/resolv.conf", "# who\nsearch example\nnameserver 192.168.1.1\nnameserver what\nnameserver ::1\n"
    )
    state = machine.network().state()
    assert state == EthernetState(
        "eth0",
        "02:00:00:00:00:02",
        True,
        ADDRESSES[2],
        ip_address("192.168.1.1"),  # type: ignore[arg-type]
        None,
        (ip_address("192.168.1.1"), ip_address("::1")),
    )
    assert str(state.ipv4) == "192.168.1.10/24"
    assert str(state.ipv4.netmask if state.ipv4 else "") == "255.255.255.0"


def test_behind_a_resolver_of_this_machine_the_real_name_servers_are_shown(machine: Machine) -> None:
    machine.put("etc/resolv.conf", "nameserver 127.0.0.53\n")
    machine.put("run/systemd/resolve/resolv.conf", "nameserver 192.168.1.1\n")
    assert machine.network().state().dns == (ip_address("192.168.1.1"),)


def test_a_resolver_of_this_machine_that_tells_nothing_is_shown_itself(machine: Machine) -> None:
    machine.put("etc/resolv.conf", "nameserver 127.0.0.53\n")
    assert machine.network().state().dns == (ip_address("127.0.0.53"),)


def test_traffic_is_bytes_since_the_last_look(machine: Machine) -> None:
    network = machine.network()
    machine.count("eth0", 1000, 500)
    assert not network.traffic("eth0", 10.0)
    assert not network.traffic("eth0", 11.0)
    machine.count("eth0", 1000, 560)
    assert network.traffic("eth0", 12.0)
    assert not network.traffic("eth0", 13.0)


def test_bytes_of_a_long_time_are_no_traffic_now(machine: Machine) -> None:
    network = machine.network()
    network.traffic("eth0", 10.0)
    machine.count("eth0", 5000)
    assert not network.traffic("eth0", 500.0)


def test_another_device_starts_anew(machine: Machine) -> None:
    network = machine.network()
    network.traffic("eth0", 10.0)
    machine.count("eth1", 5000)
    assert not network.traffic("eth1", 11.0)


def test_a_machine_without_any_network_has_none(tmp_path: Path) -> None:
    network = Network(None, root=tmp_path, addresses=addresses)
    assert network.state() == EthernetState()
    assert not network.traffic("", 1.0)


@pytest.mark.parametrize(
    ("text", "clashes"), [("10.0.0.9/24", True), ("10.1.0.9/8", True), ("10.0.1.9/24", False)]
)
def test_addresses_of_the_setup_network_on_the_local_one_are_noticed(text: str, clashes: bool) -> None:
    assert EthernetState(addresses=(IPv4Interface(text),)).clashes is clashes
