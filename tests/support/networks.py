"""Networks of their own for tests: a machine with an Ethernet port ``eth0``, a cable, a LAN with a real DHCP server.

Everything lives in network and mount namespaces that end with the block, or with the process of the test: nothing of this
machine's network, files or services is touched. The daemons find no udev (``/sys`` is read-only, as in a container), which
both managers take as: all devices are ready.

Debian packages: iproute2, util-linux, dnsmasq-base, dbus, network-manager, systemd.
"""

import asyncio
import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from support.needs import missing, program

ETHERNET: Final = "eth0"
SERVER: Final = "10.88.0.1"
"""Router, DHCP server and name server of the LAN."""
SECOND_DNS: Final = "10.88.0.53"
ENDS_WITHIN: Final = 10.0
CLONE_NEWNET: Final = 0x40000000
RTMGRP_IPV4_IFADDR: Final = 0x10

BUS = """\
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow receive_sender="*"/></policy></busconfig>
"""
MANAGER = """\
[main]
plugins=keyfile
dhcp=internal
dns=default
rc-manager=file
auth-polkit=false
no-auto-default=*
"""

# Fresh folders, so that what the daemons write is seen by nobody else and gone with the namespace.
PREPARE = """\
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/over/upper /run/over/work /run/dbus /run/systemd/network /run/mbusmaster-helper
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/over/upper,workdir=/run/over/work /etc
mount -t sysfs -o ro sysfs /sys
for folder in /etc/NetworkManager /etc/systemd/network /var/lib/NetworkManager /usr/lib/NetworkManager \
    /usr/lib/systemd/network /etc/network; do
  [ ! -d $folder ] || mount -t tmpfs tmpfs $folder
done
mkdir -p /etc/NetworkManager /etc/systemd/network /var/lib/NetworkManager
rm -f /etc/resolv.conf
echo 'options timeout:2' > /etc/resolv.conf
if id systemd-network >/dev/null 2>&1; then chown -R systemd-network:systemd-network /run/systemd/netif; fi
ip link set lo up
echo ready
exec cat
"""


