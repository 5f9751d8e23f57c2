"""What the processes of a head-end share beside its store, on the server of that: users, sessions, small messages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from mbusheadend.courier import Courier
from mbusheadend.store.postgres.courier import CourierBetween
from mbusheadend.store.postgres.migrating import migrate
from mbusheadend.store.postgres.people import People
from mbusheadend.store.postgres.server import Server
from mbusheadend.store.postgres.sessions import SharedSessions
from mbusheadend.store.settings import StoreSettings
from mbusweb.access.connection import Keeper
from mbusweb.access.sessions import SessionBook


class Between:
    """Raise `StoreError` for an address that cannot be read; the server need not be there.

    :ivar courier: carries messages between all processes.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self._server = Server(settings.url, settings.password_file)
        self._courier = CourierBetween(self._server)
        self.courier: Courier = self._courier

    def people(self, tenant: int) -> Keeper:
        """Give who keeps the users of a tenant; not opened yet."""
        return People(self._server, tenant)

    def sessions(
        self,
        keeper: Keeper,
        now: Callable[[], datetime],
        idle_minutes: Callable[[], float],
        longest_hours: Callable[[], float],
        most: int,
    ) -> SessionBook:
        """Give the sessions of the users of a tenant."""
        return SharedSessions(keeper, now, idle_minutes, longest_hours, most)

    def close(self) -> None:
        """End; every subscription has ended."""
        self._courier.close()


@contextmanager
def opened_people(settings: StoreSettings) -> Iterator[Keeper]:
    """Give who keeps the users of a tenant, for a command. Raise `StoreError`, `AccessStoreError`."""
    server = Server(settings.url, settings.password_file)
    migrate(server)
    keeper = People(server, settings.tenant)
    keeper.open()
    try:
        if keeper.trouble is not None:
            raise keeper.trouble
        yield keeper
    finally:
        keeper.close()
