"""What somebody has sent, kept until its owner says what to do with it, by whichever process that is done."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from mbusheadend.web.services import Services
from mbusweb.visitor import Visitor

KEPT: Final = timedelta(minutes=15)


async def keep(services: Services, who: Visitor, body: bytes) -> str:
    """Keep something and give the key to it; what the visitor sent before is forgotten. Raise `StoreError`."""
    key, now = secrets.token_urlsafe(16), services.now()
    await services.store.keep_parcel(key, _owner(who), body, now, now + KEPT)
    return key


async def take(services: Services, who: Visitor, key: str) -> bytes | None:
    """Give what was kept and forget it; None where it is somebody else's, or was too long ago. Raise `StoreError`."""
    return await services.store.take_parcel(key, _owner(who), services.now())


def _owner(who: Visitor) -> str:
    # What only one browser knows.
    return hashlib.sha256(who.csrf.encode()).hexdigest()
