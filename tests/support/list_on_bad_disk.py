"""Opens a meter list on a disk that is full or read-only, and prints what it can do as one JSON line.

``python -m support.list_on_bad_disk FOLDER full|read-only``: the folder is a file system of its own, of a few MiB.
"""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from mbus.addressing import SecondaryAddress
from mbusmaster.meterlist import MeterList, Status
from mbusmaster.meterlist.sighting import Sighting
from support.outbox_on_full_disk import fill


def meter_list(folder: Path) -> MeterList:
    """Open the list."""
    return MeterList(folder / "meters.db", clock=lambda: datetime.now(UTC))


def enter(meters: MeterList, identification: str) -> None:
    """Enter a meter that answers."""
    address = SecondaryAddress.from_text(f"{identification}.KAM.35.04")
    meters.record(Sighting(Status.ANSWERS, address, None, "heat_outlet"), bus="main", baud=2400)


def main(folder: Path, state: str) -> None:
    """Enter a meter while all is well, spoil the disk, open the list and enter another one."""
    before = meter_list(folder)
    enter(before, "11111111")
    before.close()
    if state == "full":
        fill(folder / "other")
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    meters = meter_list(folder)
    known = len(meters)
    enter(meters, "22222222")
    print(json.dumps({"known": known, "after": len(meters), "problem": meters.problem}))


main(Path(sys.argv[1]), sys.argv[2])
