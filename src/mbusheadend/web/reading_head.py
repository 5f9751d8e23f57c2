"""What stands above every page about one meter: who it is, where it is read, how it is, and the ways to its other pages."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request

from mbusheadend.store import Meter, UnknownError
from mbusheadend.views.latest import Latest, latest_of
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import (
    age_text,
    manufacturer_of,
    medium_of,
    meter_text,
    number_of,
    status_texts,
)
from mbusweb.locale import format_datetime
from mbusweb.locale import gettext as _
from mbusweb.render import renderer_of


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a meter.

    :ivar facts: title, text, and a link or nothing.
    :ivar status: of its newest reading, in words; empty where all is well.
    :ivar alarms: how many are open.
    :ivar tabs: address, text, and whether it is here.
    """

    meter: Meter
    title: str
    facts: tuple[tuple[str, str, str], ...]
    latest: Latest
    status: tuple[str, ...]
    alarms: int
    alarms_link: str
    tabs: tuple[tuple[str, str, bool], ...]


async def head_of(request: Request, services: Services, meter: Meter, now: datetime) -> Head:
    """Gather it for a page."""
    latest = (await latest_of(services.store, (meter,), now))[0]
    alarms = (await services.store.alarms_of((meter.id,))).get(meter.id, 0)
    paths = renderer_of(request).paths
    return Head(
        meter,
        meter_text(meter),
        tuple(await _facts(services, meter, latest, paths)),
        latest,
        tuple(status_texts(latest.status)),
        alarms,
        f"/alarms?meter={meter.id}" if "/alarms" in paths else "",
        tuple(_tabs(meter, request.url.path, paths)),
    )


async def _facts(
    services: Services, meter: Meter, latest: Latest, paths: Collection[str]
) -> list[tuple[str, str, str]]:
    facts = [
        (_("Number"), number_of(meter) if meter.name else "", ""),
        (_("Medium"), medium_of(meter), ""),
        (_("Manufacturer"), manufacturer_of(meter), ""),
        (_("Secondary address"), meter.identity if len(meter.identity) == 16 else "", ""),
    ]
    if meter.place is not None:
        link = f"/masters/{meter.place.master}" if "/masters/{serial}" in paths else ""
        facts.append((_("Master"), await _name_of_master(services, meter.place.master), link))
        facts.append((_("Bus"), meter.place.bus, ""))
    if meter.primary is not None:
        facts.append((_("Primary address"), str(meter.primary), ""))
    if latest.reading is None:
        facts.append((_("Last reading"), _("never"), ""))
    else:
        taken = f"{format_datetime(latest.reading.taken)} ({age_text(latest.age)})"
        facts.append((_("Last reading"), taken, ""))
    if meter.note:
        facts.append((_("Note"), meter.note, ""))
    return [fact for fact in facts if fact[1]]


async def _name_of_master(services: Services, serial: str) -> str:
    try:
        return (await services.store.master(serial)).name or serial
    except UnknownError:
        return serial


def _tabs(meter: Meter, here: str, paths: Collection[str]) -> list[tuple[str, str, bool]]:
    front = f"/readings/{meter.id}"
    tabs = [
        (front, _("Plot")),
        (f"{front}/table", _("Table")),
        (f"{front}/consumption", _("Consumption")),
        (f"{front}/completeness", _("Completeness")),
        (f"{front}/judgments", _("Judgments")),
    ]
    if "/meters/{number}" in paths:
        tabs.append((f"/meters/{meter.id}", _("About the meter")))
    return [(path, text, path == here) for path, text in tabs]
