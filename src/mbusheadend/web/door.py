"""Who may come in: roles, each with all that may more."""

from typing import Final

from mbusheadend.roles import ADMIN as ADMIN_ROLE
from mbusheadend.roles import OPERATOR as OPERATOR_ROLE
from mbusheadend.roles import READER as READER_ROLE
from mbusweb.door import OPEN, USER, Door

READER: Final = Door(role=READER_ROLE)
OPERATOR: Final = Door(role=OPERATOR_ROLE)
ADMIN: Final = Door(role=ADMIN_ROLE)

__all__ = ["ADMIN", "OPEN", "OPERATOR", "READER", "USER"]
