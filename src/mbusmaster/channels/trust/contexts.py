"""TLS contexts that show the server certificate."""

import ssl
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509

from mbusio.certificates import pem_of
from mbusmaster.channels.trust.errors import TrustError


def for_clients(certificate: Path, trusted: Iterable[x509.Certificate]) -> ssl.SSLContext:
    """Make the context of the secured channel: TLS 1.3, a certificate required that is trusted or signed by a trusted one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    # With tickets a revoked client would resume without showing its certificate.
    context.num_tickets = 0
    # An added certificate is trusted whoever signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    load(context, certificate)
    context.load_verify_locations(cadata="".join(pem_of(one).decode() for one in trusted))
    return context


def for_browsers(certificate: Path) -> ssl.SSLContext:
    """Make the context of the web pages: TLS 1.3, nothing is asked of browsers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    load(context, certificate)
    return context


def load(context: ssl.SSLContext, certificate: Path) -> None:
    """Let a context show another certificate from its next handshake on."""
    try:
        context.load_cert_chain(certificate)
    except OSError as error:
        raise TrustError(f"cannot use {certificate}: {error}") from error
