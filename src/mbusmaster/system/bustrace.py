"""The raw bus trace: every frame on the buses as a line of text, for a time that ends by itself.

Lines have six fields with tabs between them; lines that begin with ``#`` are remarks::

    2026-11-22T22:48:56.594000Z  main  >  10 5B 01 5C 16  2400  plain tcp 192.0.2.7 port 50000
    2026-11-22T22:48:56.703000Z  main  <  68 19 19 68 …   2400  answered

Time (UTC; of a request when it began, of an answer when it and the quiet after it had ended), bus, direction (``>`` to the
meters), bytes in hex, rate, and who asked (``for`` in front where the gateway asked on behalf of a client), or what became of it.
Silence has ``-`` in the place of bytes. Secret bytes are asterisks, as in the bus monitor.
"""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from mbusmaster.bus.describing import answer_bytes, shown
from mbusmaster.bus.traffic import Entry, Traffic, Watch
from mbusmaster.system.logfiles import FileSeries, LogWriter
from mbusmaster.system.logring import one_line

HEADING: Final = "# bus trace 1: time, bus, direction, bytes, baud, who asked or what became of it"
SILENCE: Final = "-"


class BusTrace:
    """Records what is on the buses while somebody wants it; costs nothing else.

    :param buses: by their names.
    """

    def __init__(self, buses: Mapping[str, Traffic], series: FileSeries, writer: LogWriter) -> None:
        self._buses = buses
        self._series = series
        self._writer = writer
        self._number = 0
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._watches: list[Watch] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def left(self) -> float:
        """For how many more seconds it records; 0 when it does not."""
        return max(0.0, self._until - asyncio.get_running_loop().time()) if self._timer else 0.0

    def record(self, seconds: float) -> None:
        """Record for a time that begins now; 0 ends it."""
        self.stop()
        if seconds <= 0:
            return
        loop = asyncio.get_running_loop()
        self._until = loop.time() + seconds
        self._timer = loop.call_later(seconds, self.stop)
        self._number = self._number or self._series.next_number()
        self._put(HEADING)
        for name, traffic in self._buses.items():
            watch = traffic.watch()
            self._watches.append(watch)
            task = asyncio.create_task(self._follow(name, watch), name=f"trace of bus {name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Record no more; what has come is still written."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for watch in self._watches:
            watch.close()
        self._watches.clear()

    def texts(self) -> Iterator[bytes]:
        """Give all that was recorded, the oldest first, in pieces; reads files."""
        self._writer.flush()
        yield from self._series.read()

    async def _follow(self, bus: str, watch: Watch) -> None:
        lost = 0
        with watch:
            async for entry in watch:
                if watch.lost > lost:
                    self._put(f"# {watch.lost - lost} transactions of bus {bus} were lost: too many at once")
                    lost = watch.lost
                for line in lines_of(bus, entry):
                    self._put(line)

    def _put(self, line: str) -> None:
        self._writer.put(self._series, self._number, line)
        self._number += 1


def lines_of(bus: str, entry: Entry) -> Iterator[str]:
    """Give the two lines of a transaction."""
    who = entry.client if entry.own else f"for {entry.client}"
    yield _line(entry.at - timedelta(seconds=entry.seconds), bus, ">", shown(entry.frame), entry.baud, who)
    yield _line(entry.at, bus, "<", answer_bytes(entry) or SILENCE, entry.baud, entry.result)


def _line(at: datetime, bus: str, direction: str, data: str, baud: int, rest: str) -> str:
    return "\t".join((f"{at:%Y-%m-%dT%H:%M:%S.%f}Z", bus, direction, data, str(baud), one_line(rest)))
