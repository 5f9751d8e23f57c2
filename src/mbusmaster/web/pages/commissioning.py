"""Commissioning: the meters that should be there against those that were found, and a report to print and sign."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.meterlist import Commissioning, Difference, Item, Kind, commissioning
from mbusmaster.web.meter_import import LARGEST_BODY, Target, add_import, buses_of
from mbusmaster.web.meter_texts import Sign, advice, column_text, kind_sign, status_sign
from mbusmaster.web.meter_view import PATH as LIST
from mbusmaster.web.pages.meters import csv_answer
from mbusmaster.web.phrases import phrase
from mbusmaster.web.services import Services
from mbusweb.door import SETUP_OR_USER
from mbusweb.guard import Asking
from mbusweb.locale import format_datetime, ngettext
from mbusweb.locale import gettext as _
from mbusweb.media_texts import medium_text
from mbusweb.paging import paged
from mbusweb.render import ask, flash, go_to, page

DOOR: Final = SETUP_OR_USER
PATH: Final = f"{LIST}/commissioning"
REPORT: Final = f"{PATH}/report"
EXPECTED: Final = f"{PATH}/expected"
CLEAR: Final = f"{EXPECTED}/clear"
UPLOAD: Final = f"{PATH}/import"
UPLOAD_LIMITS: Final = {UPLOAD: LARGEST_BODY}
PAGE: Final = 50
"""Lines at a time; the report has all of them."""
ORDER: Final = (Kind.MISSING, Kind.DIFFERING, Kind.UNEXPECTED, Kind.FOUND)
"""What wants work comes first."""


@dataclass(frozen=True, slots=True)
class ShownItem:
    """One line, in the visitor's language.

    :ivar number: of the row in the meter list; 0 where it has none.
    :ivar seen: what was seen of it last, for what does not answer.
    """

    kind: Sign
    address: str
    number: int
    manufacturer: str
    medium: str
    primary: str
    seen: str
    advice: str
    note: str
    bus: str


@dataclass(frozen=True, slots=True)
class Count:
    """How many lines of a kind there are, with the address that shows them alone."""

    kind: Kind
    sign: Sign
    count: int
    address: str
    is_here: bool


def router(services: Services) -> APIRouter:
    """Give the routes of the pages."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request, kind: str = "", page: str = "") -> Response:
        return _page(request, services, Kind(kind) if kind in ORDER else None, page)

    @routes.get(REPORT)
    async def report(request: Request, who: Asking) -> Response:
        result = _result(services)
        return page(
            request,
            "commissioning_report.html",
            result=result,
            counts=_counts(result, None),
            items=[_shown(item) for item in _sorted(result.items)],
            name=services.settings.running.device.name,
            identity=services.identity,
            made=format_datetime(result.made_at),
            checked=format_datetime(result.last_checked) if result.last_checked else "",
            several=len(buses_of(services)) > 1,
            user=who.user,
        )

    _add_expected(routes, services)
    return routes


def _add_expected(routes: APIRouter, services: Services) -> None:
    @routes.get(EXPECTED)
    async def download(who: Asking) -> Response:
        return csv_answer(services, who, services.meters.expected.to_csv(), "expected-meters")

    @routes.get(CLEAR)
    async def ask_clear(request: Request) -> Response:
        count = len(services.meters.expected.meters())
        question = ngettext(
            "%(count)d meter is no longer expected. The meter list stays as it is.",
            "%(count)d meters are no longer expected. The meter list stays as it is.",
            count,
        )
        return ask(
            request,
            title=_("Clear the list of expected meters?"),
            question=question % {"count": count},
            yes=_("Clear the list"),
            path_yes=CLEAR,
            path_no=PATH,
        )

    @routes.post(CLEAR)
    async def clear(request: Request, who: Asking) -> Response:
        count = services.meters.expected.clear()
        detail = f"expected meters cleared: {count} meters"
        services.audit.record(AuditKind.METERS_CHANGED, who=who.user, source=who.source, detail=detail)
        flash(request, "success", _("No meters are expected now."))
        return go_to(request, PATH)

    target = Target(
        path=PATH,
        upload=UPLOAD,
        name="expected meters",
        replaces=True,
        take=lambda given, partial: services.meters.expected.import_csv(
            given.data, bus=given.bus, buses=buses_of(services), partial=partial
        ),
    )
    add_import(routes, services, target)


def _result(services: Services) -> Commissioning:
    return commissioning(services.meters, services.now(), doubtful=services.time.belief.is_doubtful)


def _page(request: Request, services: Services, kind: Kind | None, asked: str) -> Response:
    result = _result(services)
    items = [item for item in _sorted(result.items) if kind in (None, item.kind)]
    shown = paged(items, asked, PAGE)
    return page(
        request,
        "commissioning.html",
        result=result,
        counts=_counts(result, kind),
        items=[_shown(item) for item in shown.rows],
        shown=shown,
        pages_address=f"{_address(kind)}{'&' if kind else '?'}page=",
        all_address=PATH,
        kind=kind,
        buses=buses_of(services),
        checked=format_datetime(result.last_checked) if result.last_checked else "",
    )


def _address(kind: Kind | None) -> str:
    return f"{PATH}?kind={kind}" if kind else PATH


def _sorted(items: Sequence[Item]) -> list[Item]:
    return sorted(items, key=lambda item: ORDER.index(item.kind))


def _counts(result: Commissioning, here: Kind | None) -> list[Count]:
    return [
        Count(kind, kind_sign(kind), result.count(kind), _address(kind), kind is here)
        for kind in (Kind.FOUND, Kind.DIFFERING, Kind.MISSING, Kind.UNEXPECTED)
    ]


def _shown(item: Item) -> ShownItem:
    known = item.expected or item.meter
    assert known is not None, "a line is about an expected meter, a found one, or both"
    secondary = known.secondary or (item.meter.secondary if item.meter else None)
    meter = item.meter
    primary = known.primary if known.primary is not None or meter is None else meter.primary
    return ShownItem(
        kind=kind_sign(item.kind),
        address=str(secondary or ""),
        number=0 if meter is None else meter.id,
        manufacturer=(meter.manufacturer if meter else None) or "",
        medium=medium_text(known.medium or (meter.medium if meter else None)),
        primary="" if primary is None else str(primary),
        seen=_seen(item),
        advice=advice(item.status) if item.kind is Kind.MISSING else "",
        note=(item.expected.note if item.expected else "") or (meter.note if meter else ""),
        bus=known.bus,
    )


def _seen(item: Item) -> str:
    """Say what was seen, or what is different."""
    if item.kind is Kind.FOUND:
        return ""
    if item.kind is Kind.DIFFERING:
        return "; ".join(map(_difference, item.differences))
    status = status_sign(item.status).text
    if not item.remark:
        return status
    return _("%(status)s: %(remark)s") % {"status": status, "remark": phrase(item.remark)}


def _difference(one: Difference) -> str:
    is_medium = one.column == "medium"
    values = {
        "column": column_text(one.column),
        "expected": medium_text(one.expected) if is_medium else one.expected,
        "found": (medium_text(one.found) if is_medium else one.found) or _("none"),
    }
    return _("%(column)s: expected %(expected)s, found %(found)s") % values
