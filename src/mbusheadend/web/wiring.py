"""Users and pages of a running head-end: made, opened, looked after, closed."""

import time
from collections.abc import Callable
from datetime import datetime

from mbusheadend.authority import Authority, server_names
from mbusheadend.settings import Settings
from mbusheadend.users import RULES
from mbusheadend.web.app import create_pages
from mbusheadend.web.server import WebServer
from mbusheadend.web.services import Services
from mbusheadend.web.tls import WebCertificate
from mbusweb.access import Access


def access_of(settings: Settings, now: Callable[[], datetime]) -> Access:
    """Give the users in the state folder; not opened yet."""
    return Access(
        settings.state_folder,
        RULES,
        clock=now,
        monotonic=time.monotonic,
        idle_minutes=lambda: settings.web_idle_minutes,
        longest_hours=lambda: settings.web_longest_hours,
    )


class Pages:
    """The pages of a head-end; construct it in the event loop. Raise `HeadEndError`.

    :param services: with users that are open.
    """

    def __init__(self, settings: Settings, authority: Authority, services: Services) -> None:
        self._settings = settings
        self._first_admin = services.first_admin
        self._now = services.now
        names = settings.web_names_all
        files = settings.web_files
        self._certificate = WebCertificate(authority, server_names(names), files, services.now())
        self._server = WebServer(create_pages(services, names), self._certificate.context)

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

    def start(self) -> None:
        """Begin to listen. Raise `HeadEndError`."""
        self._server.start(self._settings.web_places)

    def refresh(self) -> None:
        """Take over a new certificate. Raise `HeadEndError`."""
        self._certificate.refresh(self._now())

    async def stop(self) -> None:
        """End; the users are left open."""
        await self._server.stop()
