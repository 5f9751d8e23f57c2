"""A program that tells how the line is, as the simulator's control socket does."""

import asyncio
import contextlib
import json
from typing import Final
from urllib.parse import urlsplit

from mbusmaster.bus.line.reading import LineMonitorError, Sample, Trouble

ANSWER_SECONDS: Final = 2.0
MAX_ANSWER: Final = 256 * 1024


class ControlSocketMonitor:
    """Asks ``{"do": "state"}`` and gets one line of JSON (`mbussim.serving.control`).

    :param url: ``tcp://host:port`` or ``unix:///path``.
    :ivar is_quick: it can be asked during an answer; over a network it cannot.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._asking = asyncio.Lock()
        self.is_quick = urlsplit(url).scheme == "unix"

    async def read(self) -> Sample:
        """Read the line now, over a connection that is kept; raise `LineMonitorError`."""
        try:
            async with self._asking, asyncio.timeout(ANSWER_SECONDS):
                return _sample(await self._ask())
        except (OSError, EOFError, ValueError, KeyError, TypeError, TimeoutError) as error:
            await self.close()
            raise LineMonitorError(f"{self._url}: {str(error) or 'no answer'}") from error
        except asyncio.CancelledError:
            # The answer would be taken for that to the next question.
            await self.close()
            raise

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


def _sample(answer: object) -> Sample:
    if not isinstance(answer, dict) or not answer.get("ok"):
        raise ValueError("the monitor does not know its state")
    word = str(answer["line"])
    return Sample(
        float(answer["current_ma"]),
        float(answer["temperature_c"]),
        next((trouble for trouble in Trouble if trouble in word), None),
        bool(answer["shut_down"]),
        float(answer["idle_ma"]) if "idle_ma" in answer else None,
    )
