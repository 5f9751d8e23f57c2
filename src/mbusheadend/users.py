"""The rules of the head-end for its users, for `mbusweb.access`."""

from typing import Final

from mbusheadend.roles import ROLES
from mbusweb.access import Rules

RULES: Final = Rules(
    most_users=200,
    token_prefix="mbh_",  # noqa: S106 - what tokens begin with
    remedy="restore it from a backup; or move it away, and begin anew with `mbusheadend user add NAME --role admin`",
    roles=ROLES,
    most_sessions=800,
)
