"""Completeness of a meter: by day over some months, and its gaps."""

from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.filling.gaps import FillState
from mbusheadend.views.complete import GRACE, MeterGap, days_of, gaps_of, meters_complete
from mbusheadend.views.spans import zone_of
from mbusheadend.web.door import READER
from mbusheadend.web.heat_map import count_text, days_texts, heat_row, legend, look_of, share_text
from mbusheadend.web.reading_choice import chosen_zone, meter_or_404
from mbusheadend.web.reading_head import head_of
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import outcome_text
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/readings/{number}/completeness"
WEEKS: Final = 17
MOST_GAPS: Final = 100
_WEEK: Final = 7


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    store = services.store

    @routes.get(PATH)
    async def show(request: Request, number: int, zone: str = "") -> Response:
        meter = await meter_or_404(store, number)
        now, zone = services.now() - GRACE, chosen_zone(zone)
        today = now.astimezone(zone_of(zone)).date()
        begin = now - timedelta(days=today.weekday() + _WEEK * (WEEKS - 1))
        table = await meters_complete(store, (meter,), days_of(begin, now, zone))
        complete = table.meters[0][1]
        days = days_texts(table.edges, zone)
        gaps = await gaps_of(store, number, table.edges[0], now)
        cells = [
            (look_of(count), f"{day}: {count_text(count)}")
            for count, day in zip(complete.days, days, strict=True)
        ]
        weeks = [cells[at : at + _WEEK] for at in range(0, len(cells), _WEEK)]
        return page(
            request,
            "reading_completeness.html",
            head=await head_of(request, services, meter, services.now()),
            row=heat_row(complete, days),
            share=share_text(complete.total),
            weekdays=[_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")],
            weeks=weeks,
            firsts=[days[at] for at in range(0, len(days), _WEEK)],
            zone=zone,
            legend=legend(),
            gaps=[_gap(one) for one in gaps[:MOST_GAPS]],
            more_gaps=max(0, len(gaps) - MOST_GAPS),
        )

    return routes


def _gap(one: MeterGap) -> dict[str, object]:
    gap = one.gap
    return {
        "first": gap.first,
        "last": gap.last if gap.slots > 1 else None,
        "slots": ngettext("%(num)s reading", "%(num)s readings", gap.slots) % {"num": gap.slots},
        "schedule": gap.schedule,
        "outcome": _("nothing came") if gap.outcome is None else outcome_text(gap.outcome),
        "filling": "" if one.fill is None else fill_text(one.fill.state),
    }


def fill_text(state: FillState) -> str:
    """Say how far the filling of a gap is."""
    return {
        FillState.NEW: _("just found"),
        FillState.WAITING_FOR_MASTER: _("waits for the master to call"),
        FillState.WAITING_FOR_BACKLOG: _("waits for what the master has not delivered yet"),
        FillState.ASKED_HISTORY: _("the master was asked for its history"),
        FillState.ASKED_METER: _("the meter is asked again"),
        FillState.LATER: _("is tried again later"),
        FillState.LEFT: _("cannot be filled"),
    }[state]
