"""Certificates from elsewhere: what somebody uploads, looked at closely before it is trusted."""

import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mbusio.certificates import UNREADABLE
from mbusmaster.channels.trust.errors import TrustError
from mbusmaster.channels.trust.model import Kind

MAX_SIZE: Final = 64 * 1024
MAX_NAME: Final = 64
_SHORTEST_RSA: Final = 2048
_LONGEST_RSA: Final = 8192
_WEAK: Final = (hashes.MD5, hashes.SHA1)
_PKCS12_VERSION: Final = b"\x02\x01\x03"
"""First field of a bundle (RFC 7292, 4). It is not opened to find out: how long that takes is up to whoever wrote it."""

E = TypeVar("E", bound=x509.ExtensionType)


def read_certificate(data: bytes) -> x509.Certificate:
    """Read one certificate, PEM or DER; raise `TrustError` that says what it is instead."""
    if len(data) > MAX_SIZE:
        raise _wrong(f"a certificate is smaller than {MAX_SIZE // 1024} KiB")
    if not data.strip():
        raise _wrong("the file is empty")
    if b"-----BEGIN" in data:
        certificate = _read_pem(data)
    else:
        try:
            certificate = x509.load_der_x509_certificate(data)
        except UNREADABLE:
            raise _wrong(_what_der_is(data)) from None
    try:
        # The library reads each part when it is asked for it.
        _ = (
            certificate.subject,
            certificate.issuer,
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )
    except UNREADABLE:
        raise _wrong("the certificate is damaged") from None
    return certificate


def kind_of(certificate: x509.Certificate, expect: Kind | None) -> Kind:
    """Tell what the certificate would let in.

    Raise `TrustError` when that is not what was expected, or when a certificate says different things about itself.
    """
    if certificate.version is not x509.Version.v3:
        raise _wrong("that is a certificate of an old version; it must be version 3")
    is_authority, may_sign, for_clients = _abilities(certificate)
    if is_authority and not may_sign:
        raise _wrong(
            "it says that it is an authority, but its key usage does not allow it to sign certificates"
        )
    if may_sign and not is_authority and _states_usage(certificate):
        raise _wrong("its key usage allows it to sign certificates, but the CA flag is missing")
    if expect is Kind.AUTHORITY and not is_authority:
        raise _wrong("that is no authority: the CA flag is missing; add it as a single client's certificate")
    if expect is Kind.SINGLE and is_authority:
        raise _wrong("that is an authority: everybody whose certificate it signs would be let in")
    if not for_clients:
        raise _wrong("its extended key usage does not allow clients")
    return Kind.AUTHORITY if is_authority else Kind.SINGLE


def check_fitness(certificate: x509.Certificate, now: datetime.datetime) -> None:
    """Raise `TrustError` when it is not valid now, or too weak."""
    if now > certificate.not_valid_after_utc:
        raise _wrong(
            f"it expired on {certificate.not_valid_after_utc:%Y-%m-%d}; this master's clock says {now:%Y-%m-%d}"
        )
    if now < certificate.not_valid_before_utc:
        raise _wrong(
            f"it is valid from {certificate.not_valid_before_utc:%Y-%m-%d} on; this master's clock says {now:%Y-%m-%d}"
        )
    try:
        key = certificate.public_key()
        digest = certificate.signature_hash_algorithm
    except UNREADABLE:
        raise _wrong("its kind of key is not supported; use EC P-256 or RSA") from None
    if isinstance(key, rsa.RSAPublicKey):
        if not _SHORTEST_RSA <= key.key_size <= _LONGEST_RSA:
            raise _wrong(
                f"its RSA key has {key.key_size} bits; {_SHORTEST_RSA} to {_LONGEST_RSA} are accepted"
            )
    elif not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        raise _wrong("its kind of key is not supported; use EC P-256 or RSA")
    if isinstance(digest, _WEAK):
        raise _wrong(f"it is signed with {digest.name.upper()}, which is broken")


def name_of(name: x509.Name) -> str:
    """Give a name that a stranger wrote as one line for lists and logs: bounded, printable."""
    try:
        common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
        value = common[0].value if common else name.rfc4514_string()
    except UNREADABLE:
        value = ""
    text = value if isinstance(value, str) else value.hex()
    return (
        "".join(char if char.isprintable() else "?" for char in text[:MAX_NAME]).strip() or "without a name"
    )


def _read_pem(data: bytes) -> x509.Certificate:
    if b"PRIVATE KEY-----" in data:
        raise _wrong(
            "that is a private key, not a certificate: keep it secret, and add the certificate alone"
        )
    if b"CERTIFICATE REQUEST-----" in data:
        raise _wrong(
            "that is a request for a certificate, not a certificate: let the authority sign it first"
        )
    count = data.count(b"-----BEGIN CERTIFICATE-----") + data.count(b"-----BEGIN TRUSTED CERTIFICATE-----")
    if count > 1:
        raise _wrong(f"there are {count} certificates in the file; add only the one to be trusted")
    if count == 0:
        raise _wrong("there is no certificate in the file")
    try:
        return x509.load_pem_x509_certificate(data)
    except UNREADABLE:
        raise _wrong("the certificate in the file is damaged") from None


def _what_der_is(data: bytes) -> str:
    try:
        serialization.load_der_private_key(data, None)
    except TypeError:
        return "that is an encrypted private key, not a certificate: keep it secret, and add the certificate alone"
    except UNREADABLE:
        pass
    else:
        return "that is a private key, not a certificate: keep it secret, and add the certificate alone"
    try:
        x509.load_der_x509_csr(data)
    except UNREADABLE:
        pass
    else:
        return "that is a request for a certificate, not a certificate: let the authority sign it first"
    if data[:1] == b"\x30" and _PKCS12_VERSION in data[2:8]:
        return "that is a PKCS#12 bundle with a key, not a certificate: keep it secret, and add the certificate alone"
    return "that is no certificate, neither PEM nor DER"


def _abilities(certificate: x509.Certificate) -> tuple[bool, bool, bool]:
    """Tell whether it says it is an authority, whether it may sign, and whether it is good for clients."""
    try:
        extensions = certificate.extensions
        constraints = _get(extensions, x509.BasicConstraints)
        usage = _get(extensions, x509.KeyUsage)
        purposes = _get(extensions, x509.ExtendedKeyUsage)
    except UNREADABLE:
        raise _wrong("its extensions are damaged") from None
    good = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return (
        constraints is not None and constraints.ca,
        usage is None or usage.key_cert_sign,
        purposes is None or any(purpose in good for purpose in purposes),
    )


def _states_usage(certificate: x509.Certificate) -> bool:
    return _get(certificate.extensions, x509.KeyUsage) is not None


def _get(extensions: x509.Extensions, kind: type[E]) -> E | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _wrong(text: str) -> TrustError:
    return TrustError(text, "certificate")
