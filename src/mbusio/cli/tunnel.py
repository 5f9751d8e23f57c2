"""``mbus tunnel``: a TCP port on this computer that leads software of any make to a bus far away."""

import argparse
import asyncio
import contextlib
import json
import sys
from typing import Final

from mbusio.cli.failure import CommandError
from mbusio.errors import BusIOError
from mbusio.transport import Transport, open_transport
from mbusio.transport.url import Endpoint

MOST: Final = 4
"""Connections at the same time."""
READ_SIZE: Final = 4096
LAST_SECONDS: Final = 3.0
"""For the last answer, once a program has nothing more to ask."""


def run(options: argparse.Namespace) -> int:
    """Listen until somebody has enough."""
    asyncio.run(_listen(options))
    return 0


async def _listen(options: argparse.Namespace) -> None:
    # What is wrong with URL, token or master shows now, and not to some other program.
    await (await open_transport(options.url)).close()
    host, port = options.listen
    here = _Port(options.url)
    try:
        server = await asyncio.start_server(here.serve, host, port, limit=READ_SIZE)
    except OSError as error:
        raise CommandError(
            f"cannot listen at {host}:{port}: {error.strerror or error}; choose another port"
        ) from error
    async with server:
        place = "{}:{}".format(*server.sockets[0].getsockname()[:2])
        if options.json:
            print(json.dumps({"listen": place}), flush=True)
        else:
            _say(
                f"listening at {place}; each connection has a tunnel of its own, {MOST} at once; Ctrl-C ends it"
            )
        await server.serve_forever()


class _Port:
    def __init__(self, url: Endpoint) -> None:
        self._url = url
        self._count = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry the bytes of one connection."""
        if self._count >= MOST:
            _say(f"a connection was refused: {MOST} are open already")
            writer.close()
            return
        self._count += 1
        try:
            transport = await open_transport(self._url)
            try:
                await _carry(transport, reader, writer)
            finally:
                await transport.close()
        except (BusIOError, OSError) as error:
            _say(str(error))
        finally:
            self._count -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _carry(transport: Transport, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes until one side has enough; raise `mbusio.errors.TransportClosedError` where that is the far one."""

    async def there() -> None:
        while data := await reader.read(READ_SIZE):
            await transport.write(data)
        # It may have closed its direction only, and still wait for an answer.
        await asyncio.sleep(LAST_SECONDS)

    async def back() -> None:
        while True:
            writer.write(await transport.read())
            await writer.drain()

    tasks = {asyncio.create_task(there()), asyncio.create_task(back())}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            with contextlib.suppress(ConnectionError):
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _say(text: str) -> None:
    print(f"mbus: {text}", file=sys.stderr, flush=True)
