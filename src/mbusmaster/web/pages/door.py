"""Who may come in."""

from enum import Enum


class Door(Enum):
    """Of a page."""

    OPEN = "everybody"
    SETUP_OR_USER = "everybody at the setup interface, users from anywhere"
    USER = "users"
