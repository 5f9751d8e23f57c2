"""The store: how big it is, what is kept for how long, and what the head-end did for it."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.web.door import ADMIN
from mbusheadend.web.services import Services
from mbusweb.locale import format_number, ngettext, said
from mbusweb.locale import gettext as _
from mbusweb.render import flash, go_to, page

DOOR: Final = ADMIN
PATH: Final = "/upkeep"


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        keep, report = services.settings.keep, services.upkeep.report
        return page(
            request,
            "upkeep.html",
            extent=await services.store.extent(),
            masters=len(await services.store.masters()),
            keep=[
                (_("Raw telegrams"), _months(keep.raw_months)),
                (_("Readings"), _years(keep.reading_years)),
            ],
            quota=await _quota(services),
            report=report,
            step=said(report.step) if report is not None else "",
            did=[] if report is None else _did(services),
            state=services.settings.state_folder,
        )

    @routes.post(PATH)
    async def stir(request: Request) -> Response:
        services.upkeep.stir()
        flash(request, "success", _("It begins; load the page again to see what was done."))
        return go_to(request, PATH)

    return routes


async def _quota(services: Services) -> list[tuple[str, str]]:
    """Give what the tenant has of what it may have at most."""
    if services.limits is None or services.limits.quota.is_empty:
        return []
    quota, use = services.limits.quota, await services.limits.use()
    users = len(services.access.users())
    rows = (
        (_("Masters"), use.masters, quota.masters),
        (_("Meters"), use.meters, quota.meters),
        (_("Readings of today"), use.readings_today, quota.readings_per_day),
        (_("Users"), users, quota.users),
    )
    return [
        (text, _("%(count)s of %(most)s") % {"count": format_number(count), "most": format_number(most)})
        for text, count, most in rows
        if most is not None
    ]


def _months(count: int) -> str:
    return ngettext("%(num)s month", "%(num)s months", count) % {"num": count} if count else _("for ever")


def _years(count: int) -> str:
    return ngettext("%(num)s year", "%(num)s years", count) % {"num": count} if count else _("for ever")


def _did(services: Services) -> list[tuple[str, str]]:
    report = services.upkeep.report
    assert report is not None, "there was a turn"
    counts = (
        (_("Readings decoded again"), report.decoded),
        (_("of which say something else now"), report.changed),
        (_("Readings put into the archive"), report.archived),
        (_("Raw telegrams given up"), report.raw),
        (_("Readings given up"), report.readings + report.quarantined),
        (_("Lapsed tokens and certificates forgotten"), report.forgotten),
    )
    return [(text, format_number(count)) for text, count in counts]
