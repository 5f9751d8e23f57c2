"""``mbus read``: read meters by their addresses; lists of meters are read by `mbusio.cli.read_list`."""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.application.as_json import dumps, record_as_json, telegram_as_json
from mbus.application.telegram import Telegram, decode_telegram
from mbus.errors import MBusError
from mbus.link.frames import LongFrame
from mbus.link.station import Stations
from mbus.procedures.read import read
from mbus.procedures.reading import Reading, whole
from mbusio.cli.session import open_line
from mbusio.csvtext import CsvWriter
from mbusio.driver import run as run_procedure
from mbusio.shared import bus_of

Address = int | SecondaryAddress

COLUMNS: Final = (
    "address",
    "secondary_address",
    "telegram",
    "index",
    "function",
    "storage",
    "tariff",
    "subunit",
    "quantity",
    "unit",
    "value",
    "status",
    "modifiers",
    "dib",
    "vib",
    "raw",
    "remark",
    "error",
)


def run(options: argparse.Namespace) -> int:
    """Read every meter in turn; one that fails or gives no usable record is reported, the others go on, the exit code is 1."""
    if any(isinstance(target, Path) for target in options.addresses):
        from mbusio.cli.read_list import run as read_list

        return read_list(options)
    return asyncio.run(_read_all(options))


async def _read_all(options: argparse.Namespace) -> int:
    output = _output(options)
    stations = Stations()

    def announces_more(frame: LongFrame) -> bool:
        return decode_telegram(frame, key=options.key).more_follows

    code = 0
    async with open_line(options.url, baud=options.baud, trace=options.trace) as line:
        bus = bus_of(line)
        for address in options.addresses:
            try:
                reading = await run_procedure(read(address, stations, more=announces_more), bus)
            except MBusError as error:
                print(f"mbus: {address}: {error}", file=sys.stderr)
                output.failed(address, error)
                code = 1
            else:
                telegrams = whole(reading, key=options.key)
                output.reading(address, reading, telegrams)
                code |= not is_usable(address, telegrams)
    return code


def is_usable(address: object, telegrams: tuple[Telegram, ...]) -> bool:
    """Tell whether a reading is of any use, and a person what is wrong with it."""
    errors = [telegram.error for telegram in telegrams if telegram.error is not None]
    for error in dict.fromkeys(errors):
        print(f"mbus: {address}: {error}", file=sys.stderr)
    return not errors or any(telegram.records for telegram in telegrams)


class Output:
    """Shows readings as they come."""

    def reading(self, address: Address, reading: Reading, telegrams: tuple[Telegram, ...]) -> None:
        """A meter was read."""

    def failed(self, address: Address, error: MBusError) -> None:
        """A meter could not be read; standard error has it already."""


class JsonOutput(Output):
    """One object per meter and line; `address` is the text that was asked for, in its normal form."""

    def reading(self, address: Address, reading: Reading, telegrams: tuple[Telegram, ...]) -> None:
        """Print who answered and all telegrams."""
        secondary = None if reading.secondary is None else str(reading.secondary)
        self._print(address, reading.primary, secondary, telegrams, reading.remark, None)

    def failed(self, address: Address, error: MBusError) -> None:
        """Print the same object without telegrams."""
        self._print(address, None, None, (), "", str(error))

    def _print(
        self,
        address: Address,
        primary: int | None,
        secondary: str | None,
        telegrams: tuple[Telegram, ...],
        remark: str,
        error: str | None,
    ) -> None:
        print(
            dumps(
                {
                    "address": str(address),
                    "primary": primary,
                    "secondary_address": secondary,
                    "telegrams": [telegram_as_json(telegram) for telegram in telegrams],
                    "remark": remark,
                    "error": error,
                }
            ),
            flush=True,
        )


class CsvOutput(Output):
    """One row per record; a telegram or a meter with an error has a row for it."""

    def __init__(self) -> None:
        self._writer = CsvWriter(COLUMNS)

    def reading(self, address: Address, reading: Reading, telegrams: tuple[Telegram, ...]) -> None:
        """Write all records."""
        secondary = None if reading.secondary is None else str(reading.secondary)
        where = {"address": str(address), "secondary_address": secondary, "remark": reading.remark}
        for row in record_rows(telegrams):
            self._writer.row(where | row)

    def failed(self, address: Address, error: MBusError) -> None:
        """Write a row with the reason."""
        self._writer.row({"address": str(address), "error": str(error)})


def record_rows(telegrams: Iterable[Telegram]) -> Iterator[dict[str, object]]:
    """Give the cells of each record, and of each error."""
    for number, telegram in enumerate(telegrams, 1):
        for record in telegram.records:
            yield {
                "telegram": number,
                **record_as_json(record),
                "modifiers": ", ".join(record.modifiers),
            }
        if telegram.error is not None:
            yield {"telegram": number, "error": telegram.error}


class TableOutput(Output):
    """A table per telegram."""

    def __init__(self) -> None:
        from mbusio.cli.table import make_console

        self._console = make_console()

    def reading(self, address: Address, reading: Reading, telegrams: tuple[Telegram, ...]) -> None:
        """Print the tables."""
        self.show(telegrams, reading.remark)

    def show(self, telegrams: tuple[Telegram, ...], remark: str) -> None:
        """Print a table for each telegram, and the remark."""
        from mbusio.cli.table import print_telegram

        for telegram in telegrams:
            print_telegram(self._console, telegram)
        if remark:
            self._console.print(f"remark: {remark}", markup=False)
        self._console.print()


def _output(options: argparse.Namespace) -> Output:
    if options.json:
        return JsonOutput()
    return CsvOutput() if options.csv else TableOutput()
