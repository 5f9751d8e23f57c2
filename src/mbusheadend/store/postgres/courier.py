"""Messages between processes by NOTIFY and LISTEN, on one connection of each process (`mbusheadend.courier.Courier`).

One thread has the connection; what is subscribed and published is handed to it, and done in that order. When the connection is
lost every subscription is, and whoever needs one subscribes again.
"""

import asyncio
import base64
import binascii
import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Final

import psycopg
from psycopg import sql

from mbusheadend.courier import MAX_MESSAGE, MAX_TOPIC, CourierLostError, Mailbox, Subscription
from mbusheadend.store.postgres.connection import Raw
from mbusheadend.store.postgres.server import Server, readable

PREFIX: Final = "c."
"""Of channels: with a topic behind it, no longer than a name may be."""
MOST_UNSENT: Final = 2000
"""Things that wait for the server; more are refused."""
KEEPALIVE: Final = 20.0
_log = logging.getLogger(__name__)
_Task = tuple[Callable[[Raw], None], "Future[None]"]


class CourierBetween:
    """See `mbusheadend.courier.Courier`. For one event loop; the thread begins with the first thing to do."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._mailboxes: dict[str, set[Mailbox]] = {}
        self._tasks: deque[_Task] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._wake, self._woken = os.pipe()
        self._is_closing = False

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[Subscription]:
        """See the protocol."""
        mailbox, channel = Mailbox(), _channel(topic)
        try:
            await self._do(lambda raw: self._listen(raw, topic, channel, mailbox))
            yield mailbox
        finally:
            left = self._mailboxes.get(topic, set())
            left.discard(mailbox)
            if not left:
                self._mailboxes.pop(topic, None)
                with contextlib.suppress(CourierLostError):
                    self._hand(lambda raw: self._unlisten(raw, topic))

    async def publish(self, topic: str, message: bytes) -> None:
        """See the protocol."""
        if len(message) > MAX_MESSAGE:
            raise ValueError("a message is too long")
        channel, payload = _channel(topic), base64.b64encode(message).decode()
        await self._do(lambda raw: _notify(raw, channel, payload))

    def close(self) -> None:
        """Carry nothing any more."""
        self._is_closing = True
        os.write(self._woken, b"\0")
        if self._thread is not None:
            self._thread.join()
        os.close(self._wake)
        os.close(self._woken)

    async def _do(self, task: Callable[[Raw], None]) -> None:
        await asyncio.wrap_future(self._hand(task))

    def _hand(self, task: Callable[[Raw], None]) -> "Future[None]":
        """Hand a task to the thread; its future fails with `CourierLostError`."""
        if self._is_closing or len(self._tasks) >= MOST_UNSENT:
            raise CourierLostError("the head-end ends" if self._is_closing else "too much is to be carried")
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
            self._thread.start()
        done: Future[None] = Future()
        self._tasks.append((task, done))
        os.write(self._woken, b"\0")
        return done

    def _run(self) -> None:
        while not self._is_closing:
            try:
                raw = self._server.connect()
            except psycopg.Error as error:
                self._lost(str(self._server.failed(error)))
                # What comes next tries again; nothing is tried while nobody wants anything.
                os.read(self._wake, 4096)
                continue
            with contextlib.closing(raw):
                try:
                    self._carry(raw)
                except psycopg.Error as error:
                    self._lost(str(self._server.failed(error)))
                except Exception as error:
                    _log.exception("messages between processes cannot be carried")
                    self._lost(f"{type(error).__name__}: {error}")
        self._lost("the head-end ends")

    def _carry(self, raw: Raw) -> None:
        while not self._is_closing:
            while self._tasks:
                task, done = self._tasks.popleft()
                try:
                    task(raw)
                except BaseException as error:
                    _settle(done, CourierLostError(str(error)))
                    raise
                _settle(done, None)
            self._hear(raw)
            if self._tasks:
                continue
            ready = readable(KEEPALIVE, raw.fileno(), self._wake)
            if self._wake in ready:
                os.read(self._wake, 4096)
            if not ready:
                raw.execute("SELECT 1")

    def _hear(self, raw: Raw) -> None:
        for notice in raw.notifies(timeout=0):
            with contextlib.suppress(binascii.Error, ValueError):
                self._call(
                    notice.channel.removeprefix(PREFIX), base64.b64decode(notice.payload, validate=True)
                )

    def _listen(self, raw: Raw, topic: str, channel: str, mailbox: Mailbox) -> None:
        # What was on its way to others before is not for this one.
        self._hear(raw)
        self._in_loop(lambda: self._mailboxes.setdefault(topic, set()).add(mailbox))
        raw.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))

    def _unlisten(self, raw: Raw, topic: str) -> None:
        if topic not in self._mailboxes:
            raw.execute(sql.SQL("UNLISTEN {}").format(sql.Identifier(_channel(topic))))

    def _call(self, topic: str, message: bytes) -> None:
        def give() -> None:
            for mailbox in self._mailboxes.get(topic, ()):
                mailbox.give(message)

        self._in_loop(give)

    def _lost(self, why: str) -> None:
        """End every subscription, and everything that waits to be done."""
        while self._tasks:
            _settle(self._tasks.popleft()[1], CourierLostError(why))

        def lose() -> None:
            for mailboxes in self._mailboxes.values():
                for mailbox in mailboxes:
                    mailbox.lose(why)

        self._in_loop(lose)

    def _in_loop(self, work: Callable[[], None]) -> None:
        # A loop that has ended hears nothing.
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(work)


def _channel(topic: str) -> str:
    if not topic or len(topic) > MAX_TOPIC or not topic.isascii():
        raise ValueError("a topic is too long, or none")
    return PREFIX + topic


def _notify(raw: Raw, channel: str, payload: str) -> None:
    raw.execute("SELECT pg_notify($1, $2)", (channel, payload))


def _settle(done: "Future[None]", error: Exception | None) -> None:
    if not done.set_running_or_notify_cancel():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
