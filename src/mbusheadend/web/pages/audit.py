"""The audit log, for administrators."""

from typing import Final

from mbusheadend.web.door import ADMIN
from mbusweb.pages.audit import router

__all__ = ["DOOR", "router"]

DOOR: Final = ADMIN
