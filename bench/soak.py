"""``python -m bench.soak --seconds N``: programs that others wrote read the gateway at once, while it scans itself.

libmbus over TCP, libmbus behind stunnel over TLS, pyMeterBus at the virtual serial port and pyMeterBus with pyserial over
RFC 2217 read six meters (recorded telegrams) by primary and secondary address, in a new run each time, and every answer is
compared with what each program got alone. Meanwhile one scan after the other runs, as the page starts it, and must find all six.
Several times a second the gateway is asked who waits for the bus and for how long.
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bench.running_gateway import Browser, free_ports
from mbusmaster.bus.arbiter import PATIENCE
from support.needs import shared_telegrams
from support.peers import SIX_METERS, Peer, libmbus, pymeterbus, stunnel
from support.system import running

Address = int | str
ADDRESSES: Final[tuple[Address, ...]] = (11, 4, 5, 120, 0, "148391202D2C0102", "63940045AE4C0804")
PEER_SECONDS: Final = 3.0
"""The programs take silence of so long for an answer, longer than four others and a scan keep the bus; they also spend it after
some answers, to see whether more comes."""
ALONE_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 0.2
BUS: Final = "demo"
BAUD: Final = 9600
"""Of all: what pyserial asks for over RFC 2217 by itself."""

Answers = dict[str, Any]


@dataclass
class Score:
    """What a soak has seen.

    :ivar longest_wait: of a request for its turn on the bus, in seconds.
    :ivar given_up: requests that waited for too long and were not sent.
    """

    rounds: int = 0
    answers: int = 0
    scans: int = 0
    wrong: list[str] = field(default_factory=list)
    longest_wait: float = 0.0
    given_up: int = 0

    @property
    def is_good(self) -> bool:
        """Every answer was right, and nobody waited longer than a request may."""
        return not self.wrong and self.longest_wait <= PATIENCE and not self.given_up

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, {self.answers} answers and {self.scans} scans, {len(self.wrong)} wrong; "
            f"longest wait for the bus {self.longest_wait:.2f} s of {PATIENCE:g} s, {self.given_up} given up"
        )


def main() -> int:
    """Soak for the time asked; exit 1 when one answer was wrong, or somebody waited for too long."""
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    score = soak(arguments.seconds, tell=_show)
    print(f"\n{score}")
    for wrong in score.wrong:
        print(f"wrong: {wrong}", file=sys.stderr)
    return int(not score.is_good)


def soak(
    seconds: float,
    *options: str,
    addresses: Sequence[Address] = ADDRESSES,
    tell: Callable[[Score], None] = lambda _: None,
) -> Score:
    """Let all of them work at once, for whole rounds, until the time is over.

    :param options: of the demo.
    :param addresses: of the meters that every program reads in one round.
    """
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor() as threads:
        folder = Path(name)
        (folder / "six").mkdir()
        for meter in SIX_METERS:
            shutil.copy(shared_telegrams() / "good" / f"{meter}.hex", folder / "six")
        everything: list[str | Path] = [
            "--no-head-end",
            "--meters",
            "0",
            "--replay",
            folder / "six",
            "--json",
            "--baud",
            str(BAUD),
            *options,
        ]
        with running("mbusmaster", "demo", *everything) as demo, _stunnel(folder, demo.offers) as secured:
            clients = _clients(demo.offers, secured)
            score = Score()
            # Each program once; whatever way it takes, it must get the same.
            first = {client.program: client for client in reversed(clients)}
            alone = {name: client.start(addresses, ALONE_SECONDS).results() for name, client in first.items()}
            score.wrong += [f"{program} alone: {reason}" for program, reason in _failures(alone)]
            with contextlib.closing(Browser(_port(demo.offers["web"]))) as browser:
                browser.log_in(demo.offers["user"], demo.offers["password"])
                scanning = _Scanning(browser, score)
                end = time.monotonic() + seconds
                while time.monotonic() < end and not score.wrong:
                    peers = [
                        threads.submit(client.start(addresses, PEER_SECONDS).results) for client in clients
                    ]
                    _watch(browser, scanning, score, peers)
                    for client, peer in zip(clients, peers, strict=True):
                        _compare(client, alone[client.program], peer.result(), score)
                    score.rounds += 1
                    tell(score)
                scanning.finish()
            return score


Start = Callable[[Sequence[Address], float], Peer]


@dataclass(frozen=True)
class _Client:
    """A program and the way on which it comes; over every way it must get the same."""

    program: str
    way: str
    start: Start


def _clients(offers: dict[str, str], secured: int) -> tuple[_Client, ...]:
    def libmbus_at(port: int) -> Start:
        where = {"host": "127.0.0.1", "port": port}
        return lambda addresses, seconds: libmbus(
            {**where, "timeout": int(seconds * 1000)}, [["read-bare", one] for one in addresses]
        )

    def pymeterbus_at(where: str) -> Start:
        return lambda addresses, seconds: pymeterbus(
            where, [["read", one] for one in addresses], timeout=seconds, baud=BAUD
        )

    return (
        _Client("libmbus", "TCP", libmbus_at(_port(offers["tcp"]))),
        _Client("libmbus", "stunnel", libmbus_at(secured)),
        _Client("pyMeterBus", "the serial port", pymeterbus_at(offers["serial"])),
        _Client("pyMeterBus", "RFC 2217", pymeterbus_at(offers["rfc2217"])),
    )


@contextlib.contextmanager
def _stunnel(folder: Path, offers: dict[str, str]) -> Iterator[int]:
    (port,) = free_ports(1)
    authority, certificate, key = (Path(offers[f"tls_{name}"]) for name in ("ca", "cert", "key"))
    with stunnel(
        folder / "stunnel.conf",
        port,
        _port(offers["tls"]),
        authority=authority,
        certificate=certificate,
        key=key,
    ):
        yield port


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None, url
    return port


def _failures(alone: dict[str, Answers]) -> Iterator[tuple[str, str]]:
    for name, answers in alone.items():
        if not answers:
            yield name, "no answer at all"
        for job, answer in answers.items():
            if isinstance(answer, str):
                yield name, f"{job}: {answer}"


def _compare(client: _Client, expected: Answers, got: Answers, score: Score) -> None:
    score.answers += len(expected)
    for job, answer in expected.items():
        if got.get(job) != answer:
            score.wrong.append(f"{client.program} over {client.way}: {job}: {got.get(job)!r:.200}")


class _Scanning:
    """One scan after the other, as the page starts them."""

    def __init__(self, browser: Browser, score: Score) -> None:
        self._browser = browser
        self._score = score
        self._number = self._begin()

    def look(self) -> None:
        """See whether the scan is over; begin the next one."""
        if self._is_over():
            self._number = self._begin()

    def finish(self) -> None:
        while not self._is_over():
            time.sleep(LOOK_SECONDS)

    def _begin(self) -> int:
        given = {"bus": BUS, "mode": "secondary", "baud": BAUD}
        number: int = self._browser.call("POST", "/scans", given)["number"]
        return number

    def _is_over(self) -> bool:
        scan = self._browser.call("GET", f"/scans/{self._number}")
        if scan["ended"] is None:
            return False
        self._score.scans += 1
        if scan["found"] != len(SIX_METERS):
            self._score.wrong.append(f"scan: {scan}")
        return True


def _watch(browser: Browser, scanning: _Scanning, score: Score, peers: list[Future[Answers]]) -> None:
    """Look at the bus until all programs have ended."""
    running: set[Future[Answers]] = set(peers)
    while running:
        _, running = wait(running, timeout=LOOK_SECONDS)
        users = browser.call("GET", f"/buses/{BUS}/users")
        score.longest_wait = max([score.longest_wait, *(one["since"] for one in users["waiting"])])
        given_up = sum(client["counters"]["given_up"] for client in users["clients"])
        score.given_up = max(score.given_up, given_up)
        scanning.look()


def _show(score: Score) -> None:
    print(f"\r{score} ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
