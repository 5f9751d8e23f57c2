"""The JSON API of the master; it is put together when it is first asked for (`mbusweb.api`), by `assembly`."""

from typing import Final

from starlette.types import ASGIApp

from mbusio.meterfile import MAX_SIZE as LARGEST_LIST
from mbusmaster.settings.backup import MAX_SIZE as LARGEST_BACKUP
from mbusmaster.web.actions.firmware import MAX_SIZE as LARGEST_RELEASE
from mbusmaster.web.services import Services
from mbusweb.api import PREFIX, Api
from mbusweb.events import Streams

_SPARE: Final = 1 << 16
UPLOAD_LIMITS: Final = {
    f"{PREFIX}/meters/import": LARGEST_LIST + _SPARE,
    f"{PREFIX}/expected-meters": LARGEST_LIST + _SPARE,
    f"{PREFIX}/restore": LARGEST_BACKUP + _SPARE,
    f"{PREFIX}/firmware": LARGEST_RELEASE + _SPARE,
}
"""The longest body by path, of what takes more than a page's form."""


def create_api(services: Services, streams: Streams) -> Api:
    """Give the API, to be mounted at `PREFIX`."""

    def make() -> ASGIApp:
        from mbusmaster.web.api.assembly import assemble_api

        return assemble_api(services, streams)

    return Api(make)
