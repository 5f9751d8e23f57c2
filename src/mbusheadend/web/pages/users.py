"""Users and their roles, for administrators."""

from typing import Final

from mbusheadend.web.door import ADMIN
from mbusweb.pages.users import router

__all__ = ["DOOR", "router"]

DOOR: Final = ADMIN
