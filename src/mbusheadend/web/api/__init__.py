"""The JSON API, one module for each part, found by themselves; `mbusheadend.web` says how one looks."""

from collections.abc import Sequence
from types import ModuleType

from starlette.types import ASGIApp

from mbusheadend.web.services import Services
from mbusweb.api import Api
from mbusweb.events import Streams


def create_api(services: Services, modules: Sequence[ModuleType], streams: Streams) -> Api:
    """Give the API, to be mounted at `mbusweb.api.PREFIX`."""

    def make() -> ASGIApp:
        from mbusheadend.web.assembly import assemble_api

        return assemble_api(services, modules, streams)

    return Api(make)
