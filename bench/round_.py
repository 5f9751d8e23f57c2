"""How close one reading round comes to what the wire allows (MBUS.md 9.1), in virtual time and over a pty in real time."""

import asyncio
import tempfile
import time
from pathlib import Path

from bench.effort import Effort
from bench.figure import Figure, middle
from mbus.link.station import Stations
from mbus.procedures.read import read_primary
from mbusio.driver import run
from mbusio.line import Line
from mbusio.transport import open_transport
from mbussim.round import Round, read_round
from support.system import running

PTY_BAUD = 9600


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Measure all rounds."""
    meters, rounds = effort.pick(20, 5, 2), effort.pick(5, 3, 1)
    return [*_virtual(effort.pick(250, 250, 10)), _over_a_pty(meters, rounds)]


def _virtual(meters: int) -> list[Figure]:
    rows = []
    for baud in (300, 2400, 9600, 19200):
        for secondary in (False, True):
            ratio = read_round(Round(meters=meters, baud=baud, secondary=secondary))["ratio"]
            assert isinstance(ratio, float)
            kind = "secondary" if secondary else "primary"
            rows.append(
                Figure(
                    f"round of {meters}, {kind} addresses, {baud} baud",
                    ratio,
                    1.02,
                    "× physical bound, virtual time",
                )
            )
    return rows


def _over_a_pty(meters: int, rounds: int) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "bus"
        with running("bench.prompt_bus", link, str(meters), str(PTY_BAUD)):
            seconds = asyncio.run(_rounds(link, meters, rounds))
    bound = Round(meters=meters, baud=PTY_BAUD).bound_seconds()
    return Figure(
        f"round of {meters} over a pty, {PTY_BAUD} baud",
        middle(seconds) / bound,
        1.05,
        f"× physical bound, real time, median of {rounds}, meters known from a round before",
    )


async def _rounds(link: Path, meters: int, rounds: int) -> list[float]:
    transport = await open_transport(str(link), baud=PTY_BAUD)
    try:
        line, stations, seconds = Line(transport), Stations(), []
        for _ in range(rounds + 1):
            began = time.perf_counter()
            for address in range(1, meters + 1):
                await run(read_primary(address, stations), line)
            seconds.append(time.perf_counter() - began)
        return seconds[1:]
    finally:
        await transport.close()
