"""Where the line is read: a program that tells it, sensors of this machine, or both."""

from typing import Protocol

from mbusmaster.bus.line.control_socket import ControlSocketMonitor
from mbusmaster.bus.line.places import Contact, Machine, ModemPort, Switch, Value
from mbusmaster.bus.line.reading import LineMonitorError, Sample, Trouble
from mbusmaster.settings import LineSettings


class LineSource(Protocol):
    """What can be read of a line, and perhaps switched.

    :ivar is_quick: `current` can be asked every few milliseconds while a meter answers.
    :ivar has_switch: `feed` switches the supply of the bus.
    """

    @property
    def is_quick(self) -> bool: ...  # noqa: D102

    @property
    def has_switch(self) -> bool: ...  # noqa: D102

    async def read(self) -> Sample:
        """Read the line now; raise `LineMonitorError`."""

    async def current(self) -> float:
        """Read the current alone, in mA; raise `LineMonitorError`."""

    async def feed(self, on: bool) -> None:
        """Switch the supply; raise `LineMonitorError`."""

    async def close(self) -> None:
        """Let go of it."""


class Sensors:
    """The line as settings say it is wired.

    :param modem: the bus's own port.
    """

    def __init__(self, settings: LineSettings, modem: ModemPort) -> None:
        self._machine = Machine(modem)
        self._monitor = ControlSocketMonitor(settings.monitor) if settings.monitor else None
        self._current = self._value(settings.current)
        self._temperature = self._value(settings.temperature)
        self._overload = self._contact(settings.overload)
        self._overheated = self._contact(settings.overheated)
        self._supply: Switch | None = self._machine.switch(settings.supply) if settings.supply else None

    @property
    def is_quick(self) -> bool:
        """A file is; a program is where it is on this machine."""
        return self._current is not None or (self._monitor is not None and self._monitor.is_quick)

    @property
    def has_switch(self) -> bool:
        """Whether an output is wired."""
        return self._supply is not None

    async def read(self) -> Sample:
        """Read all; what the sensors of this machine say goes before what a program says."""
        told = await self._monitor.read() if self._monitor is not None else Sample()
        current, temperature = told.current, told.temperature
        if self._current is not None:
            current = await self._current()
        if self._temperature is not None:
            temperature = await self._temperature() / 1000
        trouble = told.trouble
        if self._overheated is not None and await self._overheated():
            trouble = Trouble.OVERTEMPERATURE
        elif self._overload is not None and await self._overload():
            trouble = Trouble.OVERLOAD
        return Sample(
            current, temperature, trouble, told.is_off, told.idle if self._current is None else None
        )

    async def current(self) -> float:
        """Read the current alone."""
        if self._current is not None:
            return await self._current()
        told = None if self._monitor is None else (await self._monitor.read()).current
        if told is None:
            raise LineMonitorError("nothing measures the current")
        return told

    async def feed(self, on: bool) -> None:
        """Switch the output."""
        if self._supply is not None:
            await self._supply(on)

    async def close(self) -> None:
        """Close connection and lines."""
        if self._monitor is not None:
            await self._monitor.close()
        await self._machine.close()

    def _value(self, setting: str | None) -> Value | None:
        return self._machine.value(setting) if setting else None

    def _contact(self, setting: str | None) -> Contact | None:
        return self._machine.contact(setting) if setting else None
