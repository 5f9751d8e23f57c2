"""What a master proves with who it is, and what it knows its head-end by: kept in the state folder, for its owner only.

``head-end.json`` says where the head-end is, gives its authority's certificate, and names the file with the key and the
certificate that are in force; after a renewal also the next one, until the head-end has taken it once. Each key stands in a file
of its own with its certificate, and these are only ever added and removed: so one write of ``head-end.json`` changes everything.
"""

import contextlib
import json
import secrets
import ssl
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mbusio.files import write_atomically
from mbusmaster.hosting.errors import SaidError
from mbusmaster.hosting.places import Place
from mbusmaster.hosting.state import NOT_ENROLLED, CredentialState, Standing
from mbusweb.texts import NO_TEXT, Text, mark

FOLDER: Final = "hosting"
"""In the state folder."""
FILE: Final = "head-end.json"
IDENTITY: Final = "identity-*.pem"
FORMAT: Final = 1
MAX_SIZE: Final = 64 * 1024
_DAMAGED: Final = mark(
    "What this master knows of its head-end is damaged (%(file)s): enrol the master with a new token."
)
_UNREADABLE: Final = mark("%(file)s cannot be read: %(why)s")
_UNWRITABLE: Final = mark("%(file)s cannot be written: %(why)s")
_LAPSED: Final = mark(
    "The certificate of this master lapsed on %(date)s: enrol it with a new token, unless its clock is wrong."
)


class CredentialsError(SaidError):
    """The credentials cannot be used, read or written; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A key with its certificate.

    :ivar file: name in the folder.
    :ivar issued: when it came, by the clock of this machine.
    """

    file: str
    issued: datetime
    expires: datetime

    @property
    def is_due_at(self) -> datetime:
        """When it is time for a new one: after two thirds of its life."""
        return self.expires - max(self.expires - self.issued, timedelta()) / 3


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A master that was taken in.

    :ivar authority: of the head-end, PEM.
    :ivar next: came by renewal; not yet known to work.
    """

    place: Place
    serial_number: str
    authority: str
    current: Identity
    next: Identity | None = None

    @property
    def identity(self) -> Identity:
        """The one to show."""
        return self.next or self.current

    @property
    def files(self) -> set[str]:
        """Names of the files of both identities."""
        return {one.file for one in (self.current, self.next) if one is not None}


class Credentials:
    """The credentials in a folder; may be used from several threads, and notices what other processes write.

    :param folder: made when something is first stored.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._read_at: tuple[int, int] | None = None
        self._known: Enrolled | None = None

    def load(self) -> Enrolled | None:
        """Give what there is; raise `CredentialsError` where it cannot be used."""
        with self._lock:
            return self._load()

    def state(self, now: datetime) -> CredentialState:
        """Tell how things stand; raise nothing."""
        try:
            enrolled = self.load()
        except CredentialsError as error:
            return CredentialState(Standing.DAMAGED, text=error.text)
        if enrolled is None:
            return CredentialState(Standing.NONE, text=Text(NOT_ENROLLED))
        expires = enrolled.identity.expires
        lapsed = now >= expires
        return CredentialState(
            Standing.LAPSED if lapsed else Standing.VALID,
            str(enrolled.place),
            enrolled.serial_number,
            expires,
            Text(_LAPSED, {"date": f"{expires:%Y-%m-%d}"}) if lapsed else NO_TEXT,
        )

    def context(self, enrolled: Enrolled, identity: Identity) -> ssl.SSLContext:
        """Make what TLS works with: only this head-end is trusted, and this identity is shown. Raise `CredentialsError`."""
        context = trusting(enrolled.authority)
        try:
            context.load_cert_chain(self._folder / identity.file)
        except OSError as error:
            raise CredentialsError(Text(_DAMAGED, {"file": str(self._folder / identity.file)})) from error
        return context

    def see_that_there_is_room(self) -> None:
        """Write something and take it away again, before a token is used up for nothing. Raise `CredentialsError`."""
        with self._lock:
            self._add(bytes(MAX_SIZE), (datetime.now(UTC), datetime.now(UTC)))
            known = self._load_or_none()
            self._sweep(set() if known is None else known.files)

    def store(
        self, place: Place, serial_number: str, authority: str, pair: bytes, times: tuple[datetime, datetime]
    ) -> Enrolled:
        """Put a new enrolment in the place of what was there.

        :param pair: key and certificate, PEM.
        :param times: when it came and when it ends.

        Raise `CredentialsError`; then what was there still is.
        """
        with self._lock:
            identity = self._add(pair, times)
            return self._replace(Enrolled(place, serial_number, authority, identity))

    def store_next(self, enrolled: Enrolled, pair: bytes, times: tuple[datetime, datetime]) -> None:
        """Keep what came by renewal, beside what is in force. Raise `CredentialsError`."""
        with self._lock:
            if self._load() != enrolled:
                return
            self._replace(replace(enrolled, next=self._add(pair, times)))

    def settle(self, identity: Identity, *, works: bool) -> None:
        """Say of the next identity whether the head-end takes it: then it is the only one, else it is thrown away."""
        with self._lock:
            known = self._load()
            if known is None or known.next != identity:
                return
            current = identity if works else known.current
            self._replace(replace(known, current=current, next=None))

    def forget(self) -> None:
        """Leave the head-end: the key is gone. Raise `CredentialsError`."""
        with self._lock:
            try:
                self._path.unlink(missing_ok=True)
            except OSError as error:
                raise self._unwritable(error) from error
            self._known = self._read_at = None
            self._sweep(set())

    def _load(self) -> Enrolled | None:
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if stamp != self._read_at:
                with self._path.open("rb") as file:
                    self._known = _understood(file.read(MAX_SIZE))
                self._read_at = stamp
        except FileNotFoundError:
            self._known = self._read_at = None
        except OSError as error:
            values = {"file": str(self._path), "why": error.strerror or str(error)}
            raise CredentialsError(Text(_UNREADABLE, values)) from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            self._known = self._read_at = None
            raise CredentialsError(Text(_DAMAGED, {"file": str(self._path)})) from error
        return self._known

    def _load_or_none(self) -> Enrolled | None:
        try:
            return self._load()
        except CredentialsError:
            return None

    def _add(self, pair: bytes, times: tuple[datetime, datetime]) -> Identity:
        identity = Identity(IDENTITY.replace("*", secrets.token_hex(8)), *times)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._folder / identity.file, pair)
        except OSError as error:
            raise self._unwritable(error) from error
        return identity

    def _replace(self, enrolled: Enrolled) -> Enrolled:
        try:
            write_atomically(self._path, json.dumps(_written(enrolled), indent=1).encode())
        except OSError as error:
            raise self._unwritable(error) from error
        self._read_at = None
        self._sweep(enrolled.files)
        return enrolled

    def _sweep(self, kept: set[str]) -> None:
        for path in self._folder.glob(IDENTITY):
            if path.name not in kept:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _unwritable(self, error: OSError) -> CredentialsError:
        return CredentialsError(
            Text(_UNWRITABLE, {"file": str(self._path), "why": error.strerror or str(error)})
        )


