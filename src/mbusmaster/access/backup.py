"""Names and hashes of the users as bytes, for an encrypted backup; tokens are left out: a revoked one must not come back."""

import json
from typing import Final

from mbusmaster.access.errors import AccessError, Problem
from mbusmaster.access.hashing import is_acceptable
from mbusmaster.access.names import key_of, normal_name
from mbusmaster.access.rows import MOST_USERS

FORMAT: Final = 1
LARGEST: Final = 64 * 1024


def pack(accounts: list[tuple[str, str]]) -> bytes:
    """Write names and hashes."""
    listed = [{"name": name, "hash": hashed} for name, hashed in accounts]
    return json.dumps({"format": FORMAT, "users": listed}).encode()


def unpack(data: bytes) -> list[tuple[str, str]]:
    """Read names and hashes. Raise `AccessError` for anything that `pack` cannot have written."""
    if len(data) > LARGEST:
        raise _refusal("it is too big")
    try:
        content = json.loads(data)
        if content["format"] != FORMAT:
            raise _refusal("it was made by a newer version of this program")
        accounts = [(normal_name(user["name"]), user["hash"]) for user in content["users"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _refusal("it has another form") from None
    if len(accounts) > MOST_USERS or len({key_of(name) for name, _ in accounts}) < len(accounts):
        raise _refusal(f"it has more than {MOST_USERS} users, or one twice")
    if not all(isinstance(hashed, str) and is_acceptable(hashed) for _, hashed in accounts):
        raise _refusal("it has a hash that is not one of a password")
    return accounts


def _refusal(why: str) -> AccessError:
    return AccessError(f"the part with the users cannot be used: {why}", Problem.SECRETS)
