"""Authority and list as bytes, for an encrypted backup: a replaced machine that gets them back keeps its clients.

Clients of other authorities who were only seen are left out: they come in by themselves. Revoked ones stay revoked.
"""

import base64
import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509

from mbusio.certificates import Pair, fingerprint
from mbusmaster.channels.trust.errors import TrustError
from mbusmaster.channels.trust.model import Foreign, Kind, Origin, TrustedClient
from mbusmaster.channels.trust.registry import MAX_FOREIGN, MAX_OWN, MAX_SEEN

FORMAT: Final = 1
LARGEST: Final = 1 << 20
LONGEST_TEXT: Final = 200
_UNREADABLE: Final = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class TrustSecrets:
    """All that a machine must know to be trusted by its clients, and to trust them.

    :ivar foreign: each with its DER.
    """

    authority: Pair
    clients: tuple[TrustedClient, ...]
    foreign: tuple[tuple[Foreign, bytes], ...]


def pack(
    authority: Pair, clients: Iterable[TrustedClient], foreign: Iterable[tuple[Foreign, bytes]]
) -> bytes:
    """Write them; the result holds the key of the authority in the clear."""
    kept = [one for one in clients if one.origin is not Origin.AUTHORITY or one.revoked is not None]
    content = {
        "format": FORMAT,
        "authority": authority.to_pem().decode(),
        "clients": [
            [one.id, one.name, one.origin, one.serial, one.issuer, *map(_stamp, _times_of(one))]
            for one in kept
        ],
        "foreign": [
            [one.kind, one.name, one.issuer, _stamp(one.added), base64.b64encode(der).decode()]
            for one, der in foreign
        ],
    }
    return json.dumps(content, separators=(",", ":")).encode()


def unpack(data: bytes) -> TrustSecrets:
    """Read them; raise `TrustError` for anything that `pack` cannot have written."""
    if len(data) > LARGEST:
        raise _refusal("it is too big")
    try:
        content = json.loads(data)
        if content["format"] != FORMAT:
            raise _refusal("it was made by a newer version of this program")
        authority = Pair.from_pem(content["authority"].encode())
        if not authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise _refusal("its authority is none")
        clients = tuple(_client(*row) for row in content["clients"])
        foreign = tuple(_foreign(*row) for row in content["foreign"])
    except (*_UNREADABLE, x509.ExtensionNotFound) as error:
        raise _refusal("it has another form") from error
    if len({one.id for one in clients}) < len(clients) or len({one.id for one, _ in foreign}) < len(foreign):
        raise _refusal("it names somebody twice")
    # Revoked ones are kept for ever, and are few.
    if len(clients) > 2 * (MAX_OWN + MAX_SEEN) or len(foreign) > MAX_FOREIGN:
        raise _refusal("it names too many")
    return TrustSecrets(authority, clients, foreign)


def _client(id: str, name: str, origin: str, serial: str, issuer: str, *stamps: int | None) -> TrustedClient:
    issued, expires, revoked, seen = map(_time, stamps)
    if issued is None or expires is None or len(bytes.fromhex(id)) != 32:
        raise ValueError("no client")
    texts = _text(name), Origin(origin), _text(serial), _text(issuer)
    return TrustedClient(id.lower(), *texts, issued, expires, revoked, seen)


def _foreign(kind: str, name: str, issuer: str, added: int, data: str) -> tuple[Foreign, bytes]:
    der = base64.b64decode(data, validate=True)
    certificate = x509.load_der_x509_certificate(der)
    at = _time(added)
    if at is None:
        raise ValueError("no time")
    id = fingerprint(certificate)
    return Foreign(id, Kind(kind), _text(name), _text(issuer), certificate.not_valid_after_utc, at), der


def _text(text: Any) -> str:
    if not isinstance(text, str) or len(text) > LONGEST_TEXT or not text.isprintable():
        raise ValueError("no text")
    return text


def _times_of(client: TrustedClient) -> tuple[datetime.datetime | None, ...]:
    return client.issued, client.expires, client.revoked, client.seen


def _stamp(time: datetime.datetime | None) -> int | None:
    return None if time is None else int(time.timestamp())


def _time(stamp: int | None) -> datetime.datetime | None:
    return None if stamp is None else datetime.datetime.fromtimestamp(stamp, datetime.UTC)


def _refusal(why: str) -> TrustError:
    return TrustError(f"the part with the trusted clients cannot be used: {why}", "backup")
