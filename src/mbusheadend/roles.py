"""What users may: each role all that the one before may."""

from typing import Final

READER: Final = "reader"
"""Sees everything but users."""
OPERATOR: Final = "operator"
"""Looks after masters, meters and schedules."""
ADMIN: Final = "admin"
"""May do everything, and makes other users."""
ROLES: Final = (READER, OPERATOR, ADMIN)
