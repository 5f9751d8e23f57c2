"""A real PostgreSQL for tests: one server for each process of tests, one database for each test."""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

import psycopg

from support.needs import missing

ORDINARY: Final = 65534
"""Who runs the server where tests run as root, which it refuses."""
_QUICK: Final = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
_SETTINGS: Final = (
    "listen_addresses=",
    "max_connections=60",
    "shared_buffers=64MB",
    "jit=off",
    "max_wal_size=64MB",
    "min_wal_size=32MB",
    "autovacuum=off",
    "log_min_messages=panic",
    "log_min_error_statement=panic",
)
ROLE: Final = "headend"
"""No superuser; owns its databases."""
_KEPT: Final = 16
"""Databases of one server; those of tests that are over make room for new ones."""
_numbers = count()


def programs() -> Path:
    """Give the folder of the server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda one: int(one.parts[-3]))
    if not found:
        missing("no PostgreSQL (Debian package postgresql)")
    return found[-1].parent


class Postgres:
    """A server over a socket in a folder of its own.

    :param is_safe: whether what it has committed outlives it; otherwise it is quicker.
    :param settings: more of the server's, each as ``name=value``.
    :param below: folder in which its own one is made.
    """

    def __init__(
        self, *, is_safe: bool = False, settings: tuple[str, ...] = (), below: Path = Path("/tmp")
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir=below))
        self._settings = (*_SETTINGS, *(() if is_safe else _QUICK), *settings)
        self._server: subprocess.Popen[bytes] | None = None
        self._made: deque[str] = deque()
        self.folder.chmod(0o755)
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            for path in (self.folder, data):
                os.chown(path, ORDINARY, ORDINARY)
        self._run(
            "initdb", "-D", str(data), "-U", "boss", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"
        )
        self.start()
        with self._boss() as boss:
            boss.execute(f"CREATE ROLE {ROLE} LOGIN".encode())

    @property
    def pid(self) -> int:
        """Of its first process."""
        assert self._server is not None
        return self._server.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        arguments = [part for one in self._settings for part in ("-c", one)]
        command = self._command(
            "postgres", "-D", str(self.folder / "data"), "-k", str(self.folder), *arguments
        )
        end = time.monotonic() + 30
        while True:
            # It ends at once as long as children of one that was killed are still there.
            if self._server is None or self._server.poll() is not None:
                self._server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                psycopg.connect(self.url("postgres", "boss")).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < end, "PostgreSQL does not answer"
                time.sleep(0.05)

    def kill(self) -> None:
        """Kill every process of it at once, as a power cut does."""
        assert self._server is not None
        # Its children end with the first one, which they watch.
        self._server.send_signal(signal.SIGKILL)
        self._server.wait()
        self._server = None

    def stop(self) -> None:
        """End it, and remove all it had."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait()
            self._server = None
        shutil.rmtree(self.folder)

    def url(self, database: str, role: str = ROLE) -> str:
        """Give the address of a database."""
        return f"postgresql://{role}@/{database}?host={self.folder}"

    def database(self) -> str:
        """Make a database of nobody else's, with the tables of a store in it; give its address."""
        name = f"t{next(_numbers)}"
        with self._boss() as boss:
            if len(self._made) >= _KEPT:
                # One that is in use stays.
                with contextlib.suppress(psycopg.errors.ObjectInUse):
                    boss.execute(f"DROP DATABASE {self._made.popleft()}".encode())
            boss.execute(f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {self._template()}".encode())
        self._made.append(name)
        return self.url(name)

    def empty_database(self) -> str:
        """Make a database without any table."""
        name = f"t{next(_numbers)}"
        with self._boss() as boss:
            boss.execute(f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE template0".encode())
        return self.url(name)

    @cache  # noqa: B019 - one server lives as long as the tests
    def _template(self) -> str:
        from mbusheadend.store.postgres.store import PostgresStore

        url = self.empty_database()
        PostgresStore(url).close()
        return url.partition("@/")[2].partition("?")[0]

    @contextmanager
    def _boss(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        with psycopg.connect(self.url("postgres", "boss"), autocommit=True) as boss:
            yield boss

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(self._command(program, *arguments), check=True, capture_output=True, cwd="/")

    def _command(self, program: str, *arguments: str) -> list[str]:
        user = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups", "--"]
        return [*(user if os.geteuid() == 0 else []), str(programs() / program), *arguments]


@cache
def shared_server() -> Postgres:
    """Give the server of this process of tests; it ends with it, or by `stop_shared`."""
    server = Postgres()
    atexit.register(stop_shared)
    return server


def stop_shared() -> None:
    """End the server of this process, where there is one."""
    if shared_server.cache_info().currsize:
        server = shared_server()
        shared_server.cache_clear()
        server.stop()


def database_of(folder: Path) -> str:
    """Give the address of the one database of a test, whose folder this is."""
    note = folder / "database"
    if not note.exists():
        note.write_text(shared_server().database())
    return note.read_text()
