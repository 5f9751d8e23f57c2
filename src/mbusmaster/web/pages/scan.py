"""Scan M-Bus master: begins scans and checks, and ends them; the page of the meter list shows how far they are (guide 3.1)."""

import asyncio
from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.meterlist import Meter, MeterRefusedError, ScanBusyError
from mbusmaster.web.meter_view import PATH, ListView, needs_check
from mbusmaster.web.pages.meters import list_page
from mbusmaster.web.phrases import phrase
from mbusmaster.web.scan_form import scan_form, scan_options
from mbusmaster.web.scan_records import ScanRecords
from mbusmaster.web.services import Services
from mbusweb.door import SETUP_OR_USER
from mbusweb.forms import form_values
from mbusweb.guard import Asking, local_path
from mbusweb.locale import gettext as _
from mbusweb.render import flash, go_to

DOOR: Final = SETUP_OR_USER
SCAN: Final = f"{PATH}/scan"
CANCEL: Final = f"{SCAN}/cancel"
CHECK: Final = f"{PATH}/check"
CANCEL_SECONDS: Final = 2.0
"""For so long the answer waits for the bus to be let go."""


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()
    scanner = services.scanner
    records = ScanRecords(services)

    @routes.post(SCAN)
    async def scan(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        try:
            job = scanner.start(**scan_options(scanner, values), who=who.user or who.source)
        except MeterRefusedError as error:
            form = scan_form(scanner, values, {error.field: phrase(str(error))})
            return list_page(request, services, ListView(), form)
        except ScanBusyError:
            flash(request, "warning", _busy())
            return go_to(request, PATH)
        records.began(job, who)
        return go_to(request, PATH)

    @routes.post(CANCEL)
    async def cancel(request: Request) -> Response:
        values = await form_values(request)
        job = scanner.job(values.get("bus", ""))
        # Another scan than the one that was shown is not meant.
        if job is not None and str(job.number) == values.get("number"):
            job.cancel()
            await asyncio.wait({asyncio.ensure_future(job.wait())}, timeout=CANCEL_SECONDS)
        return go_to(request, PATH)

    @routes.post(CHECK)
    async def check(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        rows = _wanted(services, values.get("meter", ""))
        if not rows:
            flash(request, "warning", _("There is nothing to check."))
        for bus in dict.fromkeys(row.bus for row in rows):
            numbers = [row.id for row in rows if row.bus == bus]
            try:
                records.began(scanner.check(bus, numbers, who=who.user or who.source), who)
            except ScanBusyError:
                flash(request, "warning", _busy())
            except MeterRefusedError as error:
                flash(request, "error", phrase(str(error)))
        return go_to(request, local_path(values.get("back"), PATH))

    return routes


def _wanted(services: Services, number: str) -> tuple[Meter, ...]:
    """Give the row with a number, or without one all rows of meters that do not answer."""
    rows: Iterable[Meter] = services.meters.meters()
    if not number:
        return tuple(row for row in rows if needs_check(row) and row.bus in services.scanner.buses)
    return tuple(row for row in rows if str(row.id) == number and row.address)


def _busy() -> str:
    return _("A scan is running already. Wait for its end, or cancel it.")
