"""Sends messages to a URL: HTTPS POST of JSON, signed. Blocking.

The headers: ``X-MBus-Message`` is the id, the same where a message comes again; ``X-MBus-Timestamp`` is when it was sent, in
seconds since 1970; ``X-MBus-Signature`` is ``sha256=`` and, in hex, the HMAC-SHA256 under the secret of the rule over the
timestamp, a point and the body. An answer of 200 to 299 says that it has arrived. No other URL than the one of the rule is ever
called: a redirect is not followed, a proxy of the environment not used.
"""

import hashlib
import hmac
import http.client
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from mbusheadend.alarms.rules import Webhook
from mbusheadend.alarms.sending import NotDeliveredError, limited, reason, trust

ANSWER_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 30.0
MOST_ANSWER: Final = 65536
"""Bytes of an answer that are read; nobody looks at them."""


def signature_of(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a body."""
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"sha256={signed.hexdigest()}"


def post(target: Webhook, secret: str | None, id: str, body: bytes, now: datetime) -> None:
    """Send a message; raise `NotDeliveredError`."""
    parts = urlsplit(target.url)
    assert parts.hostname is not None, "a rule was checked"
    place = f"the receiver {parts.hostname}"
    timestamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "mbusheadend",
        "X-MBus-Message": id,
        "X-MBus-Timestamp": str(timestamp),
    }
    if secret:
        headers["X-MBus-Signature"] = signature_of(secret, timestamp, body)
    connection = http.client.HTTPSConnection(
        parts.hostname, parts.port or 443, timeout=ANSWER_SECONDS, context=trust(target.authority)
    )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with limited(LONGEST_SECONDS, lambda: connection.sock):
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read(MOST_ANSWER)
    except http.client.HTTPException as error:
        raise NotDeliveredError(
            f"{place} answers with something else than HTTP: {type(error).__name__}"
        ) from None
    except OSError as error:
        raise NotDeliveredError(f"{place}: {reason(error)}") from None
    finally:
        connection.close()
    if 300 <= answer.status < 400:
        raise NotDeliveredError(f"{place} names another address, which is not called ({answer.status})")
    if not 200 <= answer.status < 300:
        raise NotDeliveredError(f"{place} answers {answer.status}")
