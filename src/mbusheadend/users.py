"""The rules of the head-end for its users, for `mbusweb.access`."""

from typing import Final

from mbusweb.access import Rules

READER: Final = "reader"
OPERATOR: Final = "operator"
ADMIN: Final = "admin"
RULES: Final = Rules(
    most_users=200,
    token_prefix="mbh_",  # noqa: S106 - what tokens begin with
    remedy="restore it from a backup; or move it away, and begin anew with `mbusheadend user add NAME --role admin`",
    roles=(READER, OPERATOR, ADMIN),
    most_sessions=800,
)
