"""Readings and consumption as files."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from mbusheadend.errors import HeadEndError
from mbusheadend.export import Form
from mbusheadend.judging.consumption import Period
from mbusheadend.web.door import READER
from mbusheadend.web.export_choice import ExportChoice, What, begin_export
from mbusheadend.web.reading_answers import Since, Until, Zone, refuse, span_given, zone_given
from mbusheadend.web.services import Services

DOOR: Final = READER
MOST: Final = 200


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["readings"])

    content = {form.media_type.partition(";")[0]: {"schema": {"type": "string"}} for form in Form}

    @routes.get(
        "/export", response_class=Response, responses={200: {"description": "The file", "content": content}}
    )
    async def export_readings(
        what: Annotated[
            What, Query(description="One row per value, per reading (registers as columns), or per period.")
        ] = What.VALUES,
        form: Form = Form.CSV,
        since: Since = None,
        until: Until = None,
        meter: Annotated[
            tuple[str, ...],
            Query(max_length=MOST, description="Identity, number on the meter, or name; all without it."),
        ] = (),
        group: Annotated[tuple[str, ...], Query(max_length=MOST, description="Groups of meters.")] = (),
        master: Annotated[
            tuple[str, ...], Query(max_length=MOST, description="Masters where the meters are.")
        ] = (),
        register: Annotated[
            tuple[str, ...],
            Query(max_length=MOST, description="Names of registers, or quantities; all without it."),
        ] = (),
        period: Annotated[Period, Query(description="For consumption.")] = Period.DAY,
        zone: Zone = "UTC",
        marked: Annotated[bool, Query(description="CSV with a byte order mark.")] = False,
    ) -> Response:
        """Give a file, made while it is sent, however long it is; by default of seven days."""
        begin, end = span_given(since, until, services.now())
        choice = ExportChoice(
            what, form, begin, end, meter, group, master, register, period, zone_given(zone), is_marked=marked
        )
        try:
            pieces = await begin_export(services.store, choice)
        except HeadEndError as error:
            refuse("meter", str(error))
        name = choice.file_name(services.label)
        return StreamingResponse(
            pieces,
            media_type=choice.form.media_type,
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    return routes
