"""Masters with all that a gateway has of hosted reading, many in one process: real link, agent, rounds and outbox on the disk.

``python -m support.light_masters FOLDER METERS SERIAL…``: masters that are enrolled (credentials in FOLDER/SERIAL) work until the
process ends. Each says on standard output how its deliveries went.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbushosting.readings import Batch, Receipt
from mbusmaster.hosting.credentials import Credentials
from mbusmaster.hosting.link import HeadEnd
from mbusmaster.hosting.link_errors import HeadEndError
from mbusmaster.hosting.report import Listed, Sources
from mbusmaster.hosting.service import Hosting
from mbusmaster.settings.sections.system import HostingSettings
from mbussim.bus import Bus
from mbussim.demo import usable_models
from mbussim.modelled import ModelledMeter
from support.fastbus import fast_engine
from support.rounds import subject

BAUD: Final = 9600


def now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


class ToldHeadEnd(HeadEnd):
    """The way to the head-end, which tells of each delivery when it began and how it went."""

    def __init__(
        self, credentials: Credentials, now: Callable[[], datetime], tell: Callable[[float, bool], None]
    ) -> None:
        super().__init__(credentials, lambda: None, now)
        self._tell = tell

    async def deliver(self, batch: Batch) -> Receipt:
        began = time.monotonic()
        try:
            receipt = await super().deliver(batch)
        except HeadEndError:
            self._tell(began, False)
            raise
        self._tell(began, True)
        return receipt


def bus_of(serial: str, meters: int) -> Bus:
    """Make the meters of a master: no other master has the same ones."""
    number = int("".join(letter for letter in serial if letter.isdigit()))
    models = [model for model in usable_models() if BAUD in model.traits.rates]
    return Bus.of(
        [
            ModelledMeter(
                models[place % len(models)], place + 1, f"{number * meters + place:08d}", now(), number
            )
            for place in range(meters)
        ]
    )


@asynccontextmanager
async def hosting_of(home: Path, serial: str, meters: int, link: HeadEnd) -> AsyncIterator[Hosting]:
    """Give a master with its bus, before it begins to work."""
    bus = bus_of(serial, meters)
    listed = [Listed(subject(meter)) for meter in bus.meters]
    sources = Sources(
        serial_number=serial,
        software="light",
        started=now(),
        meters=lambda: listed,
        revision=lambda: 1,
        authority=lambda: "light",
    )
    async with fast_engine(bus, name="main", default_baud=BAUD) as engine:
        yield Hosting(home, [engine], link, sources, settings=HostingSettings, is_on=lambda: True, clock=now)


async def work(folder: Path, meters: int, serial: str) -> None:
    """Run one for ever."""

    def tell(began: float, went_well: bool) -> None:
        ended = time.monotonic()
        print(json.dumps({"serial": serial, "began": began, "ended": ended, "well": went_well}), flush=True)

    home = folder / serial
    async with hosting_of(home, serial, meters, ToldHeadEnd(Credentials(home), now, tell)) as hosting:
        await hosting.run()


async def work_all(folder: Path, meters: int, serials: list[str]) -> None:
    """Run all for ever."""
    # Ends a line that was being written when this was killed before.
    print(f"\n{json.dumps({'started': time.monotonic()})}", flush=True)
    async with asyncio.TaskGroup() as tasks:
        for serial in serials:
            tasks.create_task(work(folder, meters, serial))


if __name__ == "__main__":
    asyncio.run(work_all(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
