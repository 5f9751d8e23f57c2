"""How close one reading round comes to what the wire allows (MBUS.md 9.1), in virtual time and over a pty in real time."""

import asyncio
import tempfile
import time
from pathlib import Path

from bench.figure import Figure, middle
from mbus.link.station import Stations
from mbus.procedures.read import read_primary
from mbusio.driver import run
from mbusio.line import Line
from mbusio.transport import open_transport
from mbussim.round import measure
from support.system import running

VIRTUAL_METERS = 250
PTY_METERS = 20
PTY_BAUD = 9600
ROUNDS = 5


def figures() -> list[Figure]:
    """Measure all rounds."""
    return [*_virtual(), _over_a_pty()]


def _virtual() -> list[Figure]:
    rows = []
    for baud in (300, 2400, 9600, 19200):
        for secondary in (False, True):
            ratio = measure(meters=VIRTUAL_METERS, baud=baud, secondary=secondary).ratio
            kind = "secondary" if secondary else "primary"
            what = f"round of {VIRTUAL_METERS}, {kind} addresses, {baud} baud"
            rows.append(Figure(what, ratio, 1.02, "× physical bound, virtual time"))
    return rows
