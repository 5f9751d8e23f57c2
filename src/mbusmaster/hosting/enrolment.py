"""Being taken in by a head-end, and renewing the certificate: the client of EST (RFC 7030). Blocks; for a thread.

The token carries the fingerprint of the head-end's authority, so nobody is trusted beforehand: first the authority is fetched
from whoever answers, and compared; only then, over a connection that this authority vouches for, is the secret sent. The key is
made here and never leaves.
"""

import base64
import hashlib
import hmac
import http.client
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from mbushosting.enrolment import EST, FINGERPRINT, TokenError, read_token
from mbusio.certificates import UNREADABLE, Pair, pem_of
from mbusmaster.hosting.connection import Answer, Connection
from mbusmaster.hosting.credentials import Credentials, Enrolled, trusting
from mbusmaster.hosting.errors import SaidError
from mbusmaster.hosting.explain import explain_answer, explain_failure, nonsense
from mbusmaster.hosting.link_errors import HeadEndDistrustedError
from mbusmaster.hosting.places import Place, Proxy, read_place, read_proxy
from mbusmaster.serial_number import UNKNOWN, is_serial_number
from mbusweb.texts import Text, mark

ANSWER_SECONDS: Final = 30.0
MAX_ANSWER: Final = 64 * 1024
_PKCS10: Final = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}
_NO_TOKEN: Final = mark(
    "This is no enrolment token: it begins with mbus1- and must be copied from end to end."
)
_OTHERS_TOKEN: Final = mark(
    "What answers at %(place)s is not the head-end that gave out this token: copy address and token again. If both are right, "
    "somebody may be listening in."
)
_NO_SERIAL: Final = mark(
    "This machine has no serial number to be known by: give it one in the settings first."
)

Clock = Callable[[], datetime]


class EnrolmentError(SaidError):
    """What enrolment needs is not there; says what."""


def utc_now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


def enrol(
    url: str, token: str, serial: str, folder: Path, proxy: str | None = None, now: Clock = utc_now
) -> Enrolled:
    """Let a head-end take this master in; what was there of another enrolment is replaced.

    :param url: of the head-end.
    :param token: as a person copied it.
    :param folder: for the credentials.
    :param proxy: URL; None goes straight.

    Raise `PlaceError`, `EnrolmentError`, `HeadEndError` or `CredentialsError`: each has a `text`; nothing has changed then.
    """
    place, through = read_place(url), read_proxy(proxy) if proxy else None
    try:
        read = read_token(token)
    except TokenError as error:
        raise EnrolmentError(Text(_NO_TOKEN), "token") from error
    if serial == UNKNOWN or not is_serial_number(serial):
        raise EnrolmentError(Text(_NO_SERIAL))
    authority = _authority(place, through, read.fingerprint, now)
    credentials = Credentials(folder)
    credentials.see_that_there_is_room()
    key = ec.generate_private_key(ec.SECP256R1())
    login = base64.b64encode(f"{serial}:{read.password}".encode()).decode("ascii")
    connection = Connection(place, through, lambda: trusting(pem_of(authority).decode("ascii")))
    try:
        headers = {**_PKCS10, "Authorization": f"Basic {login}"}
        body = _request(key, serial)
        answer = _ask(connection, "POST", "simpleenroll", place, through, now, body, headers)
    finally:
        connection.close()
    certificate = _certificate(answer, key, serial, authority, place)
    return credentials.store(
        place,
        serial,
        pem_of(authority).decode("ascii"),
        Pair(certificate, key).to_pem(),
        (now(), certificate.not_valid_after_utc),
    )


def renew(
    credentials: Credentials, enrolled: Enrolled, connection: Connection, proxy: Proxy | None, now: Clock
) -> None:
    """Fetch a certificate for a new key with the one in force, and store it beside that one.

    :param connection: shows the one in force.

    Raise `HeadEndError` or `CredentialsError`.
    """
    authority = x509.load_pem_x509_certificate(enrolled.authority.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    body = _request(key, enrolled.serial_number)
    answer = _ask(connection, "POST", "simplereenroll", enrolled.place, proxy, now, body, _PKCS10)
    certificate = _certificate(answer, key, enrolled.serial_number, authority, enrolled.place)
    times = (now(), certificate.not_valid_after_utc)
    credentials.store_next(enrolled, Pair(certificate, key).to_pem(), times)


def _authority(place: Place, proxy: Proxy | None, expected: bytes, now: Clock) -> x509.Certificate:
    """Fetch the authority from whoever answers, and see that it is the one that the token means."""
    connection = Connection(place, proxy, lambda: trusting(None))
    try:
        answer = _ask(connection, "GET", "cacerts", place, proxy, now)
    finally:
        connection.close()
    for certificate in _certificates(answer, place):
        digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()
        if hmac.compare_digest(digest[:FINGERPRINT], expected):
            return certificate
    raise HeadEndDistrustedError(Text(_OTHERS_TOKEN, {"place": str(place)}))


def _ask(
    connection: Connection,
    method: str,
    operation: str,
    place: Place,
    proxy: Proxy | None,
    now: Clock,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    try:
        answer = connection.request(
            method, f"{EST}/{operation}", body=body, headers=headers, seconds=ANSWER_SECONDS, limit=MAX_ANSWER
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise explain_failure(error, place, proxy, now()) from error
    if answer.status != 200:
        raise explain_answer(answer, place)
    return answer


def _request(key: ec.EllipticCurvePrivateKey, serial: str) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, serial)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return base64.b64encode(request.public_bytes(serialization.Encoding.DER))


def _certificate(
    answer: Answer, key: ec.EllipticCurvePrivateKey, serial: str, authority: x509.Certificate, place: Place
) -> x509.Certificate:
    """Give the certificate of an answer that is for this key and this master, and from this authority."""
    for certificate in _certificates(answer, place):
        try:
            certificate.verify_directly_issued_by(authority)
            names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            if certificate.public_key() == key.public_key() and [name.value for name in names] == [serial]:
                return certificate
        except (*UNREADABLE, InvalidSignature):
            continue
    raise nonsense(place)


def _certificates(answer: Answer, place: Place) -> list[x509.Certificate]:
    try:
        return pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.body))
    except UNREADABLE as error:
        raise nonsense(place) from error
