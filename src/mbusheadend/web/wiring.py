"""Users and pages of a running head-end: made, opened, looked after, closed."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from mbusheadend.authority import Authority, server_names
from mbusheadend.settings import Settings
from mbusheadend.tenants.tenant import THE_ONLY_ONE, Tenant
from mbusheadend.users import rules_of
from mbusheadend.web.app import create_pages
from mbusheadend.web.server import WebServer
from mbusheadend.web.services import Services
from mbusheadend.web.tls import WebCertificate
from mbusweb.access import Access

if TYPE_CHECKING:
    from mbusheadend.between import Between


def access_of(
    settings: Settings,
    now: Callable[[], datetime],
    between: "Between | None" = None,
    tenant: Tenant = THE_ONLY_ONE,
) -> Access:
    """Give the users of a tenant: in the state folder, or what all processes share; not opened yet."""

    def idle_minutes() -> float:
        return settings.web_idle_minutes

    def longest_hours() -> float:
        return settings.web_longest_hours

    rules = rules_of(tenant)
    keeper = None if between is None else between.people(tenant.id)
    sessions = (
        None
        if between is None or keeper is None
        else between.sessions(keeper, now, idle_minutes, longest_hours, rules.most_sessions)
    )
    return Access(
        settings.state_folder,
        rules,
        clock=now,
        monotonic=time.monotonic,
        idle_minutes=idle_minutes,
        longest_hours=longest_hours,
        keeper=keeper,
        sessions=sessions,
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
