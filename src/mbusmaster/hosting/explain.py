"""What a failed call to the head-end means, and what helps: sentences for logs and pages."""

import http.client
import socket
import ssl
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from mbushosting.contact import Refusal, RefusalCode
from mbusmaster.hosting.connection import Answer, ProxyError, TooLongError
from mbusmaster.hosting.link_errors import (
    HeadEndDistrustedError,
    HeadEndError,
    HeadEndOverloadedError,
    HeadEndRefusedError,
    HeadEndUnreachableError,
)
from mbusmaster.hosting.places import Place, Proxy
from mbusweb.texts import Text, mark

BUSY_SECONDS: Final = 60.0
"""To wait where the head-end is busy and does not say for how long."""
_UNKNOWN_HOST: Final = mark(
    "The name %(host)s is not known: check the address of the head-end, and the DNS servers of this master."
)
_UNKNOWN_PROXY: Final = mark("The name of the proxy, %(host)s, is not known: check the setting.")
_REFUSED: Final = mark(
    "%(place)s refuses the connection: no head-end runs there, or a firewall is in the way; check address and port."
)
_SILENT: Final = mark(
    "%(place)s does not answer in time: check address, network and firewall; it is tried again."
)
_UNREACHABLE: Final = mark("%(place)s cannot be reached: %(why)s")
_ENDED: Final = mark("The connection to %(place)s ended before the answer: it is tried again.")
_PROXY_PASSWORD: Final = mark(
    "The proxy %(proxy)s wants to know who asks: put user and password into the setting, http://USER:PASSWORD@NAME:PORT."
)
_PROXY_REFUSES: Final = mark(
    "The proxy %(proxy)s lets nobody through to %(place)s (answer %(status)s): ask whoever runs it."
)
_NO_PROXY: Final = mark("What answers at %(proxy)s is no proxy: check the setting.")
_WRONG_CA: Final = mark(
    "What answers at %(place)s is not the head-end that this master was enrolled at: its certificate is from somebody else. "
    "Somebody may be listening in, or the head-end was set up anew: then a new token is needed."
)
_WRONG_NAME: Final = mark(
    "The head-end's certificate does not carry the name %(host)s: call it by a name that it has, or let the head-end take this "
    "name (mbusheadend serve --name)."
)
_CLOCK: Final = mark(
    "The head-end's certificate is not valid at the time that this clock shows, %(time)s: check date and time."
)
_NO_TLS: Final = mark("%(place)s does not speak TLS 1.3 (%(why)s): check address and port.")
_NOT_TRUSTED: Final = mark(
    "The head-end does not know this master's certificate: enrol the master with a new token."
)
_LAPSED: Final = mark(
    "The certificate of this master has lapsed, since it was not renewed in time: enrol the master with a new token."
)
_REVOKED: Final = mark(
    "The head-end trusts this master no more: its certificate was revoked. Ask whoever runs the head-end for a new token."
)
_TOKEN: Final = mark(
    "The head-end does not take the token: it was used already, its time is over, or it is another's. Ask for a new one."
)
_OTHER_MASTER: Final = mark(
    "The head-end knows this master by another serial number: enrol the master with a new token."
)
_BUSY: Final = mark("The head-end is busy: it is tried again later.")
_TROUBLE: Final = mark("The head-end has trouble (answer %(status)s): it is tried again later.")
_NOT_WANTED: Final = mark("The head-end refuses what this master sends (answer %(status)s): %(why)s")
_NONSENSE: Final = mark("What answers at %(place)s is no head-end: check the address.")
_OTHER_NAME: Final = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_WRONG_TIME: Final = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""
_LONGEST_WHY: Final = 200


