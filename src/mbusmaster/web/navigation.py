"""The menu at the left, as the guide has it (3, 3.1, 3.2)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from mbusweb.locale import gettext
from mbusweb.texts import mark

_GROUPS: Final = (
    (
        mark("Status"),
        (
            ("/status", mark("Status")),
            ("/languages", mark("Languages")),
            ("/meters", mark("Meter list")),
            ("/monitor", mark("Bus monitor")),
        ),
    ),
    (
        mark("Configuration"),
        (
            ("/configuration/ethernet", mark("Ethernet")),
            ("/configuration/hosting", mark("Hosting")),
            ("/configuration/security", mark("Security")),
            ("/configuration/mbus", mark("M-Bus")),
            ("/configuration/time", mark("Time")),
            ("/configuration/firmware", mark("Firmware")),
            ("/configuration/log", mark("Log")),
            ("/configuration/backup", mark("Backup")),
            ("/configuration/restart", mark("Restart")),
        ),
    ),
    (
        mark("User"),
        (
            ("/users", mark("User list")),
            ("/tokens", mark("API tokens")),
            ("/audit", mark("Audit log")),
        ),
    ),
)
_SAME: Final = {"/": "/status", "/config": "/status"}
"""Other paths of a page in the menu."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu, in the visitor's language."""

    path: str
    title: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Group:
    """One part of the menu."""

    title: str
    entries: tuple[Entry, ...]


def menu(present: Collection[str], here: str) -> tuple[Group, ...]:
    """Give the menu of the pages that are there.

    :param here: path of the page that is shown; a page below an entry belongs to it.
    """
    here = _SAME.get(here, here)
    groups = (
        Group(
            gettext(title),
            tuple(
                Entry(path, gettext(name), here == path or here.startswith(f"{path}/"))
                for path, name in entries
                if path in present
            ),
        )
        for title, entries in _GROUPS
    )
    return tuple(group for group in groups if group.entries)
