"""Enrolment over Secure Transport (RFC 7030): how masters get their certificates, and new ones in time.

==========================================  ============================================================================
GET  /.well-known/est/cacerts               the authority, for anybody; whoever fetches it compares its fingerprint
POST /.well-known/est/simpleenroll          with HTTP Basic: serial number, and the secret of a token that was not used yet
POST /.well-known/est/simplereenroll        with the certificate that is in force
==========================================  ============================================================================

Requests are PKCS#10, answers PKCS#7 with certificates only, both in base64 (RFC 8951). Of a request the key counts and the
common name, which must be the serial number; everything else of a certificate is decided here.
"""

import base64
import binascii
import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mbusheadend.authority import MASTER_DAYS, Authority
from mbusheadend.bodies import Room
from mbusheadend.errors import RefusedError
from mbusheadend.peers import Gate
from mbusheadend.store import Store
from mbusheadend.tenants.limits import Limits
from mbusheadend.tokens import secret_of, token_hash
from mbushosting.contact import RefusalCode
from mbushosting.enrolment import EST
from mbusio.certificates import UNREADABLE, ClientKey

MAX_REQUEST: Final = 16 * 1024
CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
RSA_BITS: Final = (2048, 4096)
_DIGESTS: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_SERIAL: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="mbusheadend"'}

_log = logging.getLogger(__name__)


class Est:
    """The endpoints of EST.

    :param days: that a master's certificate is valid.
    :param organization: that certificates name, see `Authority.sign`.
    :param limits: of the tenant.
    """

    def __init__(
        self,
        authority: Authority,
        store: Store,
        now: Callable[[], datetime],
        room: Room,
        days: float = MASTER_DAYS,
        organization: str = "",
        limits: Limits | None = None,
    ) -> None:
        self._authority = authority
        self._store = store
        self._now = now
        self._room = room
        self._days = days
        self._organization = organization
        self._limits = limits
        self._gate = Gate(store, now)

    def routes(self) -> list[Route]:
        """Give the endpoints."""
        return [
            Route(f"{EST}/cacerts", self._cacerts, methods=["GET"]),
            Route(f"{EST}/simpleenroll", self._enroll, methods=["POST"]),
            Route(f"{EST}/simplereenroll", self._reenroll, methods=["POST"]),
        ]

    async def _cacerts(self, request: Request) -> Response:
        return _certificates(self._authority.certificate, "application/pkcs7-mime")

    async def _enroll(self, request: Request) -> Response:
        serial, secret = _login(request)
        # A request that is no good must not use up the token.
        key = await self._key(request, serial)
        now = self._now()
        if self._limits is not None:
            await self._limits.see_room_for_master(serial)
        certificate = self._authority.sign(key, serial, now, self._days, self._organization)
        if not await self._store.use_token(token_hash(secret), serial, now):
            raise _no_token()
        # Whoever had the number before, perhaps a machine that was replaced, is this master no more.
        replaced = await self._store.revoke_master(serial, now)
        await self._issued(certificate, serial, now)
        _log.info("master %s is enrolled%s", serial, "; its old certificates are revoked" if replaced else "")
        self._store.changes.tell([serial])
        return _certificates(certificate)

    async def _reenroll(self, request: Request) -> Response:
        peer = await self._gate.admit(request)
        key = await self._key(request, peer.serial)
        now = self._now()
        certificate = self._authority.sign(key, peer.serial, now, self._days, self._organization)
        await self._issued(certificate, peer.serial, now)
        try:
            # A request may take its time: who was revoked meanwhile must not go on with what was issued after that.
            await self._gate.check(peer)
        except RefusedError:
            await self._store.revoke_certificate(certificate.serial_number, now)
            raise
        _log.info("master %s has a new certificate", peer.serial)
        return _certificates(certificate)

    async def _issued(self, certificate: x509.Certificate, serial: str, now: datetime) -> None:
        await self._store.add_certificate(
            serial, certificate.serial_number, certificate.not_valid_after_utc, now
        )

    async def _key(self, request: Request, serial: str) -> ClientKey:
        """Give the key of a request for this master's certificate."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/pkcs10":
            raise RefusedError(415, RefusalCode.MALFORMED, "the body must be application/pkcs10")
        async with self._room.body(request, MAX_REQUEST) as body:
            return read_request(body.raw(), serial)


def read_request(data: bytes, serial: str) -> ClientKey:
    """Give the key of a request (base64 of PKCS#10) for a master's certificate. Raise `RefusedError`."""
    try:
        request = x509.load_der_x509_csr(base64.b64decode(b"".join(data.split()), validate=True))
        key = request.public_key()
        names = [name.value for name in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        digest = request.signature_hash_algorithm
    except (binascii.Error, *UNREADABLE) as error:
        raise _malformed("this is no certificate request that can be read") from error
    if not _is_strong(key):
        raise _malformed("the key must be EC on P-256, P-384 or P-521, or RSA with 2048 to 4096 bits")
    if not isinstance(digest, _DIGESTS):
        raise _malformed("the request must be signed with SHA-256 or better")
    try:
        proven = request.is_signature_valid
    except (UnsupportedAlgorithm, *UNREADABLE):
        proven = False
    if not proven:
        raise _malformed("the request is not signed with its own key")
    if names != [serial]:
        raise RefusedError(
            403, RefusalCode.OTHER_MASTER, "the common name of the request must be the serial number"
        )
    assert isinstance(key, ClientKey)
    return key


def _is_strong(key: object) -> bool:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return isinstance(key.curve, CURVES)
    return isinstance(key, rsa.RSAPublicKey) and RSA_BITS[0] <= key.key_size <= RSA_BITS[1]


def token_of(request: Request) -> bytes | None:
    """Give the hash of the token that a request shows; None where it shows none."""
    try:
        return token_hash(_login(request)[1])
    except RefusedError:
        return None


def _login(request: Request) -> tuple[str, bytes]:
    """Give serial number and secret of HTTP Basic."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise _no_token("a token is needed: HTTP Basic with serial number and secret")
    try:
        serial, _, password = base64.b64decode(encoded, validate=True).decode("ascii").partition(":")
    except ValueError:
        raise _no_token() from None
    secret = secret_of(password)
    if secret is None or not _SERIAL.fullmatch(serial):
        raise _no_token()
    return serial, secret


def _no_token(reason: str = "the token is not known, was used already, or its time is over") -> RefusedError:
    return RefusedError(401, RefusalCode.TOKEN, reason, headers=_CHALLENGE)


def _malformed(reason: str) -> RefusedError:
    return RefusedError(400, RefusalCode.MALFORMED, reason)


def _certificates(
    certificate: x509.Certificate, kind: str = "application/pkcs7-mime; smime-type=certs-only"
) -> Response:
    body = base64.b64encode(pkcs7.serialize_certificates([certificate], Encoding.DER))
    return Response(body, headers={"Content-Type": kind, "Content-Transfer-Encoding": "base64"})
