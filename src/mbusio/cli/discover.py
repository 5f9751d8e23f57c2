"""``mbus discover``: list the masters on the local network."""

import argparse
import asyncio
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from mbus.application.as_json import dumps
from mbusio.cli.failure import CommandError
from mbusio.cli.table import make_console
from mbusio.discovery import DiscoveredMaster, discover


def run(options: argparse.Namespace) -> int:
    """Ask, wait, and show who answered; nobody is no failure."""
    try:
        masters = asyncio.run(discover(options.seconds, interfaces=options.interface))
    except ImportError as error:
        raise CommandError(f"discovery needs the package zeroconf ({error}); install it") from error
    except OSError as error:
        raise CommandError(f"cannot ask the network: {error.strerror or error}; is it up?") from error
    if options.json:
        print(dumps({"masters": [{**asdict(master), "urls": master.urls} for master in masters]}))
    elif masters:
        _print(masters)
    else:
        print(
            f"No master answered within {options.seconds:g} s. They are only found on the same network, and "
            "where announcing is switched on."
        )
    return 0


def _print(masters: list[DiscoveredMaster]) -> None:
    table = Table(box=None)
    for title in ("name", "serial number", "version", "url"):
        table.add_column(title, overflow="fold")
    for master in masters:
        for number, url in enumerate(master.urls.values()):
            words = ("", "", "") if number else (master.name, master.serial, master.version)
            table.add_row(*(Text(word) for word in (*words, url)))
    make_console().print(table)
