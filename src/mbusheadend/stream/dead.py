"""Dead letters: what cannot be stored. They are looked at, and tried again when the reason is gone."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from mbusheadend.stream.format import Header, Parcel
from mbusheadend.stream.layout import stream_of_dead, stream_of_readings
from mbusheadend.stream.link import Link
from mbusheadend.stream.settings import StreamSettings

_DEAD: Final = ".dead."
_READINGS: Final = ".readings."


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One of them.

    :ivar number: in the stream of dead letters.
    :ivar serial: of the master, as far as it is known.
    :ivar readings: how many, as the message said.
    """

    number: int
    serial: str
    received: str
    readings: str
    reason: str


async def dead_letters(jetstream: JetStreamContext, settings: StreamSettings) -> AsyncIterator[DeadLetter]:
    """Give all, the oldest first. Raise errors of the client."""
    async for message in _messages(jetstream, settings):
        headers = message.headers or {}
        yield DeadLetter(
            message.seq or 0,
            headers.get(Header.SERIAL, ""),
            headers.get(Header.RECEIVED, ""),
            headers.get(Header.READINGS, ""),
            headers.get(Header.REASON, ""),
        )


async def try_again(link: Link, settings: StreamSettings, numbers: frozenset[int] | None = None) -> int:
    """Put dead letters of these numbers, or all, behind the other messages; give how many.

    Each is taken away when it is there. Raise `StreamError` and errors of the client.
    """
    count = 0
    async for message in _messages(link.jetstream, settings):
        number = message.seq or 0
        if numbers is not None and number not in numbers:
            continue
        kept = {
            name: value
            for name, value in (message.headers or {}).items()
            if not name.startswith("Nats-") and name != Header.REASON
        }
        subject = (message.subject or "").replace(_DEAD, _READINGS, 1)
        headers = {**kept, Header.ID: f"{(message.headers or {}).get(Header.ID, '')}-{number}"}
        await link.publish(Parcel(subject, headers, message.data or b""), stream_of_readings(settings))
        await link.jetstream.delete_msg(stream_of_dead(settings), number)
        count += 1
    return count


async def _messages(jetstream: JetStreamContext, settings: StreamSettings) -> AsyncIterator[RawStreamMsg]:
    stream = stream_of_dead(settings)
    state = (await jetstream.stream_info(stream)).state
    number, subject = state.first_seq, f"{settings.name}.{settings.tenant}.dead.*"
    while number <= state.last_seq:
        try:
            message = await jetstream.get_msg(stream, seq=number, subject=subject, next=True)
        except NotFoundError:
            return
        if (message.seq or 0) > state.last_seq:
            return
        yield message
        number = (message.seq or 0) + 1
