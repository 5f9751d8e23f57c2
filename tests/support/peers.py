"""Programs that others wrote, as separate processes: libmbus (npm's node-mbus) and pyMeterBus; stunnel speaks TLS for them."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

STUNNEL = """\
foreground = yes
pid =
debug = notice
[mbus]
client = yes
accept = 127.0.0.1:{accept}
connect = 127.0.0.1:{connect}
cert = {certificate}
key = {key}
CAfile = {authority}
verifyChain = yes
checkIP = 127.0.0.1
sslVersionMin = TLSv1.3
"""
STUNNEL_SECONDS = 10.0

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


def pymeterbus(where: str, jobs: Sequence[Job], *, timeout: float = TIMEOUT, baud: int = 2400) -> Peer:
    """Start pyMeterBus at a serial port, which it sets to a rate, or ``socket://host:port``."""
    reader = PEERS / "pymeterbus_reader.py"
    return Peer([sys.executable, reader, where, json.dumps(jobs), str(timeout), str(baud)])


@contextmanager
def stunnel(
    config: Path, accept: int, connect: int, *, authority: Path, certificate: Path, key: Path
) -> Iterator[None]:
    """Run stunnel until the block ends: plain bytes at one port of loopback are TLS at another."""
    config.write_text(
        STUNNEL.format(accept=accept, connect=connect, authority=authority, certificate=certificate, key=key)
    )
    process = subprocess.Popen(
        [program("stunnel", "stunnel4"), str(config)], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        if not any("Configuration successful" in line for line in process.stderr):
            raise AssertionError("stunnel ended before it was ready")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=STUNNEL_SECONDS)


def _settled(value: Any) -> Any:
    """Leave out when a value was read; the meter's own counter of answers stays."""
    if isinstance(value, dict):
        return {key: _settled(item) for key, item in value.items() if key != "Timestamp"}
    if isinstance(value, list):
        return [_settled(item) for item in value]
    return value
