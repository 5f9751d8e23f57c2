"""Reading programs that others wrote, run as separate processes: libmbus (npm's node-mbus) and pyMeterBus."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.needs import PROJECT, missing, program

PEERS = PROJECT / "tests" / "peers"
Job = list[Any]

SIX_METERS = (
    "nzr_dhz_5_63",
    "EFE_Engelmann-WaterStar",
    "SLB_CF-Compact-Integral-MK-MaXX",
    "elv_temp_humid",
    "kamstrup_382_005",
    "sen_pollucom_e",
)
"""Recorded telegrams of six makers; two identifications begin with 1, so that a search must go deeper."""

TIMEOUT = 1.0
"""Seconds that the readers wait for an answer: about twice the longest conversation of another client at 9600 baud."""


class Peer:
    """One run of a reading program, going on while others go on."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        self._process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def results(self, timeout: float = 300.0) -> dict[str, Any]:
        """Wait for its end; give what each job brought, with what changes from run to run left out."""
        try:
            output, _ = self._process.communicate(timeout=timeout)
        finally:
            self._process.kill()
            self._process.wait()
        lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        return {json.dumps(line["job"]): _settled(line.get("result", line.get("error"))) for line in lines}


def libmbus(options: dict[str, Any], jobs: Sequence[Job]) -> Peer:
    """Start libmbus; `options` as node-mbus takes them."""
    node = program("node", "nodejs")
    if not (PEERS / "node_modules" / "node-mbus" / "build" / "Release" / "mbus.node").exists():
        missing("node-mbus is not built: make develop")
    return Peer([node, PEERS / "libmbus_reader.js", json.dumps(options), json.dumps(jobs)])


def pymeterbus(where: str, jobs: Sequence[Job], *, timeout: float = TIMEOUT) -> Peer:
    """Start pyMeterBus at a serial port or ``socket://host:port``."""
    return Peer([sys.executable, PEERS / "pymeterbus_reader.py", where, json.dumps(jobs), str(timeout)])


def _settled(value: Any) -> Any:
    """Leave out when a value was read; the meter's own counter of answers stays."""
    if isinstance(value, dict):
        return {key: _settled(item) for key, item in value.items() if key != "Timestamp"}
    if isinstance(value, list):
        return [_settled(item) for item in value]
    return value
