"""``python -m bench.soak --seconds N``: two programs that others wrote read the gateway at once; every wrong answer is counted.

libmbus and pyMeterBus read six meters (recorded telegrams) by primary and secondary address, in a new run each time, and every
answer is compared with what each program got alone.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable

from support.needs import shared_telegrams
from support.peers import SIX_METERS, TIMEOUT, Job, Peer, libmbus, pymeterbus
from support.system import running

JOBS: list[Job] = [
    ["read", address] for address in (11, 4, 5, 120, 0, "148391202D2C0102", "63940045AE4C0804")
] * 3


def main() -> int:
    """Soak for the time asked; exit 1 when one answer was wrong."""
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--baud", default="9600")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in SIX_METERS:
            shutil.copy(shared_telegrams() / "good" / f"{name}.hex", folder)
        options = ["--meters", "0", "--replay", folder, "--baud", arguments.baud, "--json"]
        with running("mbusmaster", "demo", *options) as demo:
            return _soak(int(demo.offers["tcp"].rpartition(":")[2]), arguments.seconds)


def _soak(port: int, seconds: float) -> int:
    tcp = {"host": "127.0.0.1", "port": port, "timeout": int(TIMEOUT * 1000)}
    starters: list[Callable[[], Peer]] = [
        lambda: libmbus(tcp, JOBS),
        lambda: pymeterbus(f"socket://127.0.0.1:{port}", JOBS),
    ]
    alone = [start().results() for start in starters]
    failed = {job: answer for answers in alone for job, answer in answers.items() if isinstance(answer, str)}
    if failed:
        print(f"already alone there was an error: {failed}", file=sys.stderr)
        return 1
    answers = wrong = rounds = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for peer, expected in zip([start() for start in starters], alone, strict=True):
            got = peer.results()
            answers += len(JOBS)
            for job, answer in expected.items():
                if got.get(job) != answer:
                    wrong += 1
                    print(f"wrong: {job}: {got.get(job)!r:.200}", file=sys.stderr)
        rounds += 1
        print(f"\r{rounds} rounds, {answers} answers, {wrong} wrong ", end="", file=sys.stderr, flush=True)
    print(f"\n{rounds} rounds, {answers} answers, {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
