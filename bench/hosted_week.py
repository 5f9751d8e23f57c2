"""A virtual week of hosted reading: 250 meters every hour, 1 % of the answers lost, through reader, arbiter, rounds and outbox.

``PYTHONPATH=tests python -m bench.hosted_week [--hours N] [--meters N] [--loss P]`` prints one JSON line; exit 1 where a reading
is missing, doubled or of another meter. `tests/mbusmaster/hosting/test_virtual_week.py` does a part of it with every run of
the tests.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from mbus.link.frames import LongFrame, parse_frame
from mbus.procedures.reading import named_by
from mbushosting.readings import Reading
from mbusmaster.hosting import rows
from mbussim.bus import Bus
from mbussim.demo import modelled_meters
from support.rounds import hourly, site
from support.simulated import START
from support.virtual_time import VirtualTimeLoop


async def week(folder: Path, *, meters: int, hours: int, loss: float, seed: int = 1) -> dict[str, Any]:
    """Read for so many hours; tell what came of it."""
    population = [one for one in modelled_meters(meters, "random", seed, START) if one.secondary is not None]
    bus = Bus.of(population, loss=loss, seed=seed)
    names = {str(one.secondary) for one in population}
    found: Counter[tuple[str, str]] = Counter()
    wrong, attempts, outcomes, sizes = 0, 0, Counter[str](), 0
    began = time.monotonic()
    async with site(folder, [bus], fast=True) as this:
        await this.order(hourly())
        for hour in range(1, hours + 1):
            await this.until(START + timedelta(hours=hour, minutes=55))
            for reading in await this.delivered():
                found[reading.meter, f"{reading.slot}"] += 1
                outcomes[reading.outcome] += 1
                attempts += reading.attempts
                wrong += not is_own(reading)
                sizes += sum(len(telegram) for telegram in reading.telegrams)
        used = await this.outbox._database.read(rows.used_bytes)
    expected = len(names) * hours
    return {
        "meters": len(names),
        "hours": hours,
        "expected": expected,
        "received": len(found),
        "doubled": sum(found.values()) - len(found),
        "wrong_meter": wrong,
        "outcomes": dict(outcomes),
        "attempts_per_reading": round(attempts / max(1, sum(outcomes.values())), 4),
        "telegram_bytes": round(sizes / max(1, len(found)), 1),
        "stored_bytes": round(used / max(1, len(found)), 1),
        "seconds": round(time.monotonic() - began, 1),
    }


def is_own(reading: Reading) -> bool:
    """Tell whether every telegram of a reading is of its meter."""
    for telegram in reading.telegrams:
        frame = parse_frame(telegram)
        if not isinstance(frame, LongFrame) or str(named_by(frame)) != reading.meter:
            return False
    return True


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--meters", type=int, default=250)
    parser.add_argument("--hours", type=int, default=168)
    parser.add_argument("--loss", type=float, default=0.01)
    wanted = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
    ):
        said = runner.run(week(Path(folder), meters=wanted.meters, hours=wanted.hours, loss=wanted.loss))
    print(json.dumps(said))
    sound = said["received"] == said["expected"] and not said["doubled"] and not said["wrong_meter"]
    return 0 if sound and set(said["outcomes"]) == {"ok"} else 1


if __name__ == "__main__":
    sys.exit(main())