def trusting(authority: str | None) -> ssl.SSLContext:
    """Make a context of TLS 1.3 that trusts one authority and nobody of the system's; with None it trusts anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=authority)
    return context


def _written(enrolled: Enrolled) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "host": enrolled.place.host,
        "port": enrolled.place.port,
        "serial_number": enrolled.serial_number,
        "authority": enrolled.authority,
        "current": _written_identity(enrolled.current),
        "next": None if enrolled.next is None else _written_identity(enrolled.next),
    }


def _written_identity(identity: Identity) -> dict[str, str]:
    return {
        "file": identity.file,
        "issued": identity.issued.isoformat(),
        "expires": identity.expires.isoformat(),
    }


def _understood(data: bytes) -> Enrolled:
    content = json.loads(data)
    if content["format"] != FORMAT:
        raise ValueError("another format")
    host, port, serial, authority = (content[name] for name in ("host", "port", "serial_number", "authority"))
    if not (isinstance(host, str) and isinstance(serial, str) and isinstance(authority, str)):
        raise TypeError("no texts")
    if not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError("no port")
    later = content["next"]
    return Enrolled(
        Place(host, port),
        serial,
        authority,
        _understood_identity(content["current"]),
        None if later is None else _understood_identity(later),
    )


def _understood_identity(content: dict[str, str]) -> Identity:
    file = content["file"]
    if not Path(file).match(IDENTITY) or "/" in file:
        raise ValueError("no identity")
    issued, expires = (datetime.fromisoformat(content[name]) for name in ("issued", "expires"))
    return Identity(file, issued.astimezone(UTC), expires.astimezone(UTC))
