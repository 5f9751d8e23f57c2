"""Reading meters over a serial port, against what others wrote, in the same run: libmbus (npm's node-mbus) and pyMeterBus.

All read the same meters, which answer at the first lawful moment, by primary addresses over a pty that paces characters in
real time; each has a turn of its own. Timed from the first result to the last: opening the port, and the first reading, are
left out.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.effort import Effort
from bench.figure import Figure, middle
from mbussim.round import Round
from support.needs import program
from support.peers import PEERS
from support.system import running

BAUD = 9600
OURS = "mbus read"
TURNS = 4


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Measure all readers."""
    meters, rounds = effort.pick(10, 3, 2), effort.pick(5, 1, 1)
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "bus"
        # One more than count: the first is left out.
        addresses = range(1, meters + 2)
        with running("bench.prompt_bus", link, str(len(addresses)), str(BAUD)):
            readers = _readers(link, addresses)
            turns = [
                {name: _turn(command, meters) for name, command in readers.items()} for _ in range(rounds)
            ]
    seconds = {name: middle([turn[name] for turn in turns]) for name in readers}
    ours, bound = seconds.pop(OURS), Round(meters=meters, baud=BAUD).bound_seconds()
    how = f"× the time of `{OURS}`, {meters} meters over a pty, {BAUD} baud, median of {rounds}"
    return [
        *(Figure(f"time of {name}", theirs / ours, None, how) for name, theirs in seconds.items()),
        Figure(
            f"time of `{OURS}`",
            ours / bound,
            None,
            "× physical bound, with what Python and the terminal take",
        ),
    ]


def _readers(link: Path, addresses: Sequence[int]) -> dict[str, list[str | Path]]:
    """Give commands that read each address and print a line of JSON for each, by the name of the reader."""
    options = {"serialPort": str(link), "serialBaudRate": BAUD}
    bare = json.dumps([["read-bare", address] for address in addresses])
    jobs = json.dumps([["read", address] for address in addresses])
    node = program("node", "nodejs")
    return {
        OURS: [
            *(sys.executable, "-m", "mbusio.cli", "read", "--json", f"{link}", f"--baud={BAUD}"),
            *map(str, addresses),
        ],
        "libmbus, without its ping": [node, PEERS / "libmbus_reader.js", json.dumps(options), bare],
        "libmbus, with its ping first": [node, PEERS / "libmbus_reader.js", json.dumps(options), jobs],
        "pyMeterBus": [sys.executable, PEERS / "pymeterbus_reader.py", link, jobs, "1.0", str(BAUD)],
    }


def _turn(command: Sequence[str | Path], meters: int) -> float:
    """Give the seconds of a turn in which all was read: a machine that other work delays makes meters answer too late."""
    for _ in range(TURNS):
        if (seconds := _seconds(command, meters)) is not None:
            return seconds
    raise AssertionError(f"{command[1]} reads nothing: {TURNS} turns in vain")


def _seconds(command: Sequence[str | Path], meters: int) -> float | None:
    """Run a reader; give the seconds from its first result to its last, None where a meter was not read."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    times = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                times.append(time.perf_counter())
                if json.loads(line).get("error") is not None:
                    return None
        finally:
            process.kill()
    return times[-1] - times[0] if len(times) == meters + 1 else None
