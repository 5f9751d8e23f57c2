"""News of orders between processes: by LISTEN and NOTIFY, on one connection of each process that waits for any."""

import asyncio
import contextlib
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from mbusheadend.store.changes import ChangesHere
from mbusheadend.store.errors import StoreError
from mbusheadend.store.postgres.connection import Raw
from mbusheadend.store.postgres.server import Server, readable

MAX_PAYLOAD: Final = 7000
"""Bytes of one message; the server takes less than 8000."""
_EVERYBODY: Final = "*"
_PAUSE: Final = 1.0
_KEEPALIVE: Final = 30.0

_log = logging.getLogger(__name__)


class ChangesBetween:
    """`mbusheadend.store.changes.Changes` over one tenant's channel.

    After a time without the server everybody is woken: what happened meanwhile was told to nobody.
    """

    def __init__(self, server: Server, raw: Raw, tenant: int, send: Callable[[str, str], None]) -> None:
        """Listen on a connection, which is closed with this; raise `psycopg.Error`.

        :param send: notifies a channel, in a thread of its own choice; given channel and payload.
        """
        self._server = server
        self._raw: Raw | None = raw
        self._channel = f"mbus_orders_{tenant:d}"
        self._send = send
        self._here = ChangesHere()
        self._name = secrets.token_hex(8)
        """By this it knows what it has told itself."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._wake, self._woken = os.pipe()
        self._is_closing = threading.Event()
        raw.execute(f"LISTEN {self._channel}".encode())

    @contextmanager
    def watch(self, serial: str) -> Iterator[asyncio.Event]:
        """See `Changes.watch`."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._listen, name="store-listener", daemon=True)
            self._thread.start()
        with self._here.watch(serial) as event:
            yield event

    def tell(self, serials: Iterable[str]) -> None:
        """See `Changes.tell`."""
        told = sorted(set(serials))
        self._here.tell(told)
        if told:
            payload = "\n".join((self._name, *told))
            is_short = len(payload.encode()) <= MAX_PAYLOAD
            self._send(self._channel, payload if is_short else f"{self._name}\n{_EVERYBODY}")

    def close(self) -> None:
        """Listen no more."""
        if self._is_closing.is_set():
            return
        self._is_closing.set()
        os.write(self._woken, b"\0")
        if self._thread is not None:
            self._thread.join()
        elif self._raw is not None:
            self._raw.close()
        os.close(self._wake)
        os.close(self._woken)

    def _listen(self) -> None:
        while not self._is_closing.is_set():
            try:
                self._hear_all(*self._connected())
            except psycopg.Error as error:
                _log.warning("no news of other processes: %s", self._server.failed(error))
                self._is_closing.wait(_PAUSE)

    def _connected(self) -> tuple[Raw, bool]:
        """Give a connection, and whether something was told without it."""
        raw, self._raw = self._raw, None
        if raw is not None:
            return raw, False
        raw = self._server.connect()
        raw.execute(f"LISTEN {self._channel}".encode())
        return raw, True

    def _hear_all(self, raw: Raw, has_missed: bool) -> None:
        with contextlib.closing(raw):
            if has_missed:
                self._pass(f"\n{_EVERYBODY}")
            self._hear(raw)

    def _hear(self, raw: Raw) -> None:
        while not self._is_closing.is_set():
            ready = readable(_KEEPALIVE, raw.fileno(), self._wake)
            if not ready:
                raw.execute("SELECT 1")
            for notice in raw.notifies(timeout=0):
                self._pass(notice.payload)

    def _pass(self, payload: str) -> None:
        assert self._loop is not None, "watched first"
        # A loop that has ended waits for nothing.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._told, payload)

    def _told(self, payload: str) -> None:
        sender, *serials = payload.split("\n")
        if sender != self._name:
            self._here.tell(self._here.watched() if serials == [_EVERYBODY] else serials)


def notify(raw: Raw, channel: str, payload: str) -> None:
    """Tell a channel."""
    raw.execute("SELECT pg_notify($1, $2)", (channel, payload))


def log_untold(error: StoreError) -> None:
    """Say that others were not told; who waits looks again by itself later."""
    _log.warning("other processes were not told that orders have changed: %s", error)