class Machine:
    """Namespaces in which programs run.

    :ivar pid: of the process that holds them.
    """

    def __init__(self, script: str = PREPARE) -> None:
        self._running: list[subprocess.Popen[bytes]] = []
        # It ends when its input does: also when the test is killed.
        self._holder = subprocess.Popen(
            [program("unshare", "util-linux"), "--net", "--mount", "bash", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = self._holder.pid
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            self.close()
            raise AssertionError("the namespaces could not be made")

    def command(self, *command: str | Path) -> list[str]:
        """Give the command line that runs a program inside."""
        inside = ["nsenter", f"--target={self.pid}", "--net", "--mount", f"--wd={Path.cwd()}"]
        return [*inside, "setpriv", "--pdeathsig", "KILL", "--", *map(str, command)]

    def run(self, *command: str | Path) -> str:
        """Run a program inside to its end and give what it says."""
        done = subprocess.run(self.command(*command), capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise AssertionError(f"{command} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, *command: str | Path, log: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        """Start a program inside; it is killed with the machine at the latest."""
        process = subprocess.Popen(
            self.command(*command),
            stdin=subprocess.DEVNULL,
            stdout=log or subprocess.DEVNULL,
            stderr=log or subprocess.DEVNULL,
        )
        self._running.append(process)
        return process

    def path(self, inside: str | Path) -> Path:
        """Give the path by which a file inside is reached from here."""
        return Path(f"/proc/{self.pid}/root") / str(inside).lstrip("/")

    def write(self, inside: str, text: str) -> None:
        """Write a file inside."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600 if "system-connections" in inside else 0o644)

    def addresses(self, interface: str = ETHERNET) -> list[str]:
        """Give the IPv4 addresses of an interface with the lengths of their networks."""
        return re.findall(r"inet (\S+)", self.run("ip", "-4", "address", "show", "dev", interface))

    def gateway(self) -> str:
        """Give the default gateway; empty if there is none."""
        found = re.search(r"default via (\S+)", self.run("ip", "-4", "route"))
        return found[1] if found else ""

    def name_servers(self) -> list[str]:
        """Give the name servers of the resolver's file."""
        return re.findall(r"^nameserver (\S+)", self.path("/etc/resolv.conf").read_text(), re.MULTILINE)

    async def until_address(self, *wanted: str, interface: str = ETHERNET, seconds: float = 20.0) -> None:
        """Wait until an interface has exactly these addresses, looking whenever the kernel tells of a change."""
        with await asyncio.to_thread(self._told_of_changes) as told:
            try:
                async with asyncio.timeout(seconds):
                    while sorted(self.addresses(interface)) != sorted(wanted):
                        await asyncio.get_running_loop().sock_recv(told, 1 << 16)
            except TimeoutError:
                raise AssertionError(f"{interface} has {self.addresses(interface)}, not {wanted}") from None

    def _told_of_changes(self) -> socket.socket:
        """Give a socket to which the kernel tells changes of addresses inside (rtnetlink(7))."""
        made: list[socket.socket] = []

        def make() -> None:
            with open(f"/proc/{self.pid}/ns/net", "rb") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                    return
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC)
            sock.bind((0, RTMGRP_IPV4_IFADDR))
            sock.setblocking(False)
            made.append(sock)

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]

    def close(self) -> None:
        """Kill everything inside; the kernel removes the namespaces with it."""
        for process in reversed(self._running):
            stop(process, signal.SIGKILL)
        self._holder.kill()
        self._holder.communicate()


@dataclass(frozen=True, slots=True)
class Lan:
    """A machine and the network at its Ethernet port.

    :ivar machine: with the port ``eth0``, which has no address yet.
    :ivar router: the other end, `SERVER`.
    """

    machine: Machine
    router: Machine

    def plug_out(self) -> None:
        """Take the cable out."""
        self.router.run("ip", "link", "set", "lan0", "down")

    def plug_in(self) -> None:
        """Put it in again."""
        self.router.run("ip", "link", "set", "lan0", "up")

    def mac(self) -> str:
        """Give the hardware address of the router."""
        return self.router.run("cat", "/sys/class/net/lan0/address").strip()

    @contextmanager
    def dhcp(self, network: str = "10.88.0", router: str = SERVER) -> Iterator[None]:
        """Run a DHCP server that gives one address, ``.100`` of a network, until the block ends."""
        # As in debugging it stays root: a process that gives up rights would not end with the test (PR_SET_PDEATHSIG).
        process = subprocess.Popen(
            self.router.command(
                program("dnsmasq", "dnsmasq-base"), "--no-daemon", "--conf-file=", "--log-dhcp",
                "--no-resolv", "--no-hosts", "--no-ping", "--port=0", "--interface=lan0", "--bind-interfaces",
                f"--dhcp-range={network}.100,{network}.100,255.255.255.0,1h", f"--dhcp-option=3,{router}",
                f"--dhcp-option=6,{SERVER},{SECOND_DNS}", "--dhcp-authoritative", "--log-facility=-",
                "--dhcp-leasefile=/run/leases", "--pid-file=",
            ),
            stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stderr is not None
            if not any(b"sockets bound exclusively" in line for line in process.stderr):
                raise AssertionError("dnsmasq ended before it was ready")
            yield
        finally:
            stop(process)
            assert process.stderr is not None
            process.stderr.close()


@contextmanager
def lan() -> Iterator[Lan]:
    """Make a machine with a network, until the block ends; nothing gives addresses yet (`Lan.dhcp`)."""
    for name, package in (("ip", "iproute2"), ("nsenter", "util-linux"), ("setpriv", "util-linux")):
        program(name, package)
    if os.geteuid() != 0:
        missing("only root makes network namespaces")
    with contextlib.ExitStack() as stack:
        machine, router = Machine(), Machine()
        stack.callback(machine.close)
        stack.callback(router.close)
        machine.run(
            "ip", "link", "add", ETHERNET, "type", "veth", "peer", "name", "lan0", "netns", str(router.pid)
        )
        router.run("ip", "address", "add", f"{SERVER}/24", "dev", "lan0")
        router.run("ip", "link", "set", "lan0", "up")
        machine.run("ip", "link", "set", ETHERNET, "up")
        machine.write("/run/bus.conf", BUS)
        yield Lan(machine, router)


@contextmanager
def system_bus(machine: Machine) -> Iterator[None]:
    """Run a system bus until the block ends."""
    daemon = program("dbus-daemon", "dbus-daemon")
    read, write = os.pipe()
    with open(read, "rb") as said:
        process = subprocess.Popen(
            machine.command(daemon, "--config-file=/run/bus.conf", "--nofork", f"--print-address={write}"),
            stderr=subprocess.DEVNULL,
            pass_fds=[write],
        )
        os.close(write)
        try:
            assert said.readline(), "dbus-daemon ended before it was ready"
            yield
        finally:
            stop(process)


class Manager:
    """A manager of the network that runs in a machine and can be stopped and started again.

    :param ready: command that succeeds once it can be asked.
    """

    def __init__(self, machine: Machine, command: Sequence[str], ready: Sequence[str], log: Path) -> None:
        self._machine = machine
        self._command = command
        self._ready = ready
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until it can be asked."""
        with self._log.open("ab") as log:
            self._process = self._machine.start(*self._command, log=log)
        async with asyncio.timeout(ENDS_WITHIN):
            while await self._asked():
                if self._process.poll() is not None:
                    raise AssertionError(self._log.read_text())

    def kill(self) -> None:
        """Let it be gone at once."""
        assert self._process is not None
        stop(self._process, signal.SIGKILL)

    def stop(self) -> None:
        """End it in an orderly way."""
        if self._process is not None:
            stop(self._process)

    async def _asked(self) -> int:
        quiet = asyncio.subprocess.DEVNULL
        command = self._machine.command(*self._ready)
        process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
        return await process.wait()


@asynccontextmanager
async def network_manager(machine: Machine, profile: str = "") -> AsyncIterator[Manager]:
    """Run NetworkManager; its D-Bus is the system bus of the machine.

    :param profile: keyfile of a profile that is there already.
    """
    daemon = program("NetworkManager", "network-manager")
    machine.write("/etc/NetworkManager/NetworkManager.conf", MANAGER)
    if profile:
        machine.write("/etc/NetworkManager/system-connections/own.nmconnection", profile)
    ready = ["nmcli", "--wait", "5", "-t", "general", "status"]
    with system_bus(machine):
        manager = Manager(machine, [daemon, "--no-daemon"], ready, machine.path("/run/manager.log"))
        try:
            await manager.start()
            yield manager
        finally:
            manager.stop()


@asynccontextmanager
async def networkd(machine: Machine, network: str = "") -> AsyncIterator[Manager]:
    """Run systemd-networkd.

    :param network: a ``.network`` file that is there already.
    """
    daemon = shutil.which("systemd-networkd", path="/usr/lib/systemd:/lib/systemd")
    if daemon is None:
        missing("systemd-networkd is not installed (Debian package systemd)")
        raise AssertionError("unreachable")
    if network:
        machine.write("/etc/systemd/network/50-own.network", network)
    name, path = "org.freedesktop.network1", "/org/freedesktop/network1"
    ready = ["busctl", "call", name, path, f"{name}.Manager", "GetLinkByName", "s", ETHERNET]
    with system_bus(machine):
        # It would change its user itself, and then not end with the test (PR_SET_PDEATHSIG).
        rights = "+net_admin,+net_raw,+net_bind_service,+net_broadcast"
        user = ["--reuid=systemd-network", "--regid=systemd-network", "--clear-groups", "--pdeathsig=KILL"]
        command = ["setpriv", *user, f"--inh-caps={rights}", f"--ambient-caps={rights}", daemon]
        manager = Manager(machine, command, ready, machine.path("/run/manager.log"))
        try:
            await manager.start()
            yield manager
        finally:
            manager.stop()


def stop(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> None:
    """End a process; kill it if it does not."""
    process.send_signal(number)
    try:
        process.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
