"""What a fleet of masters delivers, over connections with its certificates, as masters do: one upload of each at a time."""

import gzip
import json
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from bench.store import METERS, batches
from mbusheadend.authority import Authority
from mbusheadend.store import Store
from mbushosting.readings import READINGS, Batch
from mbusio.certificates import Pair, pem_of

AT_ONCE: Final = 32
"""Masters that deliver at a time."""
_SECONDS: Final = 60
_PAUSE: Final = 0.2
_OK: Final = "200"


@dataclass
class Fleet:
    """Masters, and what they deliver hour by hour.

    :ivar hours: of each hour what each master delivers.
    """

    masters: int
    start: datetime
    hours: list[list[tuple[str, Batch, datetime]]] = field(default_factory=list)

    @classmethod
    def of(cls, masters: int, hours: int, start: datetime) -> "Fleet":
        """Make it, with its readings."""
        made = [*batches(hours, masters=masters, start=start)]
        return cls(masters, start, [made[first : first + masters] for first in range(0, len(made), masters)])

    @property
    def serials(self) -> tuple[str, ...]:
        """Serial numbers."""
        return tuple(f"M{number}" for number in range(self.masters))

    @property
    def telegrams(self) -> int:
        """How many there are in one hour."""
        return self.masters * METERS

    async def take_in(self, store: Store, but: int = 0) -> None:
        """Let a store know them, all but the first ones."""
        for serial in self.serials[but:]:
            await store.add_token(serial.encode(), self.start + timedelta(days=1), "", self.start)
            await store.use_token(serial.encode(), serial, self.start)

    async def certify(
        self, store: Store, authority: Authority, folder: Path, now: datetime
    ) -> dict[str, ssl.SSLContext]:
        """Give each one a certificate, all with one key; they trust the authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        contexts = {}
        for serial in self.serials:
            certificate = authority.sign(key.public_key(), serial, now, 1)
            number, until = certificate.serial_number, certificate.not_valid_after_utc
            await store.add_certificate(serial, number, until, now)
            file = folder / f"{serial}.pem"
            file.write_bytes(Pair(certificate, key).to_pem())
            contexts[serial] = ssl.create_default_context(cadata=pem_of(authority.certificate).decode())
            contexts[serial].load_cert_chain(file)
        return contexts


def requests(hour: Sequence[tuple[str, Batch, datetime]]) -> list[tuple[str, bytes]]:
    """Write what masters send in an hour."""
    return [(serial, _request(batch)) for serial, batch, _ in hour]


def _request(batch: Batch) -> bytes:
    body = gzip.compress(batch.model_dump_json().encode(), 6, mtime=0)
    head = (
        f"POST {READINGS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Doors:
    """The doors of a head-end, to which masters go in turn, each over a connection of its own."""

    def __init__(self, contexts: dict[str, ssl.SSLContext], ports: Sequence[int]) -> None:
        self._contexts = contexts
        self._ports = dict(zip(contexts, cycle(ports), strict=False))

    def wait(self) -> None:
        """Wait until each takes uploads."""
        end = time.monotonic() + _SECONDS
        for serial in self._contexts:
            with self._line(serial) as line:
                while not _is_ready(line):
                    if time.monotonic() > end:
                        raise TimeoutError("the head-end takes no uploads")
                    time.sleep(_PAUSE)

    def deliver(self, uploads: Sequence[tuple[str, bytes]]) -> int:
        """Deliver, each master in its order, `AT_ONCE` at a time; give how many readings were receipted."""
        own: dict[str, list[bytes]] = {}
        for serial, request in uploads:
            own.setdefault(serial, []).append(request)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return sum(pool.map(self._deliver_all, own, own.values()))

    def _deliver_all(self, serial: str, requests: Sequence[bytes]) -> int:
        receipted = 0
        with self._line(serial) as line:
            for request in requests:
                line.sendall(request)
                status, body = _answer(line)
                if status != _OK:
                    raise OSError(f"an upload was answered by {status}: {body.decode()}")
                receipted += len(json.loads(body)["stored"])
        return receipted

    def _line(self, serial: str) -> ssl.SSLSocket:
        raw = socket.create_connection(("127.0.0.1", self._ports[serial]), _SECONDS)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._contexts[serial].wrap_socket(raw, server_hostname="127.0.0.1")


def _is_ready(line: ssl.SSLSocket) -> bool:
    line.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return _answer(line)[0] == _OK


def _answer(line: ssl.SSLSocket) -> tuple[str, bytes]:
    """Give status and body."""
    pieces = _pieces(line)
    received = b""
    while b"\r\n\r\n" not in received:
        received += next(pieces)
    head, _, body = received.partition(b"\r\n\r\n")
    status, *headers = head.decode("latin-1").lower().split("\r\n")
    length = next(int(one.partition(":")[2]) for one in headers if one.startswith("content-length:"))
    while len(body) < length:
        body += next(pieces)
    return status.split()[1], body


def _pieces(line: ssl.SSLSocket) -> Iterator[bytes]:
    while piece := line.recv(1 << 16):
        yield piece
    raise OSError("the head-end hung up")
