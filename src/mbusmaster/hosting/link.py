"""The way to the head-end: calls and deliveries over HTTPS with the master's certificate, which is renewed on the way.

Each request blocks in a thread of its own, so that names are asked for and keys are used beside the event loop; two connections
are kept: one for contacts, which may wait for news for a minute, one for deliveries. Whoever stops waiting ends the request.
"""

import asyncio
import contextlib
import gzip
import http.client
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import ValidationError

from mbushosting.contact import CONTACT, Contact, Orders
from mbushosting.parts import Message
from mbushosting.readings import READINGS, Batch, Receipt
from mbusmaster.hosting.connection import Answer, Connection
from mbusmaster.hosting.credentials import Credentials, CredentialsError, Enrolled, Identity
from mbusmaster.hosting.explain import explain_answer, explain_failure, nonsense
from mbusmaster.hosting.link_errors import (
    HeadEndDistrustedError,
    HeadEndError,
    HeadEndOverloadedError,
    HeadEndRefusedError,
    HeadEndUnreachableError,
)
from mbusmaster.hosting.places import Place, PlaceError, Proxy, read_proxy
from mbusmaster.hosting.state import NOT_ENROLLED
from mbusweb.texts import Text, mark

if TYPE_CHECKING:
    from mbusio.tunnel.streaming import Streaming

__all__ = [
    "HeadEnd",
    "HeadEndDistrustedError",
    "HeadEndError",
    "HeadEndOverloadedError",
    "HeadEndRefusedError",
    "HeadEndUnreachableError",
]

ANSWER_SECONDS: Final = 30.0
"""That the head-end may take beyond the wait that was agreed."""
REQUEST_SECONDS: Final = 120.0
"""For a whole request beyond the wait, however slowly it goes on."""
MAX_ORDERS: Final = 8 << 20
MAX_RECEIPT: Final = 1 << 20
FRESH: Final = timedelta(minutes=10)
NEWS: Final = 2
BACKLOG: Final = 5
"""Urgency of readings of which the newest is not fresh: a head-end that is busy takes the others first."""
RENEW_AGAIN: Final = timedelta(hours=1)
"""After a renewal, whether it came off or not, the next one is not tried before."""
_PACKED_FROM: Final = 2048
"""Bytes; smaller bodies are sent as they are."""
_TOO_SLOW: Final = mark("The answer of the head-end comes too slowly: it is tried again.")

_log = logging.getLogger(__name__)
M = TypeVar("M", bound=Message)
T = TypeVar("T")


class HeadEnd:
    """Asks the head-end that this master is enrolled at; one contact and one delivery at a time.

    :param credentials: looked at for each request: another enrolment counts at once.
    :param proxy: gives the URL of the setting, None for none.
    :param now: gives the time of this machine.
    """

    def __init__(
        self, credentials: Credentials, proxy: Callable[[], str | None], now: Callable[[], datetime]
    ) -> None:
        self._credentials = credentials
        self._proxy = proxy
        self._now = now
        self._contacts = _Line(credentials, now)
        self._deliveries = _Line(credentials, now)
        self._renewed: datetime | None = None

    async def contact(self, contact: Contact, wait: float) -> Orders:
        """Say how the master is; wait so many seconds for news. Raise `HeadEndError`."""
        await self._renew_if_due()
        wait = max(0.0, wait)
        return await self._post(
            self._contacts, _Call(f"{CONTACT}?wait={wait:.0f}", contact, wait, MAX_ORDERS), Orders
        )

    async def deliver(self, batch: Batch) -> Receipt:
        """Hand readings over; what the receipt names is stored for good. Raise `HeadEndError`."""
        age = self._now() - max(reading.taken for reading in batch.readings)
        urgency = BACKLOG if age > FRESH else NEWS
        return await self._post(self._deliveries, _Call(READINGS, batch, 0.0, MAX_RECEIPT, urgency), Receipt)

    async def dial(self, tunnel: str) -> "Streaming":
        """Open a connection of its own for a tunnel that the head-end has ordered. Raise `HeadEndError`."""
        from mbusmaster.hosting.dialling import dial

        return await dial(self._credentials, self._enrolled(), _proxy_of(self._proxy()), tunnel, self._now)

    def close(self) -> None:
        """End the connections; the next request opens them again."""
        self._contacts.close()
        self._deliveries.close()

    async def _post(self, line: "_Line", call: "_Call", kind: type[M]) -> M:
        enrolled = self._enrolled()
        proxy = _proxy_of(self._proxy())
        try:
            answer = await line.post(call, enrolled, enrolled.identity, proxy)
        except HeadEndRefusedError:
            if enrolled.next is None:
                raise
            _log.warning("hosting: the head-end does not take the new certificate: the old one stays")
            self._settle(enrolled.next, works=False)
            answer = await line.post(call, enrolled, enrolled.current, proxy)
        else:
            if enrolled.next is not None:
                self._settle(enrolled.next, works=True)
        return _read(kind, answer, enrolled)

    async def _renew_if_due(self) -> None:
        """Fetch a new certificate if it is time; where that fails the old one does for now."""
        now = self._now()
        try:
            enrolled = self._credentials.load()
        except CredentialsError:
            return
        if enrolled is None or enrolled.next is not None or now < enrolled.current.is_due_at:
            return
        if self._renewed is not None and abs(now - self._renewed) < RENEW_AGAIN:
            return
        self._renewed = now
        try:
            await self._renew(enrolled)
        except (HeadEndError, CredentialsError) as error:
            _log.warning("hosting: the certificate is not renewed yet: %s", error)
        else:
            _log.info("hosting: a new certificate came; the next call shows it")

    async def _renew(self, enrolled: Enrolled) -> None:
        proxy = _proxy_of(self._proxy())
        connection = _connection(self._credentials, enrolled, enrolled.current, proxy)

        def work() -> None:
            # What makes keys is big, and needed once a year.
            from mbusmaster.hosting.enrolment import renew

            renew(self._credentials, enrolled, connection, proxy, self._now)

        try:
            await in_thread(work, connection.close)
        finally:
            connection.close()

    def _enrolled(self) -> Enrolled:
        try:
            enrolled = self._credentials.load()
        except CredentialsError as error:
            raise HeadEndRefusedError(error.text, needs_token=True) from error
        if enrolled is None:
            raise HeadEndRefusedError(Text(NOT_ENROLLED), needs_token=True)
        return enrolled

    def _settle(self, identity: Identity, *, works: bool) -> None:
        try:
            self._credentials.settle(identity, works=works)
        except CredentialsError as error:
            _log.error("hosting: %s", error)


