"""What the pages of the head-end have of their own: the menu, names, folders."""

from pathlib import Path
from typing import Final

from mbusheadend.web.audit_texts import kind_texts
from mbusweb.product import MenuGroup, Product
from mbusweb.texts import mark

_MENU: Final[tuple[MenuGroup, ...]] = (
    (
        mark("Readings"),
        (
            ("/overview", mark("Overview")),
            ("/readings", mark("Readings")),
            ("/plot", mark("Plot")),
            ("/consumption", mark("Consumption")),
            ("/completeness", mark("Completeness")),
            ("/gaps", mark("Gaps")),
            ("/export", mark("Export")),
        ),
    ),
    (
        mark("Fleet"),
        (
            ("/masters", mark("Masters")),
            ("/meters", mark("Meters")),
            ("/groups", mark("Groups")),
            ("/schedules", mark("Schedules")),
            ("/rollouts", mark("Rollouts")),
            ("/fleet-settings", mark("Settings of masters")),
            ("/alarms", mark("Alarms")),
            ("/local", mark("Local reading")),
            ("/enrolment", mark("Enrolment tokens")),
        ),
    ),
    (
        mark("System"),
        (
            ("/languages", mark("Languages")),
            ("/tokens", mark("API tokens")),
            ("/jobs", mark("Jobs")),
            ("/users", mark("Users")),
            ("/audit", mark("Audit log")),
            ("/firmware", mark("Firmware")),
            ("/notifications", mark("Notifications")),
            ("/backup", mark("Backup")),
            ("/upkeep", mark("Store")),
            ("/time-service", mark("Time service")),
            ("/about", mark("About")),
        ),
    ),
)

PRODUCT: Final = Product(
    name=mark("M-Bus head-end"),
    short="mbusheadend",
    folder=Path(__file__).parent,
    home="/overview",
    menu=_MENU,
    kind_texts=kind_texts,
    styles=("headend.css",),
    same={"/": "/overview"},
    badges={"/alarms": "/alarms/count"},
    own_password="/password",  # noqa: S106 - a path
    most_streams=200,
)
