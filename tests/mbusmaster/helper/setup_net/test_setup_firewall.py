"""A real nft in namespaces of its own: the machine, the PC on its USB cable, and a host of the LAN that has a route."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mbusmaster.helper.setup_net.firewall import TABLE, no_rules, rules
from support.needs import missing, program

pytestmark = pytest.mark.peers

LISTEN = """
import socket, sys
doors = [socket.create_server(("0.0.0.0", port)) for port in (80, 443, 2445)]
print("ready", flush=True)
sys.stdin.read()
"""
CONNECT = """
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).close()
"""


class Cables:
    """Three namespaces: the machine has `usb0` and `eth0`, the PC is at the first, the host of the LAN at the second."""

    def __init__(self) -> None:
        end = f"{os.getpid()}"
        self.machine, self.pc, self.lan = (f"mbm-{name}-{end}" for name in ("machine", "pc", "lan"))
        self.nft = program("nft", "nftables")

    def make(self) -> None:
        for name in (self.machine, self.pc, self.lan):
            self.ip("netns", "add", name)
            self.ip("-n", name, "link", "set", "lo", "up")
        self.cable("usb0", self.pc, "10.0.0.1/24", "10.0.0.5/24")
        self.cable("eth0", self.lan, "192.168.7.2/24", "192.168.7.1/24")
        self.ip("-n", self.lan, "route", "add", "10.0.0.0/24", "via", "192.168.7.2")
        self.ip("-n", self.pc, "route", "add", "192.168.7.0/24", "via", "10.0.0.1")
        self.inside(self.machine, "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def cable(self, device: str, other: str, mine: str, theirs: str) -> None:
        self.ip("link", "add", device, "netns", self.machine, "type", "veth", "peer", "pc0", "netns", other)
        for namespace, name, address in ((self.machine, device, mine), (other, "pc0", theirs)):
            self.ip("-n", namespace, "address", "add", address, "dev", name)
            self.ip("-n", namespace, "link", "set", name, "up")

    def remove(self) -> None:
        for name in (self.machine, self.pc, self.lan):
            with contextlib.suppress(subprocess.CalledProcessError):
                self.ip("netns", "del", name)

    def ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    def inside(self, namespace: str, *command: str, text: str = "") -> str:
        done = subprocess.run(
            ["ip", "netns", "exec", namespace, *command],
            input=text,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def apply(self, transaction: str) -> None:
        self.inside(self.machine, self.nft, "-f", "-", text=transaction)

    def reaches(self, namespace: str, address: str, port: int, *, wait: float = 5.0) -> bool:
        command = [
            "ip",
            "netns",
            "exec",
            namespace,
            sys.executable,
            "-c",
            CONNECT,
            address,
            str(port),
            str(wait),
        ]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    @contextlib.contextmanager
    def listening(self, namespace: str) -> Iterator[None]:
        command = ["ip", "netns", "exec", namespace, sys.executable, "-c", LISTEN]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as listener:
            assert listener.stdout is not None
            assert listener.stdout.readline() == b"ready\n"
            yield


@pytest.fixture
def cables() -> Iterator[Cables]:
    if os.geteuid() != 0 or not Path("/run").is_dir():
        missing("only root makes network namespaces")
    program("ip", "iproute2")
    cables = Cables()
    try:
        cables.make()
        yield cables
    finally:
        cables.remove()


def test_only_the_setup_cable_reaches_the_setup_address(cables: Cables) -> None:
    with cables.listening(cables.machine):
        # Without the rules, the route of the LAN's host leads there: this is what they are for.
        assert cables.reaches(cables.lan, "10.0.0.1", 80)
        cables.apply(rules("usb0", "10.0.0.1"))
        for port in (80, 443, 2445):
            assert not cables.reaches(cables.lan, "10.0.0.1", port, wait=0.3)
        assert cables.reaches(cables.pc, "10.0.0.1", 80)
        assert cables.reaches(cables.lan, "192.168.7.2", 2445)
        assert cables.reaches(cables.machine, "10.0.0.1", 80)


def test_the_pc_reaches_no_other_address_of_the_machine(cables: Cables) -> None:
    with cables.listening(cables.machine):
        assert cables.reaches(cables.pc, "192.168.7.2", 443)
        cables.apply(rules("usb0", "10.0.0.1"))
        assert not cables.reaches(cables.pc, "192.168.7.2", 443, wait=0.3)


def test_nothing_goes_through_between_cable_and_lan(cables: Cables) -> None:
    with cables.listening(cables.lan), cables.listening(cables.pc):
        assert cables.reaches(cables.pc, "192.168.7.1", 80)
        cables.apply(rules("usb0", "10.0.0.1"))
        assert not cables.reaches(cables.pc, "192.168.7.1", 80, wait=0.3)
        assert not cables.reaches(cables.lan, "10.0.0.5", 80, wait=0.3)


def test_a_lan_that_has_the_address_itself_gets_no_arp_answer_from_here(cables: Cables) -> None:
    arping = [sys.executable, "-c", ARP_PROBE]
    assert cables.inside(cables.lan, *arping).strip() == "answered"
    cables.apply(rules("usb0", "10.0.0.1"))
    assert cables.inside(cables.lan, *arping).strip() == "silence"


ARP_PROBE = """
import socket, struct
door = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
door.bind(("pc0", 0x0806)); door.settimeout(0.5)
mac = door.getsockname()[4]
head = b"\\xff" * 6 + mac + b"\\x08\\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
door.send(head + mac + socket.inet_aton("192.168.7.1") + bytes(6) + socket.inet_aton("10.0.0.1"))
try:
    while True:
        frame = door.recv(100)
        if frame[20:22] == b"\\x00\\x02" and frame[28:32] == socket.inet_aton("10.0.0.1"):
            print("answered"); break
except TimeoutError:
    print("silence")
"""


def test_the_rules_can_be_given_again_and_be_taken_away(cables: Cables) -> None:
    for _ in range(2):
        cables.apply(rules("usb0", "10.0.0.1"))
    assert TABLE in cables.inside(cables.machine, cables.nft, "list", "ruleset")
    for _ in range(2):
        cables.apply(no_rules())
    assert TABLE not in cables.inside(cables.machine, cables.nft, "list", "ruleset")