@dataclass(frozen=True, slots=True)
class _Call:
    """What is asked.

    :ivar wait: seconds that the head-end may take for news.
    :ivar limit: bytes of the answer.
    :ivar urgency: 0 to 7, the least (RFC 9218 4.1).
    """

    path: str
    message: Message
    wait: float
    limit: int
    urgency: int = NEWS

    def send(self, connection: Connection) -> Answer:
        """Ask, in a thread."""
        body = self.message.model_dump_json().encode()
        headers = {"Content-Type": "application/json", "Priority": f"u={self.urgency}"}
        if len(body) >= _PACKED_FROM:
            body = gzip.compress(body, 6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        seconds = self.wait + ANSWER_SECONDS
        return connection.request(
            "POST", self.path, body=body, headers=headers, seconds=seconds, limit=self.limit
        )


class _Line:
    """One kept connection, made anew where it ended or where it shows another identity."""

    def __init__(self, credentials: Credentials, now: Callable[[], datetime]) -> None:
        self._credentials = credentials
        self._now = now
        self._connection: Connection | None = None
        self._made_for: tuple[Place, str, Identity, Proxy | None] | None = None

    async def post(self, call: _Call, enrolled: Enrolled, identity: Identity, proxy: Proxy | None) -> Answer:
        """Post a message. Raise `HeadEndError`."""
        connection = self._connected(enrolled, identity, proxy)
        try:
            answer = await in_thread(lambda: call.send(connection), connection.close, call.wait)
        except CredentialsError as error:
            raise HeadEndRefusedError(error.text, needs_token=True) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise explain_failure(error, enrolled.place, proxy, self._now()) from error
        if answer.status != http.client.OK:
            raise explain_answer(answer, enrolled.place)
        return answer

    def close(self) -> None:
        """End the connection; a request that is under way fails at once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self, enrolled: Enrolled, identity: Identity, proxy: Proxy | None) -> Connection:
        # Whether a next identity is known to work changes nothing for a connection that shows it.
        wanted = (enrolled.place, enrolled.authority, identity, proxy)
        connection = self._connection
        if connection is None or connection.is_closed or self._made_for != wanted:
            self.close()
            connection = _connection(self._credentials, enrolled, identity, proxy)
            self._connection, self._made_for = connection, wanted
        return connection


def _connection(
    credentials: Credentials, enrolled: Enrolled, identity: Identity, proxy: Proxy | None
) -> Connection:
    return Connection(enrolled.place, proxy, lambda: credentials.context(enrolled, identity))


def _proxy_of(url: str | None) -> Proxy | None:
    try:
        return read_proxy(url) if url else None
    except PlaceError as error:
        raise HeadEndUnreachableError(error.text) from error


def _read(kind: type[M], answer: Answer, enrolled: Enrolled) -> M:
    try:
        return kind.model_validate_json(answer.body)
    except ValidationError as error:
        _log.warning("hosting: the head-end's answer cannot be understood: %s", error.errors()[:1])
        raise nonsense(enrolled.place) from error


async def in_thread(work: Callable[[], T], abort: Callable[[], None], wait: float = 0.0) -> T:
    """Do blocking work in a thread of its own; `abort` makes it fail when it is given up or takes too long."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:
            failure = error
        # The loop may have ended meanwhile: then nobody waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(finish, result, failure)

    threading.Thread(target=run, name="head-end", daemon=True).start()
    try:
        finished, _ = await asyncio.wait([done], timeout=wait + REQUEST_SECONDS)
    except asyncio.CancelledError:
        done.cancel()
        abort()
        raise
    if not finished:
        done.cancel()
        abort()
        raise HeadEndUnreachableError(Text(_TOO_SLOW))
    return done.result()
