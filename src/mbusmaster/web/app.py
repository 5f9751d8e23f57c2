"""The web application of the master."""

import socket
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI

from mbusmaster.web import pages
from mbusmaster.web.api import UPLOAD_LIMITS, create_api
from mbusmaster.web.product import PRODUCT
from mbusmaster.web.services import Services
from mbusmaster.web.setting_texts import setting_title
from mbusweb.app import Parts, create_web
from mbusweb.entrance import own_hosts


def machine_names() -> frozenset[str]:
    """Give the names under which others know this machine."""
    name = socket.gethostname()
    return frozenset((name, f"{name.partition('.')[0]}.local"))


def create_app(services: Services, hosts: Callable[[], Collection[str]] = machine_names) -> FastAPI:
    """Put the pages together.

    :param hosts: gives names of this machine under which browsers may ask, beside the address to which they connect and the
        names in the settings; it is asked again for a name that was not known, so it must be quick.
    """
    return create_web(
        PRODUCT,
        services,
        Parts(
            pages=pages.PAGES,
            api=partial(create_api, services),
            api_uploads=UPLOAD_LIMITS,
            is_own=_is_own(services, hosts),
            context=partial(_context, services),
            filters={"setting_title": setting_title},
        ),
    )


def _context(services: Services) -> Mapping[str, Any]:
    settings = services.settings
    return {
        "pending": settings.pending(),
        "damage": settings.problem,
        "device": settings.running.device.name,
    }


def _is_own(services: Services, hosts: Callable[[], Collection[str]]) -> Callable[[str], bool]:
    web = services.settings.running.web
    known = own_hosts(map(str, (web.setup_address,)), web.host_names)

    def is_own(host: str) -> bool:
        return bool(host) and (host in known or host in own_hosts(hosts()))

    return is_own
