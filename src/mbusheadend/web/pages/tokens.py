"""API tokens of the user who is logged in, of whatever role."""

from typing import Final

from mbusheadend.web.door import READER
from mbusweb.pages.tokens import router

__all__ = ["DOOR", "router"]

DOOR: Final = READER
