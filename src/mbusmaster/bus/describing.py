"""A transaction of the bus monitor for people: what was asked and answered, decoded, without passwords or keys.

Whoever may see the bus monitor may see what meters say. But a password in a command opens a meter, so such records, and commands
that are not understood, show asterisks instead of their bytes, on the page and in a download.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mbus.application.as_json import HIDDEN, telegram_as_json
from mbus.application.telegram import Telegram, decode_telegram
from mbus.link.fields import is_from_master
from mbus.link.frames import LongFrame
from mbus.link.transaction import Ack, Garbled, Reply, Silence
from mbusio.describe import describe as describe_frame
from mbusmaster.bus.requests import MasterFrame
from mbusmaster.bus.traffic import Entry
from mbusmaster.bus.writes import is_write, what_is_written

_HEAD: Final = 7
"""Bytes of a long frame in front of its data."""


@dataclass(frozen=True, slots=True)
class Described:
    """One transaction in words.

    :ivar request: what was asked.
    :ivar request_bytes: in hex; asterisks for secret bytes.
    :ivar answer: what came.
    :ivar answer_bytes: likewise; empty for silence.
    :ivar telegram: the decoded answer as in ``mbus decode --json``; None where it is no telegram.
    """

    request: str
    request_bytes: str
    answer: str
    answer_bytes: str
    telegram: dict[str, object] | None


def describe(entry: Entry) -> Described:
    """Describe a transaction; costs decoding its answer."""
    telegram = _telegram(entry)
    return Described(
        _request(entry.frame),
        shown(entry.frame),
        _answer(entry),
        answer_bytes(entry),
        None if telegram is None else telegram_as_json(telegram),
    )


def shown(frame: MasterFrame) -> str:
    """Give a frame's bytes in hex, with asterisks for what is secret or may be."""
    if not isinstance(frame, LongFrame):
        return _hex(frame.to_bytes())
    telegram = decode_telegram(frame)
    data = frame.data
    unknown = is_write(frame) and telegram.error is not None
    secret = set(range(len(data))) if unknown else _secret_places(telegram, data)
    if not secret:
        return _hex(frame.to_bytes())
    whole = frame.to_bytes()
    said = [HIDDEN if place in secret else f"{byte:02X}" for place, byte in enumerate(data)]
    # The checksum would give a single hidden byte away.
    return " ".join((_hex(whole[:_HEAD]), *said, HIDDEN, _hex(whole[-1:])))


def as_text(entries: Iterable[Entry]) -> Iterator[str]:
    """Give the lines of a download, three for each transaction; without line ends."""
    for entry in entries:
        described = describe(entry)
        who = entry.client if entry.own else f"for {entry.client}"
        station = f", meter {entry.station}" if str(entry.station) else ""
        yield (
            f"{entry.at:%Y-%m-%dT%H:%M:%S}.{entry.at.microsecond // 1000:03}Z {who}: {described.request} -> "
            f"{described.answer} ({entry.seconds * 1000:.0f} ms, {entry.baud} baud{station})"
        )
        yield f"  > {described.request_bytes}"
        if described.answer_bytes:
            yield f"  < {described.answer_bytes}"


def _request(frame: MasterFrame) -> str:
    if not is_write(frame):
        return describe_frame(frame)
    # Its data are told by their meaning: they may be a password.
    whom, _, _ = describe_frame(LongFrame(frame.control, frame.address, frame.ci)).partition(": ")
    return f"{whom}: {what_is_written(frame)}"


def _answer(entry: Entry) -> str:
    match entry.outcome:
        case Ack():
            return "acknowledged (E5)"
        case Reply(frame):
            return describe_frame(frame)
        case Garbled(data, why):
            return f"{why}, {len(data)} bytes"
        case Silence():
            return "silence"


def answer_bytes(entry: Entry) -> str:
    """Give the bytes of an answer in hex, with asterisks for what is secret; empty for silence."""
    if isinstance(entry.outcome, Reply):
        return f"{_hex(entry.outcome.noise)} {shown(entry.outcome.frame)}".strip()
    return _hex(entry.answer)


def _telegram(entry: Entry) -> Telegram | None:
    if isinstance(entry.outcome, Reply) and not is_from_master(entry.outcome.frame.control):
        return decode_telegram(entry.outcome.frame)
    return None


def _secret_places(telegram: Telegram, data: bytes) -> set[int]:
    places: set[int] = set()
    start = 0
    for record in telegram.records:
        whole = record.dib + record.vib + record.raw
        at = data.find(whole, start)
        if at >= 0:
            start = at + len(whole)
        if record.secret:
            # A record that is not found as it stands (another order of bytes) hides all from where it may be.
            first = at + len(record.dib) + len(record.vib) if at >= 0 else start
            places.update(range(first, start if at >= 0 else len(data)))
    return places


def _hex(data: bytes) -> str:
    return data.hex(" ").upper()
