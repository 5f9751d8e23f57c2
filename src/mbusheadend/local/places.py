"""Where a local master is, as people write it."""

import posixpath
import re
from typing import Final

from mbusheadend.local.errors import LocalError
from mbusheadend.store.local import LocalPlace
from mbusio.errors import TransportURLError
from mbusio.listreading import Patience
from mbusio.transport.url import Endpoint, parse_url
from mbusweb.texts import Text, mark

LONGEST_URL: Final = 255
LONGEST_NAME: Final = 64
DEVICES: Final = "/dev/"
_COM: Final = re.compile(r"(\\\\\.\\)?COM[0-9]{1,3}", re.IGNORECASE)
_WRONG: Final = mark(
    "%(url)s names no master; write /dev/ttyUSB0, tcp://NAME:2445 or tls://NAME:1445 (the reason: %(reason)s)"
)
_NO_DEVICE: Final = mark("%(device)s is no serial port; those of this machine are below /dev/")
_FILES: Final = mark("Leave files out of the address: keys and certificates are handed in beside it")
_BAUD: Final = mark("The baud rates must rise: min. %(lowest)d, default %(default)d, max. %(highest)d do not")
_NAME: Final = mark("A master has a name of 1 to %(most)d printable characters")


def place_of(url: str, patience: Patience) -> LocalPlace:
    """Check what somebody wrote; raise `LocalError`."""
    url = url.strip()
    endpoint = endpoint_of(url)
    if not patience.min_baud <= endpoint.baud <= patience.max_baud:
        values = {"lowest": patience.min_baud, "default": endpoint.baud, "highest": patience.max_baud}
        raise LocalError(Text(_BAUD, values))
    return LocalPlace(url, patience)


def endpoint_of(url: str) -> Endpoint:
    """Read where a master is; raise `LocalError`, also for what could open other files of this machine than serial ports."""
    if len(url) > LONGEST_URL or not url.isprintable():
        raise LocalError(Text(_WRONG, {"url": repr(url[:LONGEST_URL]), "reason": "its characters"}))
    try:
        endpoint = parse_url(url)
    except TransportURLError as error:
        raise LocalError(Text(_WRONG, {"url": url, "reason": str(error)})) from error
    if endpoint.ca or endpoint.cert or endpoint.key or endpoint.bundle:
        raise LocalError(Text(_FILES))
    device = endpoint.target
    is_port = _COM.fullmatch(device) or posixpath.normpath(device).startswith(DEVICES)
    if endpoint.kind == "serial" and not is_port:
        raise LocalError(Text(_NO_DEVICE, {"device": device}))
    return endpoint


def checked_name(name: str) -> str:
    """Check a name for people; raise `LocalError`."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise LocalError(Text(_NAME, {"most": LONGEST_NAME}))
    return name
