"""A machine that can be thrown away: Debian under qemu, real systemd inside, its power in the hand of the test.

Its processor is emulated (``tcg``): a machine of its own cannot be counted on where tests run. It reaches nothing but itself:
its Ethernet port, eth0, is wired to a second one, eth1, which the test gives to whom it wants to be the LAN.

An honest power cut: the disk is a qcow2 file behind a write-back cache (``cache=writeback``), so what the machine has not flushed
may be lost, as with a real disk: pages in its memory always, and clusters that qemu has not yet entered in its tables. What it
has flushed is in the host's hands, which stay on.
"""

import contextlib
import json
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from device.agent_channel import AgentChannel, MachineGoneError
from device.image import Image

MEMORY: Final = 1024
"""Of the machine, MiB."""
START_SECONDS: Final = 180.0
PATIENCE: Final = 3.0
"""Times the seconds that a test allows: they are right for idle cores, and end only what hangs."""
DEVICE_MAC: Final = "52:54:00:00:00:01"
LAN_MAC: Final = "52:54:00:00:00:02"


class CommandError(AssertionError):
    """A command in the machine failed that should not."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to.

    :ivar status: None if it had to be ended.
    :ivar output: both streams.
    """

    status: int | None
    output: str


class Machine:
    """One disk and, while it is on, one qemu.

    :param folder: for its disk and sockets; its path must be short.
    """

    def __init__(self, image: Image, folder: Path) -> None:
        self._image = image
        self._folder = folder
        self._disk = folder / "disk.qcow2"
        self._qemu: subprocess.Popen[bytes] | None = None
        self._agent: AgentChannel | None = None
        self._control: _Control | None = None
        self.console = folder / "console.log"
        create = [
            "qemu-img",
            "create",
            "-q",
            "-f",
            "qcow2",
            "-F",
            "raw",
            "-b",
            str(image.disk),
            str(self._disk),
        ]
        subprocess.run(create, check=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.power_cut()

    @property
    def is_on(self) -> bool:
        """Qemu runs."""
        return self._qemu is not None and self._qemu.poll() is None

    def start(self, *, moment: str | None = None, clock: datetime | None = None) -> None:
        """Switch it on and wait until it does what it is told.

        :param moment: one that was kept with `keep`, else it boots.
        :param clock: what its battery clock says, else the time of now.
        """
        assert not self.is_on, "it is on"
        for name in ("agent", "control"):
            (self._folder / name).unlink(missing_ok=True)
        with self.console.open("ab") as log:
            log.write(f"\n--- started {datetime.now(UTC):%H:%M:%S} {moment or ''}\n".encode())
            log.flush()
            self._qemu = subprocess.Popen(
                self._command(moment, clock), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._control = _Control(self._socket("control"))
        self._agent = AgentChannel(self._socket("agent"))
        self._agent.ask("run", START_SECONDS, argv=["true"])

    def boot(self, clock: datetime | None = None) -> str:
        """Start from the disk and wait for all units; give what systemd says of them: running, degraded."""
        self.start(clock=clock)
        return self.run(
            "systemctl is-system-running --wait", seconds=START_SECONDS, check=False
        ).output.strip()

    def keep(self, moment: str) -> None:
        """Keep the running machine, memory and disk, as a moment to start from."""
        self._say("savevm", moment)

    def power_cut(self) -> None:
        """Take away its power: nothing is flushed, nobody is told."""
        if self._qemu is not None:
            self._qemu.send_signal(signal.SIGKILL)
            self._ended()

    def power_off(self) -> None:
        """Shut it down in order."""
        with contextlib.suppress(MachineGoneError):
            self.run("systemctl poweroff", check=False)
        assert self._qemu is not None, "it was on"
        self._qemu.wait(START_SECONDS)
        self._ended()

    def cable(self, *, plugged: bool) -> None:
        """Plug the Ethernet cable in or out."""
        self._say("set_link", "nic0", "on" if plugged else "off")

    def run(self, script: str, *, seconds: float = 60, check: bool = True, stdin: bytes = b"") -> Result:
        """Run a shell script as root; raise `CommandError` if it fails and may not."""
        facts, output = self._asked().ask("run", PATIENCE * seconds, stdin, argv=["sh", "-c", script])
        result = Result(facts["status"], output.decode(errors="replace"))
        if check and result.status != 0:
            raise CommandError(f"{script}\nstatus {result.status}\n{result.output}")
        return result

    def until(self, pattern: str, *argv: str, seconds: float = 60) -> str:
        """Run a program until it writes a line in which the pattern is found; give that line."""
        facts, output = self._asked().ask("until", PATIENCE * seconds, argv=list(argv), pattern=pattern)
        if facts["line"] is None:
            raise CommandError(
                f"{' '.join(argv)}\nnever wrote {pattern}\n{output.decode(errors='replace')[-2000:]}"
            )
        line: str = facts["line"]
        return line

    def put(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Write a file of root's in it."""
        self._asked().ask("put", 120, content, path=path, mode=mode)

    def get(self, path: str) -> bytes:
        """Read a file in it; raise `OSError`."""
        return self._asked().ask("get", 120, path=path)[1]

    def journal_cursor(self) -> str:
        """Give the end of its log, for `logged`."""
        # A line of our own: journalctl of Debian 12 leaves out the line after a cursor that its filter does not let through.
        shown = self.run(
            "echo here | systemd-cat -t device-test && journalctl --sync"
            " && journalctl -t device-test -n 1 --quiet --output cat --show-cursor"
        ).output
        return shown.partition("cursor: ")[2].strip()

    def logged(self, pattern: str, *, unit: str, after: str | None = None, seconds: float = 60) -> str:
        """Wait until a unit logs a line, since this boot or a point of the log."""
        since = ["--cursor", after] if after else ["--boot"]
        follow = ["journalctl", "--follow", "--lines", "all", "--output", "cat", "--unit", unit]
        return self.until(pattern, *follow, *since, seconds=seconds)

    def evidence(self) -> str:
        """Give what helps to understand a failure: the end of its log and of its console."""
        texts = [self.console.read_text(errors="replace")[-3000:]]
        with contextlib.suppress(MachineGoneError, OSError):
            texts.append(
                self.run(
                    "systemctl --failed --no-legend; journalctl -b -n 120 --no-pager", check=False
                ).output
            )
        return "\n".join(texts)

    def _asked(self) -> AgentChannel:
        if self._agent is None:
            raise MachineGoneError("the machine is off")
        return self._agent

    def _say(self, *words: str) -> None:
        assert self._control is not None, "it is on"
        self._control.say(" ".join(words))

    def _ended(self) -> None:
        assert self._qemu is not None
        self._qemu.wait()
        self._qemu = None
        if self._agent is not None:
            self._agent.close()
        if self._control is not None:
            self._control.close()
        self._agent = self._control = None

    def _socket(self, name: str) -> Path:
        """Wait for qemu to listen."""
        path = self._folder / name
        assert self._qemu is not None
        end = time.monotonic() + START_SECONDS
        while not path.is_socket():
            # Qemu says nothing when its sockets are there; it makes them first of all.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._qemu.wait(0.02)
                raise MachineGoneError(
                    f"qemu did not start: {self.console.read_text(errors='replace')[-2000:]}"
                )
            assert time.monotonic() < end, "qemu makes no socket"
        return path

    def _command(self, moment: str | None, clock: datetime | None) -> list[str]:
        folder = self._folder
        base = f"{clock:%Y-%m-%dT%H:%M:%S}" if clock else "utc"
        # fmt: off
        return [
            # It ends with the tests, however those end.
            "setpriv", "--pdeathsig", "KILL",
            "qemu-system-x86_64", "-M", "q35,hpet=off", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,la57=off,svm=off",
            "-smp", "2", "-m", str(MEMORY), "-nodefaults", "-display", "none", "-no-reboot", "-rtc", f"base={base},clock=vm",
            "-kernel", str(self._image.kernel), "-initrd", str(self._image.ramdisk),
            "-append", "console=ttyS0 quiet mitigations=off net.ifnames=0 random.trust_cpu=on audit=0 panic=-1",
            "-drive", f"file={self._disk},if=none,id=disk,format=qcow2,cache=writeback",
            "-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci",
            "-netdev", "hubport,hubid=1,id=cable0", "-device", f"virtio-net-pci,id=nic0,netdev=cable0,mac={DEVICE_MAC},romfile=",
            "-netdev", "hubport,hubid=1,id=cable1", "-device", f"virtio-net-pci,id=nic1,netdev=cable1,mac={LAN_MAC},romfile=",
            "-chardev", f"socket,id=agent,path={folder / 'agent'},server=on,wait=off",
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=agent",
            "-qmp", f"unix:{folder / 'control'},server=on,wait=off",
            "-serial", "stdio",
            *(["-loadvm", moment] if moment else []),
        ]
        # fmt: on


class _Control:
    """Qemu's monitor (QMP)."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(START_SECONDS)
        self._socket.connect(str(path))
        self._stream = self._socket.makefile("rwb")
        self._stream.readline()
        self._do("qmp_capabilities")

    def say(self, line: str) -> None:
        """Give a line of the human monitor."""
        answer = self._do("human-monitor-command", {"command-line": line})
        if answer:
            raise OSError(f"qemu: {line}: {answer.strip()}")

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def _do(self, command: str, arguments: dict[str, Any] | None = None) -> Any:
        message = {"execute": command, "arguments": arguments or {}}
        self._stream.write(json.dumps(message).encode() + b"\n")
        self._stream.flush()
        while True:
            answer = json.loads(self._stream.readline())
            if "error" in answer:
                raise OSError(f"qemu: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
