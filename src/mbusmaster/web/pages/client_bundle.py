"""A bundle for a new client: its key and certificate as a file, which is the only copy of the key."""

import asyncio
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.channels.trust import Bundle, TrustError
from mbusmaster.web.actions import clients
from mbusmaster.web.pages.trusted_clients import PATH, trust_of
from mbusmaster.web.services import Services
from mbusmaster.web.trust_texts import trust_problem
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext
from mbusweb.render import page

ISSUE: Final = f"{PATH}/issue"
YEARS: Final = (1, 2, 5, 10, 20)
USUAL_YEARS: Final = 5
P12: Final = "p12"
PEM: Final = "pem"
_TYPES: Final = {P12: "application/x-pkcs12", PEM: "application/x-pem-file"}
_ODD: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_SHOWN: Final = 128


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(ISSUE)
    async def show(request: Request) -> Response:
        trust_of(services)
        return _page(request, {}, {})

    @routes.post(ISSUE)
    async def issue(request: Request, who: Asking) -> Response:
        trust = trust_of(services)
        values = await form_values(request)
        if problems := _problems(values):
            return _page(request, values, problems)
        kind = values["format"]
        name = values.get("name", "").strip()
        try:
            days = int(values["years"]) * 365
            bundle = clients.issue(services, who, trust, name, values.get("passphrase") or None, days)
        except TrustError as error:
            field = "years" if error.field == "days" else error.field
            return _page(request, values, {field: trust_problem(error)})
        return await _file(bundle, kind)

    return routes


def _problems(values: Mapping[str, str]) -> dict[str, str]:
    problems = {}
    if values.get("format") not in _TYPES:
        problems["format"] = _("Choose one of the list.")
    if values.get("years", "") not in map(str, YEARS):
        problems["years"] = _("Choose one of the list.")
    if values.get("passphrase", "") != values.get("again", ""):
        problems["again"] = _("The two passphrases differ.")
    elif not values.get("passphrase") and values.get("format") == P12:
        problems["passphrase"] = _("A PKCS#12 file needs a passphrase.")
    return problems


async def _file(bundle: Bundle, kind: str) -> Response:
    """Give the file; it takes a while to encrypt on purpose, so a thread does it."""
    data = await asyncio.to_thread(bundle.pkcs12 if kind == P12 else bundle.pem)
    plain = _ODD.sub("_", bundle.name).strip("._") or "client"
    disposition = (
        f"attachment; filename=\"{plain}.{kind}\"; filename*=UTF-8''{quote(bundle.name, safe='')}.{kind}"
    )
    return Response(
        data,
        media_type=_TYPES[kind],
        headers={"content-disposition": disposition, "cache-control": "no-store"},
    )


def _page(request: Request, values: Mapping[str, str], problems: Mapping[str, str]) -> Response:
    return page(
        request,
        "client_bundle.html",
        status=422 if problems else 200,
        name=values.get("name", "")[:_LONGEST_SHOWN],
        format=values.get("format", P12),
        years=values.get("years", str(USUAL_YEARS)),
        formats=[
            (P12, _("PKCS#12 (.p12), for Windows, macOS and most programs")),
            (PEM, _("PEM (.pem), for mbus, OpenSSL and older Windows")),
        ],
        lengths=[(years, _length(years)) for years in YEARS],
        problems=problems,
    )


def _length(years: int) -> str:
    return ngettext("%(count)d year", "%(count)d years", years) % {"count": years}
