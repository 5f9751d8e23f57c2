"""A fleet on loopback: masters that really dial out, each with its own certificate, and read meters every minute.

``PYTHONPATH=tests python -m bench.fleet [--masters 2000] [--meters 10] [--minutes 10] [--store URL] [--stream URL]`` prints one
JSON line: completeness of what every meter ought to have sent, and the memory and processor time of the head-end over the run;
exit 1 where a reading is missing.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mbusheadend.authority import Authority
from mbusheadend.state import authority_of, open_store
from mbusheadend.store import Assignment, Store
from mbusheadend.store.settings import StoreSettings
from mbusheadend.tokens import make_token
from mbushosting.schedules import Every, Schedule
from support.system import running

WORKERS: Final = 4
SAMPLE_SECONDS: Final = 10.0
MINUTE: Final = timedelta(minutes=1)


class Watched:
    """A process whose memory and processor time are looked at."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.resident: list[float] = []

    def look(self) -> None:
        """Note its resident memory, in MB."""
        for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                self.resident.append(int(line.split()[1]) * 1024 / 1e6)

    @property
    def cpu_seconds(self) -> float:
        """Processor time since its start."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


async def tokens(store: Store, authority: Authority, count: int) -> list[str]:
    """Make a token for each master."""
    return [str(await make_token(store, authority, datetime.now(UTC), 1)) for _ in range(count)]


async def play(wanted: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Start everything, let it work, and look at what came."""
    state = folder / "head-end"
    config = folder / "head-end.toml"
    most = 4 * wanted.masters + 100
    config.write_text(f"web_listen = []\nmost_connections = {most}\nmost_per_source = {most}\n")
    places = ["--state", str(state), "--config", str(config), "--name", "127.0.0.1"]
    places += [
        part
        for name in ("store", "stream")
        if getattr(wanted, name)
        for part in (f"--{name}", getattr(wanted, name))
    ]
    with ExitStack() as stack:
        store = open_store(state, StoreSettings(url=wanted.store) if wanted.store else None)
        stack.callback(store.close)
        head_end = stack.enter_context(
            running("mbusheadend", "serve", "--json", "--listen", "127.0.0.1:0", "--quiet", *places)
        )
        watched = Watched(head_end.process.pid)
        schedule = Schedule(id="minute", rule=Every(minutes=1))
        made = await tokens(store, authority_of(state), wanted.masters)
        workers = _workers(stack, head_end.offers["hosting"], wanted, folder, made)
        began = time.monotonic()
        for worker in workers:
            await asyncio.to_thread(_line, worker)
        enrolling = time.monotonic() - began
        await _connected(store, wanted.masters)
        await store.put_schedule(schedule, Assignment(everybody=True), datetime.now(UTC))
        # The first slot that every master knows of.
        first = datetime.now(UTC).replace(second=0, microsecond=0) + 3 * MINUTE
        cpu, last = watched.cpu_seconds, first + wanted.minutes * MINUTE
        while datetime.now(UTC) < last:
            watched.look()
            await asyncio.sleep(SAMPLE_SECONDS)
        working = watched.cpu_seconds - cpu
        left = [await asyncio.to_thread(_finish, worker) for worker in workers]
        found = await store.completeness(first, last)
        return {
            "masters": wanted.masters,
            "meters": wanted.masters * wanted.meters,
            "minutes": wanted.minutes,
            "enrolled_per_second": round(wanted.masters / enrolling, 1),
            "expected": sum(one.expected for one in found),
            "received": sum(one.received for one in found),
            "head_end_mb": _quarters(watched.resident),
            "head_end_cpu_percent": round(100 * working / (last - first + 3 * MINUTE).total_seconds(), 1),
            "masters_cpu_seconds": round(sum(one["cpu_seconds"] for one in left), 1),
        }


def _workers(
    stack: ExitStack, url: str, wanted: argparse.Namespace, folder: Path, made: list[str]
) -> list["subprocess.Popen[str]"]:
    share = -(-wanted.masters // WORKERS)
    found = []
    for first in range(0, wanted.masters, share):
        count = min(share, wanted.masters - first)
        arguments = [url, str(first), str(count), str(wanted.meters), str(folder / "masters")]
        worker = subprocess.Popen(
            [sys.executable, "-m", "bench.fleet_masters", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(worker.wait)
        stack.callback(worker.kill)
        assert worker.stdin is not None
        worker.stdin.write("".join(f"{token}\n" for token in made[first : first + count]))
        worker.stdin.flush()
        found.append(worker)
    return found


def _line(worker: "subprocess.Popen[str]") -> dict[str, Any]:
    assert worker.stdout is not None
    said: dict[str, Any] = json.loads(worker.stdout.readline())
    return said


def _finish(worker: "subprocess.Popen[str]") -> dict[str, Any]:
    assert worker.stdin is not None
    worker.stdin.close()
    said = _line(worker)
    worker.wait()
    return said


async def _connected(store: Store, count: int) -> None:
    """Wait until every master has called and told its meters."""
    while True:
        masters = await store.masters()
        if sum(bool(master.meter_list) for master in masters) == count:
            return
        await asyncio.sleep(1)


def _quarters(samples: list[float]) -> list[float]:
    """Give the mean of each quarter of the run."""
    quarter = max(1, len(samples) // 4)
    parts = [samples[place : place + quarter] for place in range(0, 4 * quarter, quarter)]
    return [round(sum(part) / len(part), 1) for part in parts if part]


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--masters", type=int, default=2000)
    parser.add_argument("--meters", type=int, default=10)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--store", default="", metavar="URL")
    parser.add_argument("--stream", default="", metavar="URL")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        said = asyncio.run(play(wanted, Path(folder)))
    print(json.dumps(said))
    is_whole = said["received"] == said["expected"] > 0
    return 0 if is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
