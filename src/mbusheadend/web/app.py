"""The web application of the head-end."""

from collections.abc import Collection, Iterable
from functools import partial
from types import ModuleType
from typing import Final

from fastapi import FastAPI

from mbusheadend.web import api, pages
from mbusheadend.web.customer import CUSTOMER
from mbusheadend.web.found import modules_of
from mbusheadend.web.product import PRODUCT
from mbusheadend.web.services import Services
from mbusheadend.web.store_errors import handle_store_errors
from mbusweb.api import PREFIX
from mbusweb.app import Parts, create_web
from mbusweb.carried import CarriedFlashes
from mbusweb.entrance import own_hosts
from mbusweb.pages import languages, login

FLASHES: Final = "mbusheadend_said"
"""Cookie with messages for the next page."""


def create_pages(services: Services, names: Collection[str]) -> FastAPI:
    """Put pages and API together.

    :param names: under which browsers may ask, beside the address to which they connect.
    """
    own = own_hosts(names)
    of_api = modules_of(api)
    uploads = {
        f"{PREFIX}{path}": limit
        for module in of_api
        for path, limit in getattr(module, "UPLOAD_LIMITS", {}).items()
    }
    app = create_web(
        PRODUCT,
        services,
        Parts(
            pages=(login, languages, *_pages_for(services)),
            api=partial(api.create_api, services, of_api),
            api_uploads=uploads,
            is_own=own.__contains__,
            context=lambda: {"device": "", "customer": CUSTOMER.get()},
            carried=CarriedFlashes(services.shared_secret.encode(), FLASHES)
            if services.shared_secret
            else None,
        ),
    )
    handle_store_errors(app)
    return app


def _pages_for(services: Services) -> Iterable[ModuleType]:
    """Give the pages of a tenant: what is about the machine, and all that is on it, only the main one has."""
    found = modules_of(pages)
    return [one for one in found if services.is_of_installation or not getattr(one, "OF_INSTALLATION", False)]
