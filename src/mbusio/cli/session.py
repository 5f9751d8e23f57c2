"""A bus for the duration of one command."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mbusio.line import Line
from mbusio.trace import Trace, Tracer
from mbusio.transport.url import Endpoint, open_transport


@asynccontextmanager
async def open_line(endpoint: Endpoint, *, baud: int | None, trace: bool = False) -> AsyncIterator[Line]:
    """Open the bus and close it in the end.

    :param trace: whether all traffic is shown on standard error.
    """
    transport = await open_transport(endpoint, baud=baud)
    line = Line(transport, trace=_tracer() if trace else None)
    try:
        yield line
    finally:
        await line.close()


def _tracer() -> Tracer:
    start = asyncio.get_running_loop().time()

    def show(trace: Trace) -> None:
        print(f"{trace.at - start:9.3f} {trace}", file=sys.stderr)

    return show
