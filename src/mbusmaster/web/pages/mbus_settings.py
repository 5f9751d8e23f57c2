"""M-Bus settings: baud rates, timeout and retries of each bus (guide 3.1.5)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mbusmaster.settings import LineSettings, Parity
from mbusmaster.web.filled_form import FilledForm, filled_form
from mbusmaster.web.line_view import line_facts
from mbusmaster.web.services import Services
from mbusmaster.web.settings_form import ShownField, save_settings
from mbusweb.forms import form_values
from mbusweb.locale import gettext as _
from mbusweb.render import go_to, page

PATH: Final = "/configuration/mbus"
BUS: Final = "bus"
"""Field of the form: which bus it is about, counted from 0."""
GUIDE: Final = ("min_baud", "default_baud", "max_baud", "timeout", "retries")
MORE: Final = ("url", "parity", "hold", "lease", "lease_limit")
LINE: Final = tuple(f"line.{name}" for name in LineSettings.model_fields)
_MOST_CHOICES: Final = 5
"""A whole number with no more values than this is chosen, not typed."""


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return _page(request, services)

    @routes.post(PATH)
    async def save(request: Request) -> Response:
        values = await form_values(request)
        index = _index(values.get(BUS, "0"), len(services.settings.stored.buses))
        problems = await save_settings(request, services, values, *_paths(index))
        return _page(request, services, index, values, problems) if problems else go_to(request, PATH)

    return routes


def _index(text: str, count: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) < count):
        raise HTTPException(404)
    return int(text)


def _paths(index: int) -> tuple[str, ...]:
    return tuple(f"buses.{index}.{name}" for name in (*GUIDE, *MORE, *LINE))


def _page(
    request: Request,
    services: Services,
    wrong: int = -1,
    given: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response:
    """Show one form for each bus.

    :param wrong: which of them was refused.
    """
    stored = services.settings.stored
    forms = []
    for index in range(len(stored.buses)):
        refused = index == wrong
        form = filled_form(
            stored,
            *_paths(index),
            given=given if refused else None,
            problems=problems if refused else None,
            labels={f"buses.{index}.parity": _parities()},
        )
        forms.append(_chosen(form))
    return page(
        request,
        "mbus_settings.html",
        status=422 if problems else 200,
        forms=forms,
        names=[bus.name for bus in stored.buses],
        guide=GUIDE,
        more=MORE,
        line_fields=LINE,
        lines=_lines(services),
    )


def _lines(services: Services) -> dict[str, object]:
    """Give what is known of the line of each bus that has a line monitor, by the bus's name."""
    readings = ((bus.name, bus.health.line) for bus in services.buses)
    return {name: line_facts(reading) for name, reading in readings if reading is not None}


def _parities() -> dict[str, str]:
    return {Parity.EVEN: _("Even"), Parity.NONE: _("None"), Parity.ODD: _("Odd")}


def _chosen(form: FilledForm) -> FilledForm:
    """Let people choose among a few whole numbers, as the guide has it."""
    return replace(form, fields={path: _as_choice(field) for path, field in form.fields.items()})


def _as_choice(field: ShownField) -> ShownField:
    least, most = field.field.minimum, field.field.maximum
    if field.kind != "int" or least is None or most is None or most - least >= _MOST_CHOICES:
        return field
    numbers = [str(number) for number in range(int(least), int(most) + 1)]
    return replace(field, kind="choice", choices=tuple((number, number) for number in numbers))
