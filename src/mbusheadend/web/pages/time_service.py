"""Time service: what chrony on this machine is told so that masters have authenticated time."""

import asyncio
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.errors import HeadEndError
from mbusheadend.timeservice import NTP_PORT, NTS_PORT, chrony_config
from mbusheadend.web.door import ADMIN
from mbusheadend.web.services import Services
from mbusweb.locale import gettext as _
from mbusweb.render import page

DOOR: Final = ADMIN
OF_INSTALLATION: Final = True
PATH: Final = "/time-service"
_LONGEST: Final = 500
_HERE: Final = ("localhost", "127.0.0.1", "::1")


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(
        request: Request, certificate: str = "", key: str = "", names: str = "", upstream: str = ""
    ) -> Response:
        settings = services.settings
        usual = [name for name in settings.all_names if name not in _HERE]
        given = certificate.strip()[:_LONGEST], key.strip()[:_LONGEST]
        wanted = tuple(names[:_LONGEST].split()) or tuple(usual)
        text = problem = ""
        if all(given):
            try:
                text = await asyncio.to_thread(
                    chrony_config,
                    wanted,
                    Path(given[0]),
                    Path(given[1]),
                    services.now(),
                    tuple(upstream[:_LONGEST].split()),
                )
            except HeadEndError as error:
                problem = str(error)
            except ValueError:
                problem = _("These names cannot be used.")
        return page(
            request,
            "time_service.html",
            certificate=given[0] or str(settings.web_certificate or ""),
            key=given[1] or str(settings.web_key or ""),
            names=" ".join(wanted),
            upstream=upstream[:_LONGEST],
            text=text,
            problem=problem,
            nts_port=NTS_PORT,
            ntp_port=NTP_PORT,
        )

    return routes
