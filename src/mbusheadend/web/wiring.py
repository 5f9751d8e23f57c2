"""Pages of a running head-end: made, opened, looked after, closed."""

from collections.abc import Callable
from datetime import datetime

from mbusheadend.authority import Authority, server_names
from mbusheadend.settings import Settings
from mbusheadend.tenants.house import House, PagesOfAll
from mbusheadend.web.app import create_pages
from mbusheadend.web.server import WebServer
from mbusheadend.web.tls import WebCertificate


class Pages:
    """The pages of a head-end; construct it in the event loop. Raise `HeadEndError`.

    :param house: with a main tenant whose users are open.
    """

    def __init__(
        self, settings: Settings, authority: Authority, house: House, now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._first_admin = house.main.first_admin
        self._now = now
        names = settings.web_names_all
        files = settings.web_files
        self._certificate = WebCertificate(authority, server_names(names), files, now())
        self._app = app = PagesOfAll(house, lambda one: create_pages(one.services(), names))
        self._server = WebServer(app, self._certificate.context, app.close)

    @property
    def url(self) -> str:
        """Where people find the pages; empty where there are none."""
        places = self._server.places
        return places[0].url(self._settings.web_names_all[0]) if places else ""

    @property
    def first_user_url(self) -> str:
        """Where the first administrator is made; empty as soon as there is one."""
        link = self._first_admin.link
        return f"{self.url}{link}" if self.url and link else ""

    @property
    def paths(self) -> frozenset[str]:
        """What pages there are."""
        return self._app.paths

    def start(self) -> None:
        """Begin to listen. Raise `HeadEndError`."""
        self._server.start(self._settings.web_places)

    def refresh(self) -> None:
        """Take over a new certificate. Raise `HeadEndError`."""
        self._certificate.refresh(self._now())

    async def stop(self) -> None:
        """End; the users are left open."""
        await self._server.stop()
