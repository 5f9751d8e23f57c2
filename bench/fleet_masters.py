"""``python -m bench.fleet_masters URL FIRST COUNT METERS FOLDER < tokens``: masters that dial out, with all that a gateway has of
hosted reading: enrolment by token, key and certificate, orders, rounds on a simulated bus in real time, outbox on the disk.

Prints ``{"enrolled": N}`` when all were taken in, works until standard input ends, prints how many have not delivered
all within two minutes, and ends.
"""

import asyncio
import json
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

from mbusio.open_files import raise_limit
from mbusmaster.hosting.credentials import Credentials
from mbusmaster.hosting.enrolment import enrol
from mbusmaster.hosting.link import HeadEnd
from mbusmaster.hosting.service import Hosting
from support.light_masters import hosting_of, now

AT_ONCE: Final = 8
"""Enrolments."""
DRAIN_SECONDS: Final = 120.0


class Master:
    """One master."""

    def __init__(self, number: int, meters: int, folder: Path) -> None:
        self.serial = f"F{number:06d}"
        self.folder = folder / self.serial
        self.folder.mkdir(parents=True)
        self._meters = meters
        self._hosting: Hosting | None = None

    def enrol(self, url: str, token: str) -> None:
        """Be taken in."""
        enrol(url, token, self.serial, self.folder)

    async def run(self, stack: AsyncExitStack, tasks: asyncio.TaskGroup) -> None:
        """Begin to work."""
        link = HeadEnd(Credentials(self.folder), lambda: None, now)
        stack.callback(link.close)
        made = hosting_of(self.folder, self.serial, self._meters, link)
        self._hosting = await stack.enter_async_context(made)
        self.task = tasks.create_task(self._hosting.run())

    @property
    def waiting(self) -> int:
        """Readings that were not delivered."""
        readings = None if self._hosting is None else self._hosting.state.readings
        return 0 if readings is None else readings.waiting


async def play(url: str, masters: list[Master]) -> None:
    """Work until standard input ends."""
    loop = asyncio.get_running_loop()
    tokens = [await asyncio.to_thread(sys.stdin.readline) for _ in masters]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        jobs = [
            loop.run_in_executor(threads, partial(master.enrol, url, token.strip()))
            for master, token in zip(masters, tokens, strict=True)
        ]
        await asyncio.gather(*jobs)
    print(json.dumps({"enrolled": len(masters)}), flush=True)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        for master in masters:
            await master.run(stack, tasks)
        await asyncio.to_thread(sys.stdin.readline)
        # Reading goes on: each is looked at until it had nothing left once.
        late, end = set(masters), loop.time() + DRAIN_SECONDS
        while late and loop.time() < end:
            await asyncio.sleep(0.2)
            late = {master for master in late if master.waiting}
        used = resource.getrusage(resource.RUSAGE_SELF)
        said = {"late": len(late), "cpu_seconds": round(used.ru_utime + used.ru_stime, 1)}
        print(json.dumps(said), flush=True)
        for master in masters:
            master.task.cancel()


def main() -> None:
    """Run it."""
    url, first, count, meters, folder = sys.argv[1:]
    raise_limit(20 * int(count) + 100)
    masters = [
        Master(number, int(meters), Path(folder)) for number in range(int(first), int(first) + int(count))
    ]
    asyncio.run(play(url, masters))


if __name__ == "__main__":
    main()
