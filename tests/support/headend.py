"""A real head-end on loopback, and masters that it took in."""

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec

from mbusheadend.authority import Authority
from mbusheadend.service import HeadEnd
from mbusheadend.settings import Settings
from mbusheadend.state import authority_of, store_of
from mbusheadend.store import Store
from mbusheadend.tokens import make_token
from mbushosting.contact import Contact
from mbusio.certificates import Pair, pem_of
from mbusmaster.hosting.credentials import Credentials, Enrolled
from mbusmaster.hosting.enrolment import enrol
from mbusmaster.hosting.link import HeadEnd as Link


class Clock:
    """The system's, with what is added to it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(slots=True)
class Site:
    """A head-end that runs.

    :ivar clock: of the head-end; TLS has the system's.
    :ivar clock_there: of the masters.
    """

    folder: Path
    store: Store
    authority: Authority
    head_end: HeadEnd
    clock: Clock
    clock_there: Clock = field(default_factory=Clock)
    proxy: str | None = None

    @property
    def url(self) -> str:
        return self.head_end.url

    @property
    def port(self) -> int:
        return httpx.URL(self.url).port or 443

    async def token(self, days: float = 1) -> str:
        return str(await make_token(self.store, self.authority, self.clock(), days))

    async def enrol(self, serial: str = "M1", token: str | None = None) -> Enrolled:
        """Take a master in whose credentials are in the folder of its name."""
        word = token or await self.token()
        return await asyncio.to_thread(
            enrol, self.url, word, serial, self.folder / serial, self.proxy, self.clock_there
        )

    def credentials(self, serial: str = "M1") -> Credentials:
        return Credentials(self.folder / serial)

    @asynccontextmanager
    async def link(self, serial: str = "M1") -> AsyncIterator[Link]:
        link = Link(self.credentials(serial), lambda: self.proxy, self.clock_there)
        try:
            yield link
        finally:
            link.close()

    def context(self, serial: str | None = None) -> ssl.SSLContext:
        """Trust this head-end; show the certificate of a master."""
        context = ssl.create_default_context(cadata=self.authority_pem.decode())
        if serial is not None:
            enrolled = self.credentials(serial).load()
            assert enrolled is not None
            context.load_cert_chain(self.folder / serial / enrolled.identity.file)
        return context

    @property
    def authority_pem(self) -> bytes:
        return pem_of(self.authority.certificate)

    async def take_in(self, *serials: str) -> dict[str, ssl.SSLContext]:
        """Take many masters in, all with one key; give what each shows."""
        key = ec.generate_private_key(ec.SECP256R1())
        contexts = {}
        for serial in serials:
            await self.store.add_token(serial.encode(), self.clock() + timedelta(1), "", self.clock())
            assert await self.store.use_token(serial.encode(), serial, self.clock())
            certificate = self.authority.sign(key.public_key(), serial, self.clock(), 1)
            number, until = certificate.serial_number, certificate.not_valid_after_utc
            await self.store.add_certificate(serial, number, until, self.clock())
            file = self.folder / f"{serial}.pem"
            file.write_bytes(Pair(certificate, key).to_pem())
            contexts[serial] = self.context()
            contexts[serial].load_cert_chain(file)
        return contexts

    def client(self, serial: str | None = None) -> httpx.AsyncClient:
        """Give a client of others, with the certificate of a master."""
        return httpx.AsyncClient(verify=self.context(serial), base_url=self.url, timeout=20)


@asynccontextmanager
async def running(folder: Path, **settings: Any) -> AsyncIterator[Site]:
    """Run a head-end on a free port of loopback."""
    state = folder / "head-end"
    values = {
        "listen": ("127.0.0.1:0",),
        "web_listen": (),
        "names": ("127.0.0.1",),
        "state_folder": state,
        **settings,
    }
    chosen = Settings.model_validate(values)
    store, clock = store_of(chosen), Clock()
    authority = authority_of(state)
    head_end = HeadEnd(chosen, authority, store, clock)
    try:
        head_end.start()
        yield Site(folder, store, authority, head_end, clock)
    finally:
        await head_end.stop()
        store.close()


def now() -> datetime:
    return datetime.now(UTC)


def call(serial: str = "M1", **facts: Any) -> Contact:
    """Give a contact of this moment."""
    return Contact.model_validate(
        {"serial_number": serial, "software": "1", "time": now(), "started": now(), **facts}
    )


def packed(message: Any) -> bytes:
    """Give a body as masters send it."""
    return gzip.compress(message if isinstance(message, bytes) else json.dumps(message).encode())
