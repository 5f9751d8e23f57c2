"""What a message of readings looks like: subject, headers, body. Other systems read it: docs/stream.md says the same.

An upload becomes one message, or several where it is too big for one. The same upload gives the same messages with the same ids,
so that the stream drops what is sent again.
"""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from pydantic import ValidationError

from mbusheadend.bodies import unpack
from mbusheadend.errors import RefusedError
from mbusheadend.stream.errors import FormatError
from mbushosting.readings import MAX_BODY, Batch

VERSION: Final = "1"
MAX_UNPACKED: Final = 2 * MAX_BODY
"""Bytes: written out in full a batch is longer than a master may have sent it."""
_LEVEL: Final = 3
"""Of gzip: hardly bigger than at 6, in a third of the time."""
_ID_DIGITS: Final = 32
_LONGEST_REASON: Final = 300


class Header(StrEnum):
    """Names of headers."""

    ID = "Nats-Msg-Id"
    VERSION = "Mbus-Version"
    SERIAL = "Mbus-Serial"
    RECEIVED = "Mbus-Received"
    BATCH = "Mbus-Batch"
    PART = "Mbus-Part"
    READINGS = "Mbus-Readings"
    ENCODING = "Content-Encoding"
    TYPE = "Content-Type"
    REASON = "Mbus-Reason"
    """Of a dead letter: why it cannot be stored."""
    CERTIFICATE = "Mbus-Certificate"
    """Serial number of a certificate that nobody could ask the store about: whoever writes asks first."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message to be published."""

    subject: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a message says.

    :ivar received: when the head-end took the upload.
    :ivar certificate: to be asked about before it is stored; None where that was done.
    """

    batch: Batch
    received: datetime
    certificate: int | None


def readings_subject(name: str, tenant: str, serial: str) -> str:
    """Give the subject of the readings of a master; ``*`` stands for any."""
    return f"{name}.{tenant}.readings.{token_of(serial)}"


def dead_subject(name: str, tenant: str, serial: str) -> str:
    """Give the subject of what a master delivered and cannot be stored."""
    return f"{name}.{tenant}.dead.{token_of(serial)}"


def token_of(serial: str) -> str:
    """Write a serial number so that it is one part of a subject."""
    return serial if serial == "*" else quote(serial, safe="").replace(".", "%2E")


def pack(
    batch: Batch, received: datetime, subject: str, most: int, certificate: int | None = None
) -> tuple[Parcel, ...]:
    """Pack an upload into messages whose bodies are `most` bytes at the most."""
    whole = batch.model_dump_json().encode()
    upload = _digest(whole)
    pieces = [*_pieces(batch, whole, most)]
    headers: dict[str, str] = {
        Header.VERSION: VERSION,
        Header.SERIAL: batch.serial_number,
        Header.RECEIVED: received.astimezone(UTC).isoformat(),
        Header.BATCH: upload,
        Header.ENCODING: "gzip",
        Header.TYPE: "application/json",
        **({} if certificate is None else {Header.CERTIFICATE: str(certificate)}),
    }
    return tuple(
        Parcel(
            subject,
            {
                **headers,
                Header.ID: f"{upload}-{number}",
                Header.PART: f"{number}/{len(pieces)}",
                Header.READINGS: str(count),
            },
            body,
        )
        for number, (count, body) in enumerate(pieces, 1)
    )


def understand(headers: Mapping[str, str], body: bytes) -> Delivered:
    """Read a message. Raise `FormatError`."""
    if headers.get(Header.VERSION) != VERSION:
        raise FormatError(f"version {headers.get(Header.VERSION, 'none')!r} of the format is not known here")
    if headers.get(Header.ENCODING) != "gzip":
        raise FormatError("the body is not said to be gzip")
    try:
        batch = Batch.model_validate_json(unpack(body, MAX_UNPACKED))
        received = datetime.fromisoformat(headers[Header.RECEIVED]).astimezone(UTC)
        number = headers.get(Header.CERTIFICATE)
        certificate = None if number is None else int(number)
    except RefusedError as error:
        raise FormatError(error.reason) from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"][:6])
        raise FormatError(f"{where}: {first['msg']}"[:_LONGEST_REASON]) from error
    except (KeyError, ValueError, OverflowError) as error:
        raise FormatError("a header is missing or says nothing") from error
    if headers.get(Header.SERIAL) != batch.serial_number:
        raise FormatError("headers and body name different masters")
    return Delivered(batch, received, certificate)


def dead_letter(headers: Mapping[str, str], body: bytes, subject: str, reason: str) -> Parcel:
    """Make a dead letter of a message, with why; made again, it has the same id."""
    text = "".join(character if " " <= character <= "~" else "?" for character in reason)[:_LONGEST_REASON]
    kept = {name: value for name, value in headers.items() if not name.startswith("Nats-")}
    return Parcel(subject, {**kept, Header.ID: f"{_digest(body)}-dead", Header.REASON: text}, body)


def pack_again(headers: Mapping[str, str], batch: Batch) -> tuple[dict[str, str], bytes]:
    """Pack some readings of a message, with the headers that it had."""
    changed = {**headers, Header.READINGS: str(len(batch.readings))}
    return changed, _packed(batch.model_dump_json().encode())


def _pieces(batch: Batch, whole: bytes, most: int) -> Iterator[tuple[int, bytes]]:
    body = _packed(whole)
    count = len(batch.readings)
    if len(body) <= most or count == 1:
        yield count, body
        return
    for readings in (batch.readings[: count // 2], batch.readings[count // 2 :]):
        half = batch.model_copy(update={"readings": readings})
        yield from _pieces(half, half.model_dump_json().encode(), most)


def _packed(data: bytes) -> bytes:
    return gzip.compress(data, _LEVEL, mtime=0)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_ID_DIGITS]
