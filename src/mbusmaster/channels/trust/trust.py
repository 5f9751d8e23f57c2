"""Whom this master trusts, and with what it shows who it is.

Trust is a list, not a chain of rules: OpenSSL checks in the handshake that a certificate is genuine, valid and signed by an
authority that is trusted; `Trust.judge` then wants it to be in the list, or signed directly by an authority in the list, and not
revoked. There is no revocation list as a file: one that is overdue, or from the future of a clock without battery, would lock
everybody out.
"""

import asyncio
import contextlib
import datetime
import logging
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from mbusio.certificates import FLOOR, UNREADABLE, ServerNames, der_of, fingerprint, make_client, pem_of
from mbusmaster.bus.listeners import Listeners
from mbusmaster.channels.trust import contexts
from mbusmaster.channels.trust.backup import pack, unpack
from mbusmaster.channels.trust.bundle import Bundle, check_passphrase
from mbusmaster.channels.trust.errors import TrustError
from mbusmaster.channels.trust.foreign import check_fitness, kind_of, name_of, read_certificate
from mbusmaster.channels.trust.keyfiles import ServerCertificate, load_authority, save_authority
from mbusmaster.channels.trust.model import (
    Foreign,
    Kind,
    Origin,
    Refusal,
    TrustedClient,
    TrustState,
)
from mbusmaster.channels.trust.registry import LIST, MAX_OWN, Registry

CLIENT_DAYS: Final = 5 * 365
LONGEST_CLIENT_DAYS: Final = 20 * 365
LOOK_SECONDS: Final = 2.0
"""Between two looks at what other processes have changed; every handshake looks too."""
REFRESH_SECONDS: Final = 3600.0
"""Between two looks at whether the server certificate is still right."""
SEEN_SECONDS: Final = 60
KEEP_EXPIRED_DAYS: Final = 365
NOBODY: Final = (
    "nobody is trusted yet, so nobody can connect: issue a client's bundle here or with `mbusmaster client add NAME`, "
    "or add an authority or a client's certificate"
)

_log = logging.getLogger(__name__)


