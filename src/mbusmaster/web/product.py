"""What the pages of the master have of their own: the menu, as the guide has it (3, 3.1, 3.2), names, folders."""

from pathlib import Path
from typing import Final

from mbusmaster.web.audit_texts import kind_texts
from mbusweb.product import MenuGroup, Product
from mbusweb.texts import mark

_MENU: Final[tuple[MenuGroup, ...]] = (
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
PRODUCT: Final = Product(
    name=mark("M-Bus master"),
    short="mbusmaster",
    folder=Path(__file__).parent,
    home="/status",
    menu=_MENU,
    kind_texts=kind_texts,
    styles=("master.css",),
    scripts=("master.js",),
    # Other paths of a page in the menu.
    same={"/": "/status", "/config": "/status"},
    first_user="/first-user",
)
