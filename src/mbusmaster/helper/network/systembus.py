"""Calls over the system's D-Bus, with errors and values in plain form."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mbusmaster.errors import MasterError

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

Found = TypeVar("Found")

_BUS: Final = "org.freedesktop.DBus"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
CALL_SECONDS: Final = 25.0
"""As long as most clients of D-Bus wait."""
LOOK_SECONDS: Final = 1.0
"""Not all that changes is told by a signal."""


class BusError(MasterError):
    """A call was not answered as it should.

    :ivar name: of the error, as D-Bus has it; empty if the bus itself is gone.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        super().__init__(text)


class SystemBus:
    """Speaks to one service; made by `system_bus`."""

    def __init__(self, bus: "MessageBus", service: str) -> None:
        self._bus = bus
        self.service = service

    async def is_there(self) -> bool:
        """Tell whether the service runs; does not start it."""
        return bool(
            (await self._call(_BUS, "/org/freedesktop/DBus", _BUS, "NameHasOwner", "s", [self.service]))[0]
        )

    async def call(
        self, path: str, interface: str, member: str, signature: str = "", *body: Any
    ) -> list[Any]:
        """Call a method and give what it returned; raise `BusError`."""
        return await self._call(self.service, path, interface, member, signature, list(body))

    async def get(self, path: str, interface: str, name: str) -> Any:
        """Give a property; raise `BusError`."""
        return (await self.call(path, _PROPERTIES, "Get", "ss", interface, name))[0].value

    @asynccontextmanager
    async def signals(self, path: str) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set at each signal of an object, and when the service comes or goes."""
        happened = asyncio.Event()
        rules = [
            f"type='signal',sender='{self.service}',path='{path}'",
            f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{self.service}'",
        ]

        def handle(message: "Message") -> None:
            if message.path == path or message.member == "NameOwnerChanged":
                happened.set()

        self._bus.add_message_handler(handle)
        try:
            for rule in rules:
                await self._call(_BUS, "/org/freedesktop/DBus", _BUS, "AddMatch", "s", [rule])
            yield happened
        finally:
            self._bus.remove_message_handler(handle)

    async def _call(
        self, service: str, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> list[Any]:
        from dbus_fast import Message, MessageType

        message = Message(service, path, interface, member, signature=signature, body=body)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                reply = await self._bus.call(message)
        except (OSError, EOFError, TimeoutError) as error:
            raise BusError("", str(error) or type(error).__name__) from error
        if reply is None:
            raise BusError("", "no answer")
        if reply.message_type is MessageType.ERROR:
            text = str(reply.body[0]) if reply.body else reply.error_name
            raise BusError(str(reply.error_name), str(text))
        return list(reply.body)


@asynccontextmanager
async def system_bus(service: str) -> AsyncIterator[SystemBus]:
    """Connect to the bus for some calls to one service; raise `BusError`."""
    # Only here: the gateway, and a helper that is not asked about the network, need no D-Bus in memory.
    from dbus_fast import BusType
    from dbus_fast.aio import MessageBus
    from dbus_fast.errors import DBusError

    bus = None
    try:
        bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        yield SystemBus(bus, service)
    except (OSError, EOFError, DBusError) as error:
        raise BusError("", str(error) or type(error).__name__) from error
    finally:
        if bus is not None:
            bus.disconnect()


async def until(
    happened: asyncio.Event, seconds: float, look: Callable[[], Awaitable[Found | None]]
) -> Found | None:
    """Look, whenever something happened and now and then, until something is found; None if the time passes without."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                happened.clear()
                found = await look()
                if found is not None:
                    return found
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await happened.wait()
    except TimeoutError:
        return None