class Trust:
    """The list of those who are trusted, and the keys; several processes may work on one folder.

    Not for several threads. Everything here takes milliseconds; only `Bundle.pkcs12` takes longer.

    :param folder: where all of it is kept; made if need be.
    :param names: under what the server can be reached now.
    :param now: the time, UTC.
    """

    def __init__(
        self,
        folder: Path,
        names: Callable[[], ServerNames] = ServerNames,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self._names = names
        self._clock = now
        self._listeners: Listeners[None] = Listeners()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise TrustError(f"cannot use the folder {folder}: {error.strerror or error}") from error
        self._registry = Registry(folder / LIST)
        try:
            with self._registry.change():
                self._authority = load_authority(folder, now())
            self._version = self._registry.outside_changes()
            self._anchors = self._read_anchors()
        except BaseException:
            self._registry.close()
            raise
        self._folder = folder
        self._server = ServerCertificate(folder, self._authority)
        self._renew_again = FLOOR
        self._server_context: ssl.SSLContext | None = None
        self._web_context: ssl.SSLContext | None = None

    def close(self) -> None:
        """Close the list."""
        self._registry.close()

    async def run(self) -> None:
        """Notice until cancelled what other processes change, and renew the server certificate in time."""
        left = 0.0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            left -= LOOK_SECONDS
            try:
                self._catch_up()
                if left <= 0:
                    self.refresh()
                    left = REFRESH_SECONDS
            except TrustError as error:
                _log.error("trust: %s", error)
                left = REFRESH_SECONDS

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Let somebody be told whenever the list has changed; give what ends it."""
        return self._listeners.add(lambda _: listener())

    def refresh(self) -> None:
        """Renew the server certificate if it is time or the machine is called something more; have open connections judged again.

        Call it when names or addresses have changed, and when the clock was set. Raise `TrustError`.
        """
        self._renew()
        self._listeners.tell(None)

    def state(self) -> TrustState:
        """Tell how things stand."""
        clients = self._registry.count_valid(self._now())
        authorities = sum(foreign.kind is Kind.AUTHORITY for foreign, _ in self._anchors)
        return TrustState(
            clients=clients,
            authorities=authorities,
            problem="" if clients or authorities else NOBODY,
            authority=fingerprint(self._authority.certificate),
            server_expires=self._server.expires,
            server_names=self._server.names,
        )

    def authority_pem(self) -> bytes:
        """Give this master's own authority, for clients that bring a certificate of their own, and for browsers."""
        return pem_of(self._authority.certificate)

    # Backup.

    def export_secrets(self) -> bytes:
        """Give authority and list, for an encrypted backup only: the key of the authority is among them. Raise `TrustError`."""
        return pack(self._authority, self._registry.clients(), self._registry.foreign())

    def import_secrets(self, data: bytes) -> None:
        """Put what `export_secrets` gave in the place of all; who is trusted no more is out at once.

        Raise `TrustError`; then nothing has changed.
        """
        secrets = unpack(data)
        try:
            with self._registry.change():
                self._registry.replace_all(secrets.clients, secrets.foreign)
                save_authority(self._folder, secrets.authority)
        except TrustError:
            with contextlib.suppress(TrustError):
                save_authority(self._folder, self._authority)
            raise
        self._authority = secrets.authority
        self._server = ServerCertificate(self._folder, self._authority)
        self._server_context = None
        self._changed()
        try:
            self._renew()
        except TrustError as error:
            _log.error("trust: %s; the server certificate is made later", error)

    # Contexts.

    def server_context(self) -> ssl.SSLContext:
        """Give the context for the next handshake of a client: TLS 1.3, certificate required. Raise `TrustError`."""
        self._catch_up()
        self._renew_if_old()
        if self._server_context is None:
            self._server_context = contexts.for_clients(
                self._server.path, [self._authority.certificate, *(anchor for _, anchor in self._anchors)]
            )
        return self._server_context

    def web_context(self) -> ssl.SSLContext:
        """Give the context of the web pages: the same certificate, nothing asked of browsers. It is kept up to date where it is.

        Raise `TrustError`.
        """
        self._renew_if_old()
        if self._web_context is None:
            self._web_context = contexts.for_browsers(self._server.path)
        return self._web_context

    # Clients.

    def clients(self) -> tuple[TrustedClient, ...]:
        """Give all clients, also revoked ones; those of other authorities once they were here."""
        return self._registry.clients()

    def issue(self, name: str, passphrase: str | None, *, days: int = CLIENT_DAYS) -> Bundle:
        """Make a key and a certificate for a new client. The key is not kept: it is in the bundle only.

        :param passphrase: protects the bundle; None leaves it open.
        :param days: for how long.

        Raise `TrustError` when one of them will not do, or the name is in use.
        """
        _check_name(name)
        secret = check_passphrase(passphrase)
        if not 1 <= days <= LONGEST_CLIENT_DAYS:
            raise TrustError(f"a certificate is valid for 1 to {LONGEST_CLIENT_DAYS} days", "days")
        now = self._now()
        pair = make_client(self._authority, name, now, days)
        certificate = pair.certificate
        with self._registry.change():
            self._registry.forget_expired(now - datetime.timedelta(KEEP_EXPIRED_DAYS))
            if any(client.expires > now for client in self._registry.named(name)):
                raise TrustError(
                    f"there is a client {name} already; revoke it first, or choose another name", "name"
                )
            if self._registry.count_valid(now) >= MAX_OWN:
                raise TrustError(f"there are {MAX_OWN} clients already; revoke one first")
            client = replace(_client_of(certificate, Origin.OWN), name=name, issued=now)
            self._registry.add_client(client)
        self._changed()
        return Bundle(
            client.id, name, certificate.not_valid_after_utc, pair, self._authority.certificate, secret
        )

    def revoke(self, client: str) -> TrustedClient:
        """Trust a client no more: it is out at once, also with an open connection. Once and for all.

        :param client: its id, or its name where only one has that.

        Raise `TrustError` when there is none or more than one.
        """
        with self._registry.change():
            found = self._find(client)
            self._registry.set_revoked(found.id, self._now())
        self._changed()
        return replace(found, revoked=self._now())

    def revoke_certificate(self, data: bytes) -> TrustedClient:
        """Trust a certificate no more that is not in the list yet, of an authority that is; PEM or DER. Raise `TrustError`."""
        client = _client_of(read_certificate(data), Origin.AUTHORITY)
        with self._registry.change():
            if self._registry.client(client.id) is None:
                self._registry.add_client(client)
        return self.revoke(client.id)

    # Certificates from elsewhere.

    def foreign(self) -> tuple[Foreign, ...]:
        """Give the certificates that were added."""
        self._catch_up()
        return tuple(foreign for foreign, _ in self._anchors)

    def add_foreign(self, data: bytes, *, expect: Kind | None = None) -> Foreign:
        """Trust an authority, or a single client's certificate; PEM or DER.

        :param expect: what it is meant to be; None takes what it is.

        Raise `TrustError` that says what is wrong with it.
        """
        certificate = read_certificate(data)
        now = self._now()
        kind = kind_of(certificate, expect)
        check_fitness(certificate, now)
        id = fingerprint(certificate)
        foreign = Foreign(
            id,
            kind,
            name_of(certificate.subject),
            name_of(certificate.issuer),
            certificate.not_valid_after_utc,
            now,
        )
        if id == fingerprint(self._authority.certificate) or self._issued_here(certificate):
            raise TrustError(
                "that is this master's own; it is trusted or revoked in the list of clients", "certificate"
            )
        with self._registry.change():
            if any(known.id == id for known, _ in self._registry.foreign()):
                raise TrustError(f"{foreign.name} was added already", "certificate")
            known_client = self._registry.client(id)
            if known_client is not None and known_client.revoked is not None:
                raise TrustError(f"{foreign.name} was revoked; that is for good", "certificate")
            self._registry.add_foreign(foreign, der_of(certificate))
            if kind is Kind.SINGLE:
                seen = known_client.seen if known_client else None
                self._registry.add_client(replace(_client_of(certificate, Origin.SINGLE), seen=seen))
        self._changed()
        return foreign

    def remove_foreign(self, id: str) -> None:
        """Trust it no more, nor anybody whom it let in. Raise `TrustError` when it is not there."""
        with self._registry.change():
            named = [foreign for foreign, _ in self._registry.foreign() if foreign.id == id]
            if not named or not self._registry.remove_foreign(id, named[0].name):
                raise TrustError("there is no such certificate", "id")
        self._changed()

    # At the door.

    def judge(self, der: bytes) -> TrustedClient | Refusal:
        """Tell whether the client with this certificate may come in, or stay. Raise nothing.

        That it is genuine is OpenSSL's business, in the handshake.
        """
        try:
            self._catch_up()
            return self._judge(der)
        except TrustError as error:
            return Refusal("trust", str(error))

    def saw(self, client: TrustedClient) -> None:
        """Note that a client has come in."""
        now = self._now()
        if client.seen is not None and abs((now - client.seen).total_seconds()) < SEEN_SECONDS:
            return
        try:
            if self._registry.client(client.id) is None:
                with self._registry.change():
                    self._registry.add_client(replace(client, seen=now))
            else:
                self._registry.set_seen(client.id, now)
        except TrustError as error:
            _log.error("trust: %s", error)

    def _judge(self, der: bytes) -> TrustedClient | Refusal:
        if not der:
            return Refusal("no certificate", "it shows no certificate")
        try:
            certificate = x509.load_der_x509_certificate(der)
            client = self._registry.client(fingerprint(certificate)) or _client_of(
                certificate, Origin.AUTHORITY
            )
        except UNREADABLE as error:
            return Refusal("unreadable", f"its certificate cannot be read: {error}")
        if client.revoked is not None:
            return Refusal(
                "revoked",
                f"its certificate ({client.name}) was revoked on {client.revoked:%Y-%m-%d %H:%M} UTC",
            )
        if client.expires < self._now():
            return Refusal("expired", f"its certificate ({client.name}) has expired: issue a new one")
        if client.origin is Origin.OWN or any(one.id == client.id for one, _ in self._anchors):
            return client
        if self._issued_here(certificate):
            return Refusal(
                "not in the list", f"its certificate ({client.name}) is of this master, but not in its list"
            )
        if any(one.kind is Kind.AUTHORITY and _signed(certificate, anchor) for one, anchor in self._anchors):
            return client
        return Refusal(
            "unknown authority",
            f"its certificate ({client.name}) is not signed by an authority in the list itself, but by {client.issuer}",
        )

    def _find(self, client: str) -> TrustedClient:
        by_id = self._registry.client(client)
        if by_id is not None:
            return by_id
        named = self._registry.named(client)
        if not named:
            raise TrustError(f"there is no client {client}", "id")
        if len(named) > 1:
            raise TrustError(f"there is more than one client {client}; name it by its id", "id")
        return named[0]

    def _issued_here(self, certificate: x509.Certificate) -> bool:
        return _signed(certificate, self._authority.certificate)

    def _now(self) -> datetime.datetime:
        return max(self._clock(), FLOOR).replace(microsecond=0)

    def _catch_up(self) -> None:
        """See what other processes have changed."""
        version = self._registry.outside_changes()
        if version != self._version:
            self._version = version
            self._changed()

    def _changed(self) -> None:
        anchors = self._read_anchors()
        if [one.id for one, _ in anchors] != [one.id for one, _ in self._anchors]:
            self._anchors = anchors
            # What a context trusts cannot be taken away from it again.
            self._server_context = None
        self._listeners.tell(None)

    def _read_anchors(self) -> tuple[tuple[Foreign, x509.Certificate], ...]:
        return tuple((one, x509.load_der_x509_certificate(der)) for one, der in self._registry.foreign())

    def _renew_if_old(self) -> None:
        now = self._now()
        if not self._server.is_old(now) or now < self._renew_again:
            return
        try:
            self._renew()
        except TrustError as error:
            if self._server.expires is None or self._server.expires <= now:
                raise
            # The one there is will do for months: a full disk keeps nobody out.
            _log.error("trust: %s; the server certificate is not renewed yet", error)
            self._renew_again = now + datetime.timedelta(seconds=REFRESH_SECONDS)

    def _renew(self) -> None:
        if not self._server.refresh(self._names(), self._now()):
            return
        _log.info("trust: new server certificate for %s", ", ".join(self._server.names))
        for context in (self._server_context, self._web_context):
            if context is not None:
                contexts.load(context, self._server.path)


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= 64 or name != name.strip() or not name.isprintable():
        raise TrustError("a name has 1 to 64 printable characters, no blank at its ends", "name")
    # A certificate counts bytes.
    if len(name.encode()) > 64:
        raise TrustError("the name is too long: a letter beyond a to z counts for two or more", "name")


def _client_of(certificate: x509.Certificate, origin: Origin) -> TrustedClient:
    return TrustedClient(
        fingerprint(certificate),
        name_of(certificate.subject),
        origin,
        f"{certificate.serial_number:x}",
        name_of(certificate.issuer),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True
