"""``mbus decode``: telegrams from text, files and standard input."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from os.path import exists, isfile
from pathlib import Path
from typing import Final, Protocol

from mbus.application.as_json import dumps, telegram_as_json
from mbus.application.telegram import Telegram, decode_telegram
from mbus.link.decoder import Dropped, Event, StreamDecoder
from mbus.link.frames import LongFrame, ShortFrame
from mbusio.cli.failure import CommandError
from mbusio.cli.hextext import from_hex_text
from mbusio.describe import describe

LONGEST_LINE: Final = 1_000_000
LARGEST_BINARY: Final = 16_000_000


class Printer(Protocol):
    """Shows what was decoded."""

    def telegram(self, telegram: Telegram) -> None:
        """Show a telegram."""

    def link_frame(self, event: Event) -> None:
        """Show a frame that carries no telegram."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where bytes come from, under the name that a message calls it by."""

    name: str
    pieces: Iterator[bytes]


def run(options: argparse.Namespace) -> int:
    """Decode all inputs; an input without any frame costs exit code 1, the others go on."""
    printer = JsonPrinter() if options.json else _table_printer()
    failed = False
    for source in _sources(options.inputs):
        try:
            _decode(source, printer, options.key)
        except CommandError as error:
            print(f"mbus: {source.name}: {error}", file=sys.stderr)
            failed = True
    return int(failed)


def _decode(source: Source, printer: Printer, key: bytes | None) -> None:
    decoder = StreamDecoder()
    frames = 0
    dropped: list[Dropped] = []
    for events in _events(source, decoder):
        for event in events:
            if isinstance(event, Dropped):
                dropped.append(event)
                del dropped[1:]
            elif isinstance(event, LongFrame):
                frames += 1
                printer.telegram(decode_telegram(event, key=key))
            elif not dropped:
                # Behind garbage a lone E5 or a short frame proves nothing.
                frames += 1
                printer.link_frame(event)
    if not frames:
        raise CommandError(f"no telegram in it: {dropped[0].reason if dropped else 'it is empty'}")
    if dropped:
        print(f"mbus: {source.name}: left out bytes of no telegram: {dropped[0].reason}", file=sys.stderr)


def _events(source: Source, decoder: StreamDecoder) -> Iterator[list[Event]]:
    for piece in source.pieces:
        yield decoder.feed(piece)
    yield decoder.flush()


def _sources(inputs: list[str]) -> Iterator[Source]:
    """Join what the shell has cut: hex digits in several arguments are one text."""
    hex_text: list[str] = []
    for text in inputs:
        if text != "-" and from_hex_text(text) is not None and not isfile(text):
            hex_text.append(text)
            continue
        if hex_text:
            yield _from_argument(hex_text)
            hex_text = []
        yield Source("standard input", _from_stdin()) if text == "-" else Source(text, _from_file(text))
    if hex_text:
        yield _from_argument(hex_text)


def _from_argument(parts: list[str]) -> Source:
    text = " ".join(parts)
    name = text if len(text) <= 30 else text[:27] + "..."
    return Source(name, iter([from_hex_text(text) or b""]))


def _from_stdin() -> Iterator[bytes]:
    return _from_lines(sys.stdin.buffer.readline)


def _from_file(name: str) -> Iterator[bytes]:
    if not exists(name):
        is_nearly_hex = set(name) <= set("0123456789abcdefABCDEF \t\n:,;-")
        slip = "; check for a digit too many or too few" if is_nearly_hex else ""
        raise CommandError(f"neither hex text (digits in pairs) nor a file that exists{slip}")
    try:
        with Path(name).open("rb") as file:
            start = file.read(LARGEST_BINARY)
            if _is_binary(start):
                yield start
                return
            file.seek(0)
            yield from _from_lines(file.readline)
    except OSError as error:
        raise CommandError(error.strerror or str(error)) from error


def _is_binary(start: bytes) -> bool:
    return any(byte < 0x09 or byte > 0x7E for byte in start[:64] if start[:3] != b"\xef\xbb\xbf")


class _ReadLine(Protocol):
    def __call__(self, size: int, /) -> bytes: ...


def _from_lines(readline: _ReadLine) -> Iterator[bytes]:
    number = 0
    while line := readline(LONGEST_LINE):
        number += 1
        data = from_hex_text(line.decode("utf-8", "replace"))
        if data is None:
            raise CommandError(f"line {number} is not hex text; give pairs of hex digits, comments behind #")
        yield data


class JsonPrinter:
    """One object per line, as soon as it is known."""

    def telegram(self, telegram: Telegram) -> None:
        """Print as `telegram_as_json`."""
        print(dumps(telegram_as_json(telegram)), flush=True)

    def link_frame(self, event: Event) -> None:
        """Print an object of the same form without application data."""
        link = {"c": event.control, "a": event.address} if isinstance(event, ShortFrame) else None
        print(
            dumps(
                {
                    "link": link,
                    "ci": None,
                    "header": None,
                    "records": [],
                    "manufacturer_data": "",
                    "more_follows": False,
                    "error": f"no application data: {describe(event)}",
                }
            ),
            flush=True,
        )


def _table_printer() -> Printer:
    # Drawing tables needs a library that takes its time to load.
    from mbusio.cli.table import make_console, print_telegram

    console = make_console()

    class TablePrinter:
        def telegram(self, telegram: Telegram) -> None:
            print_telegram(console, telegram)
            console.print()

        def link_frame(self, event: Event) -> None:
            console.print(describe(event), markup=False)

    return TablePrinter()