def explain_failure(error: Exception, place: Place, proxy: Proxy | None, now: datetime) -> HeadEndError:
    """Say what it means that no answer came.

    :param now: by this machine's clock.
    """
    where = {"place": str(place)}
    first = proxy or place
    if isinstance(error, ssl.SSLError):
        return _of_tls(error, place, now)
    if isinstance(error, ProxyError):
        return HeadEndUnreachableError(_of_proxy(error, place, proxy))
    if isinstance(error, socket.gaierror):
        template = _UNKNOWN_HOST if proxy is None else _UNKNOWN_PROXY
        return HeadEndUnreachableError(Text(template, {"host": first.host}))
    if isinstance(error, ConnectionRefusedError):
        return HeadEndUnreachableError(Text(_REFUSED, {"place": str(first)}))
    if isinstance(error, TimeoutError):
        return HeadEndUnreachableError(Text(_SILENT, where))
    if isinstance(error, ConnectionError):
        return HeadEndUnreachableError(Text(_ENDED, where))
    if isinstance(error, OSError):
        return HeadEndUnreachableError(Text(_UNREACHABLE, {**where, "why": error.strerror or str(error)}))
    if isinstance(error, http.client.IncompleteRead):
        return HeadEndUnreachableError(Text(_ENDED, where))
    if isinstance(error, http.client.HTTPException | TooLongError | ValidationError):
        return HeadEndError(Text(_NONSENSE, where))
    raise error


def explain_answer(answer: Answer, place: Place) -> HeadEndError:
    """Say what an answer other than 200 means."""
    try:
        refusal = Refusal.model_validate_json(answer.body)
    except ValidationError:
        refusal = Refusal(reason="")
    match refusal.code:
        case RefusalCode.REVOKED:
            return HeadEndRefusedError(Text(_REVOKED), needs_token=True)
        case RefusalCode.LAPSED:
            return HeadEndRefusedError(Text(_LAPSED), needs_token=True)
        case RefusalCode.TOKEN:
            return HeadEndRefusedError(Text(_TOKEN), needs_token=True, field="token")
        case RefusalCode.OTHER_MASTER:
            return HeadEndRefusedError(Text(_OTHER_MASTER), needs_token=True)
        case RefusalCode.NO_CERTIFICATE:
            return HeadEndRefusedError(Text(_NOT_TRUSTED), needs_token=True)
    if answer.status in (429, 503):
        return HeadEndOverloadedError(Text(_BUSY), answer.retry_after or BUSY_SECONDS)
    if answer.status >= 500:
        return HeadEndOverloadedError(Text(_TROUBLE, {"status": answer.status}), answer.retry_after)
    if not refusal.code:
        return HeadEndError(Text(_NONSENSE, {"place": str(place)}))
    why = "".join(char if char.isprintable() else "?" for char in refusal.reason[:_LONGEST_WHY])
    return HeadEndRefusedError(Text(_NOT_WANTED, {"status": answer.status, "why": why}))


def nonsense(place: Place) -> HeadEndError:
    """Say that an answer was none of a head-end."""
    return HeadEndError(Text(_NONSENSE, {"place": str(place)}))


def wrong_authority(place: Place) -> HeadEndDistrustedError:
    """Say that somebody else answers there."""
    return HeadEndDistrustedError(Text(_WRONG_CA, {"place": str(place)}))


def lapsed() -> HeadEndRefusedError:
    """Say that the certificate is too old."""
    return HeadEndRefusedError(Text(_LAPSED), needs_token=True)


def _of_tls(error: ssl.SSLError, place: Place, now: datetime) -> HeadEndError:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _OTHER_NAME:
            return HeadEndDistrustedError(Text(_WRONG_NAME, {"host": place.host}))
        if error.verify_code in _WRONG_TIME:
            return HeadEndDistrustedError(Text(_CLOCK, {"time": f"{now:%Y-%m-%d %H:%M} UTC"}))
        return wrong_authority(place)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return HeadEndUnreachableError(Text(_ENDED, {"place": str(place)}))
    reason = error.reason or str(error)
    if "CERTIFICATE_EXPIRED" in reason:
        return lapsed()
    if "CERTIFICATE_REVOKED" in reason:
        return HeadEndRefusedError(Text(_REVOKED), needs_token=True)
    if "ALERT" in reason and ("_CA" in reason or "CERTIFICATE" in reason):
        return HeadEndRefusedError(Text(_NOT_TRUSTED), needs_token=True)
    why = reason.replace("_", " ").lower()
    return HeadEndUnreachableError(Text(_NO_TLS, {"place": str(place), "why": why}))


def _of_proxy(error: ProxyError, place: Place, proxy: Proxy | None) -> Text:
    values: dict[str, str | int] = {"proxy": str(proxy), "place": str(place), "status": error.status}
    if error.status == http.client.PROXY_AUTHENTICATION_REQUIRED:
        return Text(_PROXY_PASSWORD, values)
    return Text(_PROXY_REFUSES if error.status else _NO_PROXY, values)
