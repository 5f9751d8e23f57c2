"""``mbus monitor``: the traffic that a listening port hears, decoded."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Final

from mbus.application.as_json import dumps, telegram_as_json
from mbus.application.telegram import decode_telegram
from mbus.link.decoder import Dropped, Event, StreamDecoder
from mbus.link.fields import is_from_master
from mbus.link.frames import LongFrame, ShortFrame, SingleCharacter
from mbusio.describe import describe
from mbusio.transport import Transport, open_transport

ENDED_SECONDS: Final = 0.5
"""A frame that pauses for so long has ended; no adapter holds bytes back so long."""


def run(options: argparse.Namespace) -> int:
    """Show frames until the port is gone or somebody has seen enough."""
    asyncio.run(_monitor(options))
    return 0


async def _monitor(options: argparse.Namespace) -> None:
    transport = await open_transport(options.url, baud=options.baud)
    show = _Json(options.key) if options.json else _Text(options.key)
    if sys.stderr.isatty():
        print(f"listening at {transport.name}, {transport.baud} baud; Ctrl-C ends it", file=sys.stderr)
    try:
        await listen(transport, show.event)
    finally:
        await transport.close()


async def listen(transport: Transport, show: Callable[[Event], None]) -> None:
    """Show every frame and every byte of none, until the transport is gone: then raise `TransportClosedError`."""
    decoder = StreamDecoder()
    reading = asyncio.create_task(transport.read())
    try:
        while True:
            done, _ = await asyncio.wait({reading}, timeout=ENDED_SECONDS if decoder.pending else None)
            # A pause ends an unfinished frame, or it would hide the ones behind it.
            events = decoder.feed(reading.result()) if done else decoder.flush()
            if done:
                reading = asyncio.create_task(transport.read())
            for event in events:
                show(event)
    finally:
        reading.cancel()
        for event in decoder.flush():
            show(event)


class _Show:
    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def event(self, event: Event) -> None:
        raise NotImplementedError


class _Text(_Show):
    def event(self, event: Event) -> None:
        data = event.data if isinstance(event, Dropped) else event.to_bytes()
        now = datetime.now().astimezone()
        print(f"{now:%H:%M:%S}.{now.microsecond // 1000:03} {_direction(event)} {describe(event)}")
        print(f"             {data.hex(' ').upper()}")
        if isinstance(event, LongFrame) and not is_from_master(event.control):
            self._records(event)
        sys.stdout.flush()

    def _records(self, frame: LongFrame) -> None:
        from mbusio.cli.table import make_console, print_telegram

        print_telegram(make_console(), decode_telegram(frame, key=self._key))


class _Json(_Show):
    def event(self, event: Event) -> None:
        data = event.data if isinstance(event, Dropped) else event.to_bytes()
        telegram = (
            telegram_as_json(decode_telegram(event, key=self._key)) if isinstance(event, LongFrame) else None
        )
        shown = {
            "at": datetime.now().astimezone().isoformat(timespec="milliseconds"),
            "direction": _DIRECTION_NAMES[_direction(event)],
            "what": describe(event),
            "bytes": data.hex().upper(),
            "telegram": telegram,
        }
        print(dumps(shown), flush=True)


_DIRECTION_NAMES = {">": "master", "<": "slave", "?": None}


def _direction(event: Event) -> str:
    match event:
        case Dropped():
            return "?"
        case SingleCharacter():
            return "<"
        case ShortFrame(control=control) | LongFrame(control=control):
            return ">" if is_from_master(control) else "<"
