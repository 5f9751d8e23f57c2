"""The connection to the stream: made again for ever, and publishing that waits for the acknowledgement."""

import asyncio
import contextlib
import logging
import random
import ssl
from importlib.util import find_spec
from typing import Final

from nats.aio.client import Client
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError

from mbusheadend.errors import HeadEndError
from mbusheadend.stream.calls import bounded
from mbusheadend.stream.errors import StreamError, StreamFullError
from mbusheadend.stream.format import Parcel
from mbusheadend.stream.settings import StreamSettings

WITHIN_SECONDS: Final = 12.0
"""For an acknowledgement: when the leader of the stream dies, the others choose a new one in 4 to 6 s."""
TRY_SECONDS: Final = 3.0
PAUSE_SECONDS: Final = 0.25
REQUEST_SECONDS: Final = 3.0
CONNECT_SECONDS: Final = 5
CLOSE_SECONDS: Final = 3.0
RECONNECT_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 1.0
"""Between two looks whether a connection is still one that said nothing about its end."""
PING_SECONDS: Final = 10
MAX_PENDING: Final = 8 << 20
"""Bytes that wait for the connection to come back."""
HEADERS_ROOM: Final = 4096
"""Bytes of a message beside its body."""
BODY_BYTES: Final = 900 << 10
_NO_ROOM: Final = frozenset({10023, 10047, 10077})
"""Codes of JetStream: resources or storage of the servers, or the limits of the stream are used up."""
_WRONG_STREAM: Final = 10060
_RUBBISH: Final = (AttributeError, LookupError, TypeError)
"""What the client raises where something else than a node answers, or a node with facts of other types."""

_log = logging.getLogger(__name__)


class _Client(Client):
    """The client; of a connection that broke it drops what was not sent, which uvloop would not let it send to the end."""

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        if not self.is_connected:
            self._pending, self._pending_data_size = [], 0
        await super()._close(status, do_cbs)


class Link:
    """One connection, to any of the servers; construct it in the event loop. Raise `HeadEndError` for files that cannot be used.

    :ivar problem: what went wrong last.
    """

    def __init__(self, settings: StreamSettings) -> None:
        if settings.credentials is not None and find_spec("nkeys") is None:
            raise HeadEndError("credentials for the stream need one more package: pip install nkeys")
        self._settings = settings
        self._tls = _context(settings) if settings.is_secure else None
        self._servers = random.sample(settings.servers, len(settings.servers))
        self._client: Client | None = None
        self._lost = asyncio.Event()
        self.problem = "no node has answered yet"

    @property
    def is_up(self) -> bool:
        """Whether there is a connection now."""
        return self._client is not None and self._client.is_connected

    @property
    def jetstream(self) -> JetStreamContext:
        """What asks JetStream. Raise `StreamError` where there is no connection."""
        if self._client is None or not self._client.is_connected:
            raise StreamError(f"there is no connection to the stream: {self.problem}")
        return self._client.jetstream(timeout=REQUEST_SECONDS)

    @property
    def body_bytes(self) -> int:
        """How big the body of a message may be."""
        most = BODY_BYTES if self._client is None else self._client.max_payload - HEADERS_ROOM
        return min(BODY_BYTES, max(1024, most))

    async def run(self) -> None:
        """Be connected, again and again, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            problem, began = self.problem, clock()
            try:
                await self.open()
            except StreamError as error:
                if self.problem != problem:
                    _log.warning("%s", error)
            else:
                _log.info("connected to the stream")
                await self._until_lost()
                self.problem = "it was lost"
                _log.warning("the connection to the stream is lost")
            await asyncio.sleep(max(0.0, RECONNECT_SECONDS - (clock() - began)))

    async def open(self) -> None:
        """Connect to the first node that answers; one after the other is asked. Raise `StreamError`."""
        for _ in self._servers:
            self._servers.append(self._servers.pop(0))
            try:
                await self._connect(self._servers[-1])
            except StreamError as error:
                self.problem = str(error)
            else:
                return
        raise StreamError(f"cannot connect to the stream: {self.problem}")

    async def close(self) -> None:
        """Send what is to be sent and end the connection."""
        client, self._client = self._client, None
        if client is not None:
            await _close(client)

    async def _connect(self, server: str) -> None:
        await self.close()
        client, settings = _Client(), self._settings
        self._lost.clear()
        wrong: list[Exception] = []

        async def note(error: Exception) -> None:
            wrong.append(error)
            del wrong[:-1]

        async def lost() -> None:
            self._lost.set()

        # The client is not left to connect again by itself: it gives up for good at some errors.
        connecting = client.connect(
            [server],
            name="mbusheadend",
            tls=self._tls,
            user_credentials=None if settings.credentials is None else str(settings.credentials),
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=CONNECT_SECONDS,
            ping_interval=PING_SECONDS,
            pending_size=MAX_PENDING,
            error_cb=note,
            closed_cb=lost,
        )
        try:
            await bounded(connecting, 2 * CONNECT_SECONDS)
            await bounded(client.flush(timeout=CONNECT_SECONDS), CONNECT_SECONDS)
        except (Error, OSError, ValueError, TimeoutError, StreamError, *_RUBBISH) as error:
            why = wrong[-1] if wrong else error
            raise StreamError(f"{server}: {str(why) or type(why).__name__}") from error
        else:
            self._client = client
        finally:
            if self._client is not client:
                await _close(client)

    async def _until_lost(self) -> None:
        while self.is_up:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._lost.wait()

    async def publish(self, parcel: Parcel, stream: str) -> bool:
        """Publish a message; back when most of the nodes have it on their disks. Tell whether it was there before.

        Raise `StreamError`: then it may be there or not, and may be published again under its id.
        """
        until = asyncio.get_running_loop().time() + WITHIN_SECONDS
        while True:
            try:
                return await self._publish_once(parcel, stream)
            except StreamFullError:
                raise
            except StreamError:
                if asyncio.get_running_loop().time() + PAUSE_SECONDS + TRY_SECONDS > until or not self.is_up:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)

    async def _publish_once(self, parcel: Parcel, stream: str) -> bool:
        headers = {**parcel.headers}
        publishing = self.jetstream.publish(
            parcel.subject, parcel.body, timeout=TRY_SECONDS, stream=stream, headers=headers
        )
        try:
            acknowledged = await bounded(publishing, TRY_SECONDS + 1)
        except APIError as error:
            if error.err_code in _NO_ROOM:
                raise StreamFullError(f"the stream {stream} is full: {error.description}") from error
            if error.err_code == _WRONG_STREAM:
                raise StreamError(f"{parcel.subject} belongs to another stream than {stream}") from error
            raise StreamError(f"the stream {stream} refuses: {error.description}") from error
        except NoStreamResponseError as error:
            raise StreamError(f"there is no stream {stream}, or it has no leader now") from error
        except TimeoutError as error:
            raise StreamError(f"the stream {stream} does not acknowledge") from error
        except (Error, OSError, ValueError) as error:
            raise StreamError(f"the stream {stream} cannot be reached: {error}") from error
        return bool(acknowledged.duplicate)


async def _close(client: Client) -> None:
    with contextlib.suppress(Error, OSError, TimeoutError, StreamError):
        if client.is_connected:
            await bounded(client.flush(timeout=1), CLOSE_SECONDS)
        await bounded(client.close(), CLOSE_SECONDS)


def _context(settings: StreamSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if settings.certificate is not None and settings.key is not None:
            context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ValueError) as error:
        raise HeadEndError(f"the certificates for the stream cannot be used: {error}") from error
    return context
