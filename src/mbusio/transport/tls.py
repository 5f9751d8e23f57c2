"""A gateway behind TLS 1.3: its certificate is verified, ours is shown when there is one."""

import asyncio
import ssl

from mbusio.errors import TransportOpenError
from mbusio.transport.base import DEFAULT_BAUD, UNREAD_LIMIT
from mbusio.transport.tcp import CONNECT_SECONDS, TcpTransport, connect_failed, tune


def client_context(ca: str | None = None, cert: str | None = None, key: str | None = None) -> ssl.SSLContext:
    """Make a context that trusts `ca` (a PEM file; the system's authorities without it) and shows `cert`.

    Raise `TransportOpenError` when a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise TransportOpenError(f"ca={ca}: {_reason(error)}; give a PEM file with the authority") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if cert is not None:
        try:
            context.load_cert_chain(cert, key)
        except OSError as error:
            raise TransportOpenError(
                f"cert={cert} key={key}: {_reason(error)}; give PEM files of a certificate and its own key"
            ) from error
    return context


async def open_tls(
    name: str, host: str, port: int, context: ssl.SSLContext, *, baud: int = DEFAULT_BAUD
) -> TcpTransport:
    """Connect and shake hands; raise `TransportOpenError` when either fails.

    With TLS 1.3 a server refuses our certificate only after the handshake: that shows as a closed transport.
    """
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=UNREAD_LIMIT // 2)
    except ssl.SSLCertVerificationError as error:
        raise TransportOpenError(
            f"{name}: the certificate is not trusted ({error.verify_message}); give its authority with ?ca=FILE"
        ) from error
    except ssl.SSLError as error:
        raise TransportOpenError(f"{name}: no TLS 1.3 there ({_reason(error)}); check the port") from error
    except OSError as error:
        raise TransportOpenError(connect_failed(name, error)) from error
    tune(writer)
    return TcpTransport(name, reader, writer, baud)


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return error.strerror or str(error)
