"""Names, hashes and roles of users as bytes, for an encrypted backup; tokens are left out: a revoked one must not come back."""

import json
from typing import Any, Final

from mbusweb.access.errors import AccessError, Problem
from mbusweb.access.hashing import is_acceptable
from mbusweb.access.names import key_of, normal_name
from mbusweb.access.rows import PackedUser
from mbusweb.access.rules import Rules

FORMAT: Final = 1
LARGEST: Final = 64 * 1024


def pack(accounts: list[PackedUser]) -> bytes:
    """Write users; a role only where there is one."""
    listed = [
        {"name": one.name, "hash": one.hash, **({"role": one.role} if one.role else {})} for one in accounts
    ]
    return json.dumps({"format": FORMAT, "users": listed}).encode()


def unpack(data: bytes, rules: Rules) -> list[PackedUser]:
    """Read users. Raise `AccessError` for anything that `pack` cannot have written under these rules."""
    if len(data) > LARGEST:
        raise _refusal("it is too big")
    try:
        content = json.loads(data)
        if content["format"] != FORMAT:
            raise _refusal("it was made by a newer version of this program")
        accounts = [_user(user, rules) for user in content["users"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _refusal("it has another form") from None
    if len(accounts) > rules.most_users or len({key_of(one.name) for one in accounts}) < len(accounts):
        raise _refusal(f"it has more than {rules.most_users} users, or one twice")
    if not all(isinstance(one.hash, str) and is_acceptable(one.hash) for one in accounts):
        raise _refusal("it has a hash that is not one of a password")
    if accounts and rules.highest not in {one.role for one in accounts}:
        raise _refusal(f"none of its users has the role {rules.highest}")
    return accounts


def _user(user: Any, rules: Rules) -> PackedUser:
    role = user.get("role", "")
    if role not in (rules.roles or ("",)):
        raise ValueError("no such role")
    return PackedUser(normal_name(user["name"], rules.default_name), user["hash"], role)


def _refusal(why: str) -> AccessError:
    return AccessError(f"the part with the users cannot be used: {why}", Problem.SECRETS)
