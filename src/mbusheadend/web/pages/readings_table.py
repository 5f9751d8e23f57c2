"""Readings of a meter, the newest first, with chosen registers as columns."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mbusheadend.export import register_name
from mbusheadend.views.registers import named, shown_first
from mbusheadend.views.table import ReadingRow, cursor_of, cursor_text, readings_table
from mbusheadend.web.door import READER
from mbusheadend.web.reading_choice import (
    address,
    chosen_span,
    machine_zone,
    meter_or_404,
    span_links,
)
from mbusheadend.web.reading_head import head_of
from mbusheadend.web.register_texts import register_title
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import (
    clock_text,
    column_texts,
    doubt_text,
    outcome_text,
    status_texts,
    told_text,
)
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/readings/{number}/table"
PAGE: Final = 50
MOST: Final = 24
"""Columns of registers."""
USUAL: Final = 5


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(
        request: Request,
        number: int,
        r: Annotated[tuple[str, ...], Query(max_length=MOST * 4)] = (),
        time: str = "",
        since: str = "",
        until: str = "",
        before: str = "",
    ) -> Response:
        meter = await meter_or_404(services.store, number)
        registers = await services.store.registers(number)
        shown = named(registers, r)[:MOST] or shown_first(registers, USUAL)
        span = chosen_span(time, since, until, services.now(), machine_zone())
        table = await readings_table(
            services.store, number, shown, span.span.since, span.span.until, cursor_of(before), PAGE
        )
        here = f"/readings/{number}/table"
        names = [("r", register_name(register)) for register in shown]
        query = [*names, *span.query.items()]
        return page(
            request,
            "reading_table.html",
            head=await head_of(request, services, meter, services.now()),
            registers=[(register_name(one), register_title(one), one in shown) for one in registers],
            chosen=names,
            titles=[register_title(one) for one in shown],
            rows=_rows(number, table.rows),
            span=span,
            spans=span_links(here, names, span.span),
            since=since,
            until=until,
            first=address(here, query) if before else "",
            older=address(here, [*query, ("before", cursor_text(table.after))]) if table.after else "",
            export=address(
                "/export",
                [("meter", meter.identity), *(("register", name) for _r, name in names), *span.query.items()],
            ),
        )

    return routes


def _rows(number: int, rows: Sequence[ReadingRow]) -> list[dict[str, object]]:
    columns = [column_texts(column) for column in zip(*(row.values for row in rows), strict=True)]
    values = list(zip(*columns, strict=True)) if columns else [()] * len(rows)
    return [_row(number, row, texts) for row, texts in zip(rows, values, strict=True)]


def _row(number: int, row: ReadingRow, values: Sequence[str]) -> dict[str, object]:
    """Put a reading into words."""
    reading = row.reading
    doubts = [text for measured in row.values if (text := doubt_text(measured))]
    remarks = [*status_texts(row.status), *doubts, *([reading.remark] if reading.remark else [])]
    return {
        "taken": reading.taken,
        "own": told_text(row.own),
        "outcome": outcome_text(reading.outcome),
        "is_sound": reading.outcome == "ok",
        "clock": clock_text(reading.clock) if reading.clock == "doubtful" else "",
        "remarks": remarks,
        "values": values,
        "link": f"/readings/{number}/raw/{round(reading.taken.timestamp() * 1000)}/{reading.id}",
    }
