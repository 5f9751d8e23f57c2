"""A head-end as a process that a test can kill and start again, and what its store says."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mbusheadend.state import open_store
from mbusheadend.store import Store
from support.system import END_SECONDS


@dataclass
class HeadEndProcess:
    """What a test may use.

    :ivar port: the same after each start.
    """

    folder: Path
    port: int = 0
    offers: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def state(self) -> Path:
        return self.folder / "head-end"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "head-end.log").read_text()

    def start(self) -> None:
        """Start it; back when it is ready."""
        arguments = ["serve", "--json", "--listen", f"127.0.0.1:{self.port}", *self._places()]
        with (self.folder / "head-end.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mbusheadend", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log
        self.offers = json.loads(line)
        self.port = int(self.offers["hosting"].rpartition(":")[2])

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self._gone()

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self._gone()

    def run(self, *arguments: str) -> str:
        """Run a command beside it."""
        command = [sys.executable, "-m", "mbusheadend", *arguments, *self._places()[:4]]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def token(self) -> str:
        """Make a token."""
        return str(json.loads(self.run("token", "--json"))["token"])

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open its store, also while it runs."""
        store = open_store(self.state)
        try:
            yield store
        finally:
            store.close()

    def _places(self) -> list[str]:
        config = self.folder / "none.toml"
        config.write_text("web_listen = []\n")
        return ["--state", str(self.state), "--config", str(config), "--name", "127.0.0.1"]

    def _gone(self) -> None:
        assert self.process is not None
        try:
            self.process.wait(END_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None


@contextmanager
def head_end_process(folder: Path) -> Iterator[HeadEndProcess]:
    """Run one on loopback until the block ends."""
    this = HeadEndProcess(folder)
    try:
        this.start()
        yield this
    finally:
        this.stop()
