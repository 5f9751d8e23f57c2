"""A gateway behind TLS 1.3: its certificate is verified, ours is shown when there is one."""

import asyncio
import hashlib
import ssl
from typing import Final

from mbusio.errors import TransportClosedError, TransportOpenError
from mbusio.transport.base import DEFAULT_BAUD, UNREAD_LIMIT
from mbusio.transport.bundle import load_chain, use_bundle
from mbusio.transport.tcp import CONNECT_SECONDS, TcpTransport, connect_failed, tune

_OTHER_NAME: Final = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


def client_context(
    ca: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    bundle: str | None = None,
    passphrase: str | None = None,
) -> ssl.SSLContext:
    """Make a context that trusts `ca` (a PEM file; else the bundle's authority, else the system's) and shows `cert`.

    :param bundle: key, certificate and authority in one file, instead of cert and key.
    :param passphrase: of key or bundle.

    Raise `TransportOpenError` when a file cannot be used.
    """
    if bundle is not None and ca is None:
        # Without anybody of the system's that it trusts.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        try:
            context = ssl.create_default_context(cafile=ca)
        except OSError as error:
            raise TransportOpenError(
                f"ca={ca}: {_reason(error)}; give a PEM file with the authority"
            ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if bundle is not None:
        use_bundle(context, bundle, passphrase, trust=ca is None)
    if cert is not None:
        load_chain(context, cert, key, passphrase, f"cert={cert} key={key}")
    return context


def trust_whoever_is_pinned(context: ssl.SSLContext) -> None:
    """Leave the judgment to the fingerprint that `open_tls` is given: no authority, name or date counts."""
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


class TlsTransport(TcpTransport):
    """A TLS connection; what a refusal means is said in its errors."""

    _heard = False

    async def read(self) -> bytes:
        """Give the bytes that have come."""
        try:
            data = await super().read()
        except TransportClosedError as error:
            raise self._explained(error) from error
        self._heard = True
        return data

    async def write(self, data: bytes) -> None:
        """Hand the bytes to the system's buffer."""
        try:
            await super().write(data)
        except TransportClosedError as error:
            raise self._explained(error) from error

    def _explained(self, error: TransportClosedError) -> TransportClosedError:
        cause = error.__cause__
        if isinstance(cause, ssl.SSLError):
            return TransportClosedError(
                f"{self.name}: the gateway refuses our certificate or TLS ({_reason(cause)}); give it with "
                "bundle=FILE or cert=FILE&key=FILE, and see the gateway's log"
            )
        if not self._heard and not self._closed:
            return TransportClosedError(
                f"{self.name}: the gateway closed the connection before it answered; it may not trust our certificate: "
                "see its log"
            )
        return error


async def connect_tls(
    name: str,
    host: str,
    port: int,
    context: ssl.SSLContext,
    *,
    server_name: str | None = None,
    fingerprint: str | None = None,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect and shake hands; raise `TransportOpenError` when either fails.

    :param server_name: what the server's certificate must carry, where it is not the host.
    :param fingerprint: SHA-256 of its certificate, 64 hex digits, that counts besides what the context says.
    """
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(
                host, port, ssl=context, limit=UNREAD_LIMIT // 2, server_hostname=server_name or host
            )
    except ssl.SSLCertVerificationError as error:
        advice = "give its authority with ?ca=FILE"
        if error.verify_code in _OTHER_NAME:
            advice = "connect under a name or address that it carries, or say with name=NAME which one it must carry"
        raise TransportOpenError(
            f"{name}: the certificate is not trusted ({error.verify_message}); {advice}"
        ) from error
    except ssl.SSLError as error:
        raise TransportOpenError(f"{name}: no TLS 1.3 there ({_reason(error)}); check the port") from error
    except OSError as error:
        raise TransportOpenError(connect_failed(name, error)) from error
    if fingerprint is not None:
        has = _fingerprint(writer)
        if has != fingerprint:
            writer.transport.abort()
            raise TransportOpenError(
                f"{name}: the certificate there is another one, with the fingerprint {has}; if it was renewed on purpose, "
                "give that one"
            )
    tune(writer)
    return reader, writer


async def open_tls(
    name: str,
    host: str,
    port: int,
    context: ssl.SSLContext,
    *,
    baud: int = DEFAULT_BAUD,
    server_name: str | None = None,
    fingerprint: str | None = None,
) -> TcpTransport:
    """Do as `connect_tls` for a transport.

    With TLS 1.3 a server refuses our certificate only after the handshake: that shows as a closed transport.
    """
    reader, writer = await connect_tls(
        name, host, port, context, server_name=server_name, fingerprint=fingerprint
    )
    return TlsTransport(name, reader, writer, baud)


def _fingerprint(writer: asyncio.StreamWriter) -> str:
    certificate: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return hashlib.sha256(certificate or b"").hexdigest()


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return error.strerror or str(error)
