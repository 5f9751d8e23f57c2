"""The text that names a bus: a device, or a URL with settings (DESIGN 4)."""

import asyncio
import re
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from mbus.link.timing import BAUD_RATES
from mbusio.errors import TransportURLError
from mbusio.transport.base import DEFAULT_BAUD, Transport
from mbusio.transport.wire import Parity, Wire

Kind = Literal["serial", "tcp", "tls", "rfc2217", "hosted"]

DEFAULT_PORTS: Final = {"tcp": 2445, "tls": 1445, "rfc2217": 2217, "hosted": 8444}
EXAMPLES: Final = (
    "/dev/ttyUSB0, COM3, serial:///dev/ttyUSB0?baud=2400&parity=E, "
    "host:2445, tcp://host:2445, tls://host:1445?bundle=FILE, rfc2217://host:2217, "
    "hosted://headend/SERIAL"
)
TOKEN_VARIABLE: Final = "MBUS_HOSTED_TOKEN"  # noqa: S105 - its name
"""Environment variable with the token for a head-end."""
LONGEST_MINUTES: Final = 1440
LONGEST_REASON: Final = 200
LONGEST_WAIT: Final = 60.0
"""Seconds; a longer allowance or gap is a slip of the pen."""

_COMMON = ("allowance", "baud", "gap")
_WIRE = ("dtr", "parity", "rts")
_SETTINGS: Final[dict[Kind, tuple[str, ...]]] = {
    "serial": (*_COMMON, *_WIRE),
    "tcp": _COMMON,
    "tls": (*_COMMON, "bundle", "ca", "cert", "fingerprint", "key", "name"),
    "rfc2217": (*_COMMON, *_WIRE),
    "hosted": (*_COMMON, "ca", "fingerprint", "minutes", "name", "reason", "tls", "token-file"),
}
_COM = re.compile(r"(\\\\\.\\)?COM\d+", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"([^\s/:\[\]]+|\[[0-9A-Fa-f:]+\]):\d+")
"""As the simulator and others write where they listen."""
_SERIAL_AND_BUS = re.compile(r"/(?P<serial>[A-Za-z0-9._-]{1,64})(/(?P<bus>[^/]{1,64}))?/?")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_SWITCH = {"1": True, "on": True, "true": True, "0": False, "off": False, "false": False}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a URL says.

    :ivar text: the URL as it was written, for messages.
    :ivar target: device of a serial port, else the host.
    :ivar allowance: seconds; given, it is kept to, None leaves it to the transport.
    :ivar gap: seconds; None leaves it to the transport.
    :ivar dtr: state of that line, None leaves it to the transport.
    :ivar name: what a server's certificate must carry, where it is not the host.
    :ivar fingerprint: SHA-256 of the certificate that the server must have, 64 hex digits.
    :ivar serial: number of the master of a head-end, `bus` one of its buses, empty for the first.
    :ivar token_file: with the token for a head-end; None takes it from the environment.
    :ivar reason: for the audit logs; `minutes` is the longest time, None leaves it to the head-end.
    :ivar tls: false for plain HTTP on this machine.
    :ivar passphrase: of key or bundle, never in the text; None takes it from the environment.
    """

    text: str
    kind: Kind
    target: str
    port: int = 0
    baud: int = DEFAULT_BAUD
    parity: Parity = "E"
    allowance: float | None = None
    gap: float | None = None
    dtr: bool | None = None
    rts: bool | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    bundle: str | None = None
    name: str | None = None
    fingerprint: str | None = None
    serial: str = ""
    bus: str = ""
    token_file: str | None = None
    reason: str = ""
    minutes: int | None = None
    tls: bool = True
    passphrase: str | None = field(default=None, repr=False)


def parse_url(text: str) -> Endpoint:
    """Read a device or URL; raise `TransportURLError` with what is wrong and what is right."""
    scheme, separator, _ = text.partition("://")
    if not separator:
        device, _, query = text.partition("?")
        if device.startswith(("/", ".", "~")) or _COM.fullmatch(device):
            return _with_settings(Endpoint(text, "serial", device), query)
        if _HOST_AND_PORT.fullmatch(device):
            return replace(parse_url(f"tcp://{text}"), text=text)
        raise TransportURLError(f"{text!r} names no bus; write one of: {EXAMPLES}")
    if scheme not in _SETTINGS:
        raise TransportURLError(f"{text!r}: {scheme}:// is unknown; write one of: {EXAMPLES}")
    kind: Kind = scheme
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise TransportURLError(f"{text!r}: {error}; write one of: {EXAMPLES}") from error
    if kind == "serial":
        device = unquote(parts.netloc + parts.path)
        if not device:
            raise TransportURLError(f"{text!r} names no device; write serial:///dev/ttyUSB0")
        return _with_settings(Endpoint(text, kind, device), parts.query)
    if kind == "hosted":
        return _hosted(text, parts)
    if not host or parts.path.strip("/"):
        raise TransportURLError(
            f"{text!r}: write {kind}://host:{DEFAULT_PORTS[kind]}, nothing behind the port"
        )
    if port == 0:
        raise TransportURLError(f"{text!r}: port 0 is nobody's; ports are 1 to 65535")
    return _with_settings(Endpoint(text, kind, host, port or DEFAULT_PORTS[kind]), parts.query)


def _hosted(text: str, parts: SplitResult) -> Endpoint:
    if parts.username is not None or "token" in dict(parse_qsl(parts.query, keep_blank_values=True)):
        # Without the text: it would show the token once more.
        raise TransportURLError(
            f"a token does not belong in a URL, where others can see it: put it into a file and write token-file=FILE, or into "
            f"the environment variable {TOKEN_VARIABLE}"
        )
    found = _SERIAL_AND_BUS.fullmatch(parts.path)
    if not parts.hostname or found is None:
        raise TransportURLError(
            f"{text!r}: write hosted://HEADEND/SERIAL or hosted://HEADEND/SERIAL/BUS, with the serial number of the master"
        )
    if parts.port == 0:
        raise TransportURLError(f"{text!r}: port 0 is nobody's; ports are 1 to 65535")
    endpoint = Endpoint(text, "hosted", parts.hostname, parts.port or DEFAULT_PORTS["hosted"])
    endpoint = replace(endpoint, serial=found["serial"], bus=unquote(found["bus"] or ""))
    endpoint = _with_settings(endpoint, parts.query)
    if not endpoint.tls and endpoint.target not in _LOOPBACK:
        raise TransportURLError(f"{text!r}: tls=off is for this machine only, {', '.join(_LOOPBACK)}")
    return endpoint


def _with_settings(endpoint: Endpoint, query: str) -> Endpoint:
    known = _SETTINGS[endpoint.kind]
    changes: dict[str, object] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise TransportURLError(
                f"{endpoint.text!r}: {name}= means nothing for {endpoint.kind}; known are {', '.join(known)}"
            )
        changes[name.replace("-", "_")] = _setting(endpoint.text, name, value)
    if changes.get("key") and not changes.get("cert"):
        raise TransportURLError(f"{endpoint.text!r}: key= needs cert=, the certificate it belongs to")
    if changes.get("bundle") and changes.get("cert"):
        raise TransportURLError(f"{endpoint.text!r}: bundle= holds a certificate already; leave cert= out")
    return replace(endpoint, **changes)  # type: ignore[arg-type]


def _setting(text: str, name: str, value: str) -> object:
    if name == "baud":
        return parse_baud(value)
    if name == "parity":
        if value.upper() not in ("E", "N", "O"):
            raise TransportURLError(
                f"{text!r}: parity is E (even, the standard's), N (none) or O (odd), not {value!r}"
            )
        return value.upper()
    if name == "minutes":
        if not value.isascii() or not value.isdecimal() or not 1 <= int(value[:6]) <= LONGEST_MINUTES:
            raise TransportURLError(f"{text!r}: minutes is 1 to {LONGEST_MINUTES}, not {value!r}")
        return int(value)
    if name == "reason" and (len(value) > LONGEST_REASON or not value.isprintable()):
        raise TransportURLError(f"{text!r}: reason has at most {LONGEST_REASON} printable characters")
    if name in ("dtr", "rts", "tls"):
        if value.lower() not in _SWITCH:
            raise TransportURLError(f"{text!r}: {name} is on or off, not {value!r}")
        return _SWITCH[value.lower()]
    if name == "fingerprint":
        digits = re.sub(r"[:\s]", "", value).lower()
        if not _FINGERPRINT.fullmatch(digits):
            raise TransportURLError(f"{text!r}: fingerprint is the SHA-256 of a certificate, 64 hex digits")
        return digits
    if name in ("allowance", "gap"):
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= LONGEST_WAIT:
            raise TransportURLError(f"{text!r}: {name} is in seconds, 0 to {LONGEST_WAIT:.0f}, not {value!r}")
        return seconds
    if not value:
        raise TransportURLError(f"{text!r}: {name}= names nothing")
    return value


def parse_baud(value: str) -> int:
    """Read a baud rate of the standard."""
    if not value.isascii() or not value.isdecimal() or int(value) not in BAUD_RATES:
        raise TransportURLError(f"baud is one of {', '.join(map(str, BAUD_RATES))}, not {value!r}")
    return int(value)


async def open_transport(url: str | Endpoint, *, baud: int | None = None) -> Transport:
    """Open the bus that a URL names.

    :param baud: rate on the bus; replaces the one in the URL.

    Raise `TransportURLError` when it names none, `TransportOpenError` when it cannot be reached.
    """
    endpoint = parse_url(url) if isinstance(url, str) else url
    transport = await _open(endpoint, endpoint.baud if baud is None else baud)
    if endpoint.allowance is not None:
        transport.allowance = endpoint.allowance
        transport.adaptive = False
    if endpoint.gap is not None:
        transport.gap = endpoint.gap
    return transport


async def _open(endpoint: Endpoint, baud: int) -> Transport:
    # Each kind brings libraries that the others need not load.
    name = endpoint.text.partition("?")[0]
    if endpoint.kind == "tcp":
        from mbusio.transport.tcp import open_tcp

        return await open_tcp(name, endpoint.target, endpoint.port, baud=baud)
    if endpoint.kind == "hosted":
        from mbusio.transport.hosted import open_hosted

        return await open_hosted(name, endpoint, baud=baud)
    if endpoint.kind == "tls":
        from mbusio.transport.bundle import passphrase_in_environment
        from mbusio.transport.tls import client_context, open_tls, trust_whoever_is_pinned

        passphrase = endpoint.passphrase or passphrase_in_environment()
        # A bundle's passphrase takes its time on purpose.
        context = await asyncio.to_thread(
            client_context, endpoint.ca, endpoint.cert, endpoint.key, endpoint.bundle, passphrase
        )
        if endpoint.fingerprint is not None and endpoint.ca is None:
            trust_whoever_is_pinned(context)
        return await open_tls(
            name,
            endpoint.target,
            endpoint.port,
            context,
            baud=baud,
            server_name=endpoint.name,
            fingerprint=endpoint.fingerprint,
        )
    wire = Wire(baud, endpoint.parity, endpoint.dtr, endpoint.rts)
    if endpoint.kind == "rfc2217":
        from mbusio.transport.rfc2217 import open_rfc2217

        return await open_rfc2217(name, endpoint.target, endpoint.port, wire)
    from mbusio.transport.serial import open_serial

    return await open_serial(name, endpoint.target, wire)
