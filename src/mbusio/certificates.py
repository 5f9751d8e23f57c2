"""Making certificates: an authority, servers, clients. EC P-256, SHA-256; RFC 5280 as strictly as Python 3.13 reads it.

The master's own channel and the head-end have each an authority of their own, made in the same way. Needs `cryptography`.
"""

import datetime
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FLOOR: Final = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
"""No clock is right that says less. Authority and clients are valid from here on: a machine without a battery for its clock
wakes up in the past, and must not refuse its own clients until it knows the time."""
AUTHORITY_DAYS: Final = 20 * 365
SERVER_DAYS: Final = 397
"""The longest that browsers take."""
BACK_DAYS: Final = 7
"""So much earlier than the clock says does a server certificate begin: the clients' clocks may be slow."""
MAX_NAMES: Final = 64
ClientKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises, when it first looks at that part, at a certificate that somebody has tampered with."""


@dataclass(frozen=True, slots=True)
class ServerNames:
    """Under what a server can be reached.

    :ivar names: of the host.
    :ivar addresses: IPv4 and IPv6.
    :ivar serial: of the machine; empty where it has none.
    """

    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    serial: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def to_pem(self) -> bytes:
        """Write both, the key in the clear."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + pem_of(self.certificate)

    @classmethod
    def from_pem(cls, data: bytes) -> "Pair":
        """Read both; raise `ValueError` when they are not what `to_pem` writes or do not belong together."""
        key = serialization.load_pem_private_key(data, None)
        certificate = x509.load_pem_x509_certificate(data)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise ValueError("key and certificate do not belong together")
        return cls(certificate, key)


def pem_of(certificate: x509.Certificate) -> bytes:
    """Write a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def der_of(certificate: x509.Certificate) -> bytes:
    """Write a certificate as DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def fingerprint(certificate: x509.Certificate) -> str:
    """Give its SHA-256 in hex: the id under which it is known here."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def make_authority(title: str, now: datetime.datetime) -> Pair:
    """Make an authority that signs clients and servers, no further authorities.

    :param title: of its name; a mark that no other one has is added.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    mark = x509.random_serial_number().to_bytes(20, "big")[-4:].hex()
    name = _name(f"{title} {mark}")
    end = max(now, FLOOR) + datetime.timedelta(AUTHORITY_DAYS)
    certificate = (
        _builder(name, name, key.public_key(), FLOOR, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Pair(certificate, key)


def make_server(authority: Pair, names: ServerNames, now: datetime.datetime) -> Pair:
    """Make a server certificate that carries all names and addresses."""
    now = max(now, FLOOR)
    subject = _name(_server_name(names), names.serial)
    begin = now - datetime.timedelta(BACK_DAYS)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _leaf(
        authority,
        subject,
        key.public_key(),
        (begin, begin + datetime.timedelta(SERVER_DAYS)),
        ExtendedKeyUsageOID.SERVER_AUTH,
        x509.SubjectAlternativeName(alternative_names(names)),
    )
    return Pair(certificate, key)


def make_client(authority: Pair, name: str, now: datetime.datetime, days: int) -> Pair:
    """Make a client certificate; it ends no later than its authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Pair(sign_client(authority, key.public_key(), name, now, days), key)


def sign_client(
    authority: Pair, key: ClientKey, name: str, now: datetime.datetime, days: float, organization: str = ""
) -> x509.Certificate:
    """Sign the key of a client; the certificate ends no later than its authority.

    :param organization: stands in the certificate beside the name; empty for none.
    """
    end = max(now, FLOOR) + datetime.timedelta(days)
    end = min(end, authority.certificate.not_valid_after_utc)
    subject = _name(name, organization=organization)
    return _leaf(authority, subject, key, (FLOOR, end), ExtendedKeyUsageOID.CLIENT_AUTH)


def alternative_names(names: ServerNames) -> list[x509.GeneralName]:
    """Give the names and addresses that a certificate can carry; what is neither is left out."""
    found: list[x509.GeneralName] = [x509.DNSName(name) for name in names.names if _HOST_NAME.fullmatch(name)]
    for text in names.addresses:
        try:
            found.append(x509.IPAddress(ip_address(text.partition("%")[0])))
        except ValueError:
            continue
    return list(dict.fromkeys(found))[:MAX_NAMES] or [x509.DNSName("localhost")]


def names_in(certificate: x509.Certificate) -> tuple[str, ...]:
    """Give the names and addresses that a certificate carries."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in extension.value)


def _server_name(names: ServerNames) -> str:
    return next((name for name in names.names if _HOST_NAME.fullmatch(name)), names.serial or "M-Bus master")


def _name(common: str, serial: str = "", organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common.encode()[:64].decode(errors="ignore"))]
    if serial:
        parts.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial[:64]))
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization[:64]))
    return x509.Name(parts)


def _leaf(
    authority: Pair,
    subject: x509.Name,
    key: ClientKey,
    times: tuple[datetime.datetime, datetime.datetime],
    purpose: x509.ObjectIdentifier,
    names: x509.SubjectAlternativeName | None = None,
) -> x509.Certificate:
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        _builder(subject, authority.certificate.subject, key, *times)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(signer, critical=False)
    )
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ClientKey,
    begin: datetime.datetime,
    end: datetime.datetime,
) -> x509.CertificateBuilder:
    own = x509.SubjectKeyIdentifier.from_public_key(key)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(own, critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
