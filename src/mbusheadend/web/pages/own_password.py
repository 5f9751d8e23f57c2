"""The password of the user who is logged in, of whatever role."""

from typing import Final

from mbusheadend.web.door import READER
from mbusweb.pages.own_password import router

__all__ = ["DOOR", "router"]

DOOR: Final = READER
