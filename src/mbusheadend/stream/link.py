"""The connection to the stream: made again for ever, and publishing that waits for the acknowledgement."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import Final

from nats.aio.client import Client
from nats.errors import Error, NoServersError
from nats.js import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError

from mbusheadend.errors import HeadEndError
from mbusheadend.stream.errors import StreamError, StreamFullError
from mbusheadend.stream.format import Parcel
from mbusheadend.stream.settings import StreamSettings

WITHIN_SECONDS: Final = 12.0
"""For an acknowledgement: when the leader of the stream dies, the others choose a new one in 4 to 6 s."""
TRY_SECONDS: Final = 3.0
PAUSE_SECONDS: Final = 0.25
REQUEST_SECONDS: Final = 5.0
RECONNECT_SECONDS: Final = 1
PING_SECONDS: Final = 10
MAX_PENDING: Final = 8 << 20
"""Bytes that wait for the connection to come back."""
HEADERS_ROOM: Final = 4096
"""Bytes of a message beside its body."""
BODY_BYTES: Final = 900 << 10
_NO_ROOM: Final = frozenset({10023, 10047, 10077})
"""Codes of JetStream: resources or storage of the servers, or the limits of the stream are used up."""
_WRONG_STREAM: Final = 10060

_log = logging.getLogger(__name__)


class Link:
    """One connection to the servers; construct it in the event loop. Raise `HeadEndError` for files that cannot be used."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._tls = _context(settings) if settings.is_secure else None
        self._client = Client()
        self._is_closing = False

    @property
    def is_up(self) -> bool:
        """Whether there is a connection now."""
        return self._client.is_connected

    @property
    def jetstream(self) -> JetStreamContext:
        """What asks JetStream."""
        return self._client.jetstream(timeout=REQUEST_SECONDS)

    @property
    def body_bytes(self) -> int:
        """How big the body of a message may be."""
        return min(BODY_BYTES, max(1024, self._client.max_payload - HEADERS_ROOM))

    async def open(self) -> None:
        """Connect; wait as long as that takes. Raise `StreamError` where the servers do not let us in."""
        settings = self._settings
        if self._client.is_connected or self._client.is_reconnecting:
            return
        try:
            await self._client.connect(
                [*settings.servers],
                name="mbusheadend",
                tls=self._tls,
                user_credentials=None if settings.credentials is None else str(settings.credentials),
                max_reconnect_attempts=-1,
                reconnect_time_wait=RECONNECT_SECONDS,
                ping_interval=PING_SECONDS,
                pending_size=MAX_PENDING,
                error_cb=_note,
                disconnected_cb=self._note_lost,
                reconnected_cb=_note_back,
            )
        except (Error, NoServersError, OSError, ValueError) as error:
            raise StreamError(f"cannot connect to the stream: {error}") from error

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
        if not self.is_up:
            raise StreamError("there is no connection to the stream")
        headers: Mapping[str, str] = parcel.headers
        try:
            acknowledged = await self.jetstream.publish(
                parcel.subject, parcel.body, timeout=TRY_SECONDS, stream=stream, headers={**headers}
            )
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

    async def close(self) -> None:
        """Send what is to be sent and end the connection."""
        self._is_closing = True
        try:
            if self.is_up:
                await self._client.flush(timeout=1)
        except (Error, OSError, TimeoutError):
            pass
        if not self._client.is_closed:
            await self._client.close()

    async def _note_lost(self) -> None:
        if not self._is_closing:
            _log.warning("the connection to the stream is lost")


def _context(settings: StreamSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if settings.certificate is not None and settings.key is not None:
            context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ValueError) as error:
        raise HeadEndError(f"the certificates for the stream cannot be used: {error}") from error
    return context


async def _note(error: Exception) -> None:
    _log.debug("the stream: %r", error)


async def _note_back() -> None:
    _log.info("the connection to the stream is back")
