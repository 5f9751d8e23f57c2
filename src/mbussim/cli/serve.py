"""`mbussim serve`."""

import argparse
import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mbus.link.timing import BAUD_RATES
from mbussim.bus import Bus, Collisions
from mbussim.cli.arguments import add_population
from mbussim.demo import maker, modelled_meters, with_recorded
from mbussim.faults import Fault, FaultError
from mbussim.installation import Installation
from mbussim.replay import LeftOut
from mbussim.serving.app import Serving, serve
from mbussim.serving.control import is_local

EPILOG = """faults: kind[=value][,meter=ADDRESS][,probability=P], for instance
  --fault loss=0.01   --fault late=0.3,meter=5   --fault checksum,probability=0.1   --fault dead,meter=12345678FFFFFFFF
  kinds: loss noise late slow dead checksum stuck-fcb deaf foreign echo one-break short overload unplugged

examples:
  mbussim serve --meters 6 --tcp 127.0.0.1:0
  mbussim serve --meters 20 --pty /tmp/ttyMBUS --baud 9600 --fault noise=0.02
  mbussim serve --meters 6 --replay ../shared/telegrams/good --tcp 127.0.0.1:2400 --speed fast
"""


def add(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "serve",
        help="offer a bus full of meters over TCP and a pty",
        description="Offer a bus full of meters. One line of JSON says what is there when it is ready; Ctrl-C ends it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_population(command, 6)
    command.add_argument(
        "--replay", type=Path, metavar="DIR", help="each *.hex that is a response becomes one more meter"
    )
    command.add_argument(
        "--baud",
        type=int,
        choices=BAUD_RATES,
        nargs="+",
        metavar="N",
        help="rates that the meters listen at (default: those of their models); the first is the rate of the TCP port "
        "(default 2400)",
    )
    command.add_argument(
        "--tcp",
        type=_tcp,
        metavar="HOST:PORT",
        help="default 127.0.0.1:0, any free port, where there is no --pty",
    )
    command.add_argument("--pty", type=Path, metavar="LINK", help="where the link to a pty shall lie")
    command.add_argument(
        "--control",
        type=_control,
        default="127.0.0.1:0",
        metavar="WHERE",
        help="loopback HOST:PORT or path of the control socket (default 127.0.0.1:0)",
    )
    command.add_argument(
        "--speed",
        choices=("real", "fast"),
        default="real",
        help="fast: characters take no time, silences still do (default real)",
    )
    command.add_argument(
        "--collisions",
        type=Collisions,
        choices=list(Collisions),
        default=Collisions.GARBLED,
        help="what becomes of several answers (default garbled)",
    )
    command.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="KIND[=VALUE][,…]",
        help="may be repeated; see below",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Serve until a signal."""
    began = datetime.now().replace(microsecond=0)
    meters = modelled_meters(options.meters, options.ids, options.seed, began)
    left_out: list[LeftOut] = []
    if options.replay is not None:
        if not options.replay.is_dir():
            raise ValueError(f"--replay: {options.replay} is no folder")
        meters, left_out = with_recorded(meters, options.replay)
    for meter in meters if options.baud else ():
        meter.traits = replace(meter.traits, rates=frozenset(options.baud))
    bus = Bus.of(meters, collisions=options.collisions, seed=options.seed)
    tcp = options.tcp or (None if options.pty else ("127.0.0.1", 0))
    serving = Serving(
        tcp,
        options.pty,
        options.control,
        options.baud[0] if options.baud else 2400,
        options.speed == "fast",
        tuple(options.fault),
    )
    asyncio.run(serve(serving, Installation(bus), maker(bus, began, options.seed), left_out))


def _tcp(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 0xFFFF:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _control(text: str) -> str:
    if not is_local(text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither HOST:PORT of loopback nor a path")
    if "/" not in text:
        _tcp(text)
    return text


def _fault(text: str) -> Fault:
    try:
        return Fault.from_text(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
