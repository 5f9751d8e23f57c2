"""The rules of this product for its users (guide 3.3), for `mbusweb.access`."""

from typing import Final

from mbusweb.access import DefaultUser, Rules

FACTORY_NAME: Final = "user"
FACTORY_PASSWORD: Final = "Kamstrup1"  # noqa: S105 - printed in the guide 3.3, and of use only until somebody makes a user
RULES: Final = Rules(
    most_users=5,
    token_prefix="mbm_",  # noqa: S106 - what tokens begin with
    remedy="`mbusmaster reset-users`, or the button held for 10 s, begins anew and keeps what is there aside",
    default_user=DefaultUser(FACTORY_NAME, FACTORY_PASSWORD),
)
