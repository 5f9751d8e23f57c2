"""Import of a CSV file into the meter list."""

from typing import Final

from fastapi import APIRouter

from mbusmaster.web.meter_import import LARGEST_BODY, Target, add_import, buses_of
from mbusmaster.web.meter_view import PATH
from mbusmaster.web.services import Services
from mbusweb.door import SETUP_OR_USER

DOOR: Final = SETUP_OR_USER
UPLOAD: Final = f"{PATH}/import"
UPLOAD_LIMITS: Final = {UPLOAD: LARGEST_BODY}


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()
    target = Target(
        path=PATH,
        upload=UPLOAD,
        name="meter list",
        replaces=False,
        take=lambda given, partial: services.meters.import_csv(
            given.data, bus=given.bus, buses=buses_of(services), partial=partial
        ),
    )
    add_import(routes, services, target)
    return routes
