"""The real dnsmasq with the package's file and the rights of its unit, on a cable between two namespaces."""

import os
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from support.needs import PROJECT, missing, program

pytestmark = pytest.mark.peers

RIGHTS = "+net_bind_service,+net_admin,+net_raw"
ASK = """
import fcntl, socket, struct, sys
pc = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
pc.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"pc0\\0")
pc.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
pc.bind(("", 68))
pc.settimeout(20)
mac = fcntl.ioctl(pc.fileno(), 0x8927, struct.pack("256s", b"pc0"))[18:24]
# DHCPDISCOVER that asks for netmask, router and name servers, the answer by broadcast (RFC 2131, RFC 2132).
head = struct.pack("!BBBBIHH", 1, 1, 6, 0, 0x1234, 0, 0x8000) + bytes(16) + mac + bytes(202)
pc.sendto(head + b"\\x63\\x82\\x53\\x63" + bytes([53, 1, 1, 55, 3, 1, 3, 6, 255]), ("255.255.255.255", 67))
print(pc.recv(1500).hex())
"""


@pytest.fixture
def cable() -> Iterator[tuple[str, str]]:
    """The namespaces of the machine, with `usb0`, and of the PC, with `pc0`."""
    if os.geteuid() != 0:
        missing("only root makes network namespaces")
    ip = program("ip", "iproute2")
    machine, pc = f"mbm-dhcp-{os.getpid()}", f"mbm-dhcp-pc-{os.getpid()}"
    try:
        for line in (
            f"netns add {machine}",
            f"netns add {pc}",
            f"link add usb0 netns {machine} type veth peer pc0 netns {pc}",
            f"-n {machine} address add 10.0.0.1/24 dev usb0",
            f"-n {machine} link set usb0 up",
            f"-n {pc} link set pc0 up",
        ):
            subprocess.run([ip, *line.split()], check=True)
        yield machine, pc
    finally:
        for name in (machine, pc):
            subprocess.run([ip, "netns", "del", name], check=False, capture_output=True)


def options_of(offer: bytes) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    at = 240
    while offer[at] != 255:
        options[offer[at]] = offer[at + 2 : at + 2 + offer[at + 1]]
        at += 2 + offer[at + 1]
    return options


def test_the_pc_gets_an_address_and_keeps_its_own_way_to_the_internet(cable: tuple[str, str]) -> None:
    inside, at_the_pc = (["ip", "netns", "exec", name] for name in cable)
    dnsmasq = program("dnsmasq", "dnsmasq-base")
    settings = PROJECT / "packaging/setup-dhcp.conf"
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
    caps = [f"--bounding-set=-all,{RIGHTS}", f"--inh-caps={RIGHTS}", f"--ambient-caps={RIGHTS}"]
    command = [dnsmasq, "--keep-in-foreground", "--log-facility=-", "--conf-file=-", "--pid-file="]
    with (
        settings.open("rb") as text,
        subprocess.Popen([*inside, *user, *caps, *command], stdin=text, stderr=subprocess.PIPE) as server,
    ):
        try:
            assert server.stderr is not None
            while b"sockets bound exclusively" not in (line := server.stderr.readline()):
                assert line, "dnsmasq ended"
            asked = subprocess.run(
                [*at_the_pc, sys.executable, "-c", ASK], check=True, capture_output=True, text=True
            )
        finally:
            server.terminate()
    offer = bytes.fromhex(asked.stdout)
    options = options_of(offer)
    assert options[53] == b"\x02"
    assert IPv4Address("10.0.0.2") <= IPv4Address(offer[16:20]) <= IPv4Address("10.0.0.9")
    assert options[1] == bytes([255, 255, 255, 0])
    assert not {3, 6} & set(options)
