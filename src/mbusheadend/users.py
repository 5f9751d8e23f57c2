"""The rules of the head-end for its users, for `mbusweb.access`."""

import re
from dataclasses import replace
from typing import Final

from mbusheadend.roles import ROLES
from mbusheadend.tenants.tenant import MAIN_ID, Tenant
from mbusweb.access import Rules

RULES: Final = Rules(
    most_users=200,
    token_prefix="mbh_",  # noqa: S106 - what tokens begin with
    remedy="restore it from a backup; or move it away, and begin anew with `mbusheadend user add NAME --role admin`",
    roles=ROLES,
    most_sessions=800,
)


def rules_of(tenant: Tenant) -> Rules:
    """Give the rules for the users of a tenant; its API tokens begin so that one sees whose they are."""
    most = min(RULES.most_users, tenant.quota.users or RULES.most_users)
    prefix = RULES.token_prefix if tenant.is_main else token_prefix(tenant.id)
    return replace(RULES, most_users=most, token_prefix=prefix)


def token_prefix(tenant: int) -> str:
    """Give what API tokens of a tenant begin with, of one that is not the main one."""
    return f"{RULES.token_prefix.removesuffix('_')}{tenant}_"


def tenant_of_token(token: str) -> int:
    """Tell which tenant an API token is of, by how it begins; the main one where that says nothing."""
    found = re.match(rf"{RULES.token_prefix.removesuffix('_')}([1-9][0-9]{{0,9}})_", token)
    return MAIN_ID if found is None else int(found[1])
