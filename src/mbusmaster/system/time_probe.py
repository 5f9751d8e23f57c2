"""Finds out why a time server hands out no keys: asks it for some as chronyd does (NTS-KE, RFC 8915), and looks closer.

Nothing of what the server says is kept: only the reason why it failed counts.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from pathlib import Path
from typing import Final

from mbusmaster.system import time_texts as texts
from mbusweb.texts import NO_TEXT, Text

PORT: Final = 4460
"""Of NTS-KE (RFC 8915, 7.6)."""
PROBE_SECONDS: Final = 8.0
ALPN: Final = "ntske/1"
_END, _NEXT_PROTOCOL, _ERROR, _AEAD = 0, 1, 2, 4
_CRITICAL: Final = 0x8000
_NTPV4: Final = 0
_AES_SIV_CMAC_256: Final = 15
_QUESTION: Final = b"".join(
    struct.pack(">HH", kind | _CRITICAL, len(body)) + body
    for kind, body in (
        (_NEXT_PROTOCOL, struct.pack(">H", _NTPV4)),
        (_AEAD, struct.pack(">H", _AES_SIV_CMAC_256)),
        (_END, b""),
    )
)
_MOST_RECORDS: Final = 64
_VERIFY: Final = {
    9: texts.NOT_YET_VALID,
    10: texts.EXPIRED,
    18: texts.UNKNOWN_AUTHORITY,
    19: texts.UNKNOWN_AUTHORITY,
    20: texts.UNKNOWN_AUTHORITY,
    21: texts.UNKNOWN_AUTHORITY,
    62: texts.WRONG_NAME,
    64: texts.WRONG_NAME,
}
"""X509_V_ERR_… of OpenSSL's <openssl/x509_vfy.h>."""


async def probe(server: str, *, port: int = PORT, authorities: Path | None = None) -> Text:
    """Give why a server hands out no keys; nothing where it does.

    :param authorities: folder of certificates that count besides those of the system.
    """
    where: dict[str, str | int] = {"server": server, "port": port}
    context = ssl.create_default_context()
    bad = await asyncio.to_thread(_trust, context, authorities)
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await _probe(server, port, context, where)
    except TimeoutError:
        return Text(texts.NOBODY, where)
    except socket.gaierror:
        return Text(texts.NO_NAME, where)
    except ConnectionRefusedError:
        return Text(texts.CLOSED, where)
    except ssl.SSLCertVerificationError as error:
        template = _VERIFY.get(error.verify_code, texts.CERTIFICATE)
        if template == texts.UNKNOWN_AUTHORITY and bad:
            template = texts.BAD_AUTHORITY
        return Text(template, {**where, "reason": error.verify_message, "file": bad})
    except ssl.SSLError as error:
        return Text(texts.TLS, {**where, "reason": (error.reason or "TLS").replace("_", " ").lower()})
    except (asyncio.IncompleteReadError, ConnectionError):
        return Text(texts.NOT_NTS, where)
    except (OSError, UnicodeError) as error:
        return Text(texts.NO_ROUTE, {**where, "reason": getattr(error, "strerror", None) or str(error)})


async def _probe(server: str, port: int, context: ssl.SSLContext, where: dict[str, str | int]) -> Text:
    reader, writer = await asyncio.open_connection(
        server, port, ssl=context, ssl_handshake_timeout=PROBE_SECONDS, limit=1 << 16
    )
    try:
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() != ALPN:
            return Text(texts.NOT_NTS, where)
        writer.write(_QUESTION)
        await writer.drain()
        return await _verdict(reader, where)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _verdict(reader: asyncio.StreamReader, where: dict[str, str | int]) -> Text:
    """Read the server's records to the last (RFC 8915, 4)."""
    offered: dict[int, bytes] = {}
    for _ in range(_MOST_RECORDS):
        kind, length = struct.unpack(">HH", await reader.readexactly(4))
        body = await reader.readexactly(length)
        kind &= ~_CRITICAL
        if kind == _ERROR:
            return Text(texts.REFUSED, {**where, "code": int.from_bytes(body[:2], "big")})
        if kind == _END:
            break
        offered[kind] = body
    fits = offered.get(_NEXT_PROTOCOL) == struct.pack(">H", _NTPV4) and offered.get(_AEAD)
    return NO_TEXT if fits else Text(texts.NO_KEYS, where)


def _trust(context: ssl.SSLContext, authorities: Path | None) -> str:
    """Trust the certificates of a folder too; give the name of one that is none; chronyd passes it over too."""
    bad = ""
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([ALPN])
    for path in sorted(authorities.glob("*.pem")) if authorities is not None else ():
        try:
            context.load_verify_locations(path)
        except (OSError, ssl.SSLError):
            bad = path.name[:100]
    return bad
