"""What a line monitor tells of the bus: current, load, temperature, and whether the driver has cut it off."""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

from mbusmaster.errors import MasterError

ANSWER_SECONDS: Final = 2.0
MAX_ANSWER: Final = 256 * 1024


class LineMonitorError(MasterError):
    """The monitor could not be read."""


@dataclass(frozen=True, slots=True)
class LineReading:
    """The line at one instant.

    :ivar current: mA.
    :ivar load: percent of what the master may deliver in normal use.
    :ivar temperature: °C of the driver.
    :ivar shut_down: the driver has cut the bus off.
    :ivar condition: in the monitor's words: idle, active, warning, overload, short circuit, overtemperature.
    """

    current: float
    load: float
    temperature: float
    shut_down: bool
    condition: str


class LineMonitor(Protocol):
    """Where the line can be read."""

    async def read(self) -> LineReading:
        """Read the line now; raise `LineMonitorError`."""

    async def close(self) -> None:
        """Let go of it."""


class ControlSocketMonitor:
    """Asks a program that answers ``{"do": "state"}`` with one line of JSON, as the simulator's control socket does.

    :param url: ``tcp://host:port`` or ``unix:///path``.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def read(self) -> LineReading:
        """Read the line now, over a connection that is kept."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return _reading(await self._ask())
        except (OSError, EOFError, ValueError, KeyError, TypeError, TimeoutError) as error:
            await self.close()
            raise LineMonitorError(f"{self._url}: {str(error) or 'no answer'}") from error

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _ask(self) -> object:
        if self._streams is None:
            parts = urlsplit(self._url)
            if parts.scheme == "unix":
                self._streams = await asyncio.open_unix_connection(parts.path, limit=MAX_ANSWER)
            else:
                self._streams = await asyncio.open_connection(parts.hostname, parts.port, limit=MAX_ANSWER)
        reader, writer = self._streams
        writer.write(b'{"do": "state"}\n')
        await writer.drain()
        line = await reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError("the monitor closed the connection")
        return json.loads(line)


def _reading(answer: object) -> LineReading:
    if not isinstance(answer, dict) or not answer.get("ok"):
        raise ValueError("the monitor does not know its state")
    return LineReading(
        float(answer["current_ma"]),
        float(answer["load_percent"]),
        float(answer["temperature_c"]),
        bool(answer["shut_down"]),
        str(answer["line"]),
    )
