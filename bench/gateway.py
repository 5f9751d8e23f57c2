"""What the whole gateway takes of the machine: memory, processor, and the time of a page and of a start.

Real processes with 250 meters in the list and on the (simulated) bus, asked over loopback. Memory is what Linux calls resident
(`VmRSS`), in megabytes of a million bytes.
"""

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from statistics import median, quantiles
from threading import Event, Thread
from typing import Final

from bench.effort import Effort
from bench.figure import Figure, middle
from bench.running_gateway import METERS, Browser, Gateway, Site, scene
from mbus.application.commands import req_ud2
from mbus.link.decoder import StreamDecoder
from mbus.link.frames import LongFrame
from mbusmaster.system.memory import LOOK_SECONDS

CLIENTS: Final = 50
BAUD: Final = 9600
BEGIN_SECONDS: Final = 2.0
SLOT_SECONDS: Final = 60
LOST_SECONDS: Final = 2.0
TRIES: Final = 5
LANGUAGES: Final = ("cs", "da", "de", "es", "en")
MOST_MEGABYTES: Final = 80.0
MOST_IDLE_MEGABYTES: Final = 70.0
MOST_MILLISECONDS: Final = 20.0
MOST_PERCENT: Final = 1.0
MOST_IDLE_PERCENT: Final = 0.5
MOST_START_SECONDS: Final = 1.5


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    :ivar first: seconds that a gateway runs once before it is measured: a new installation compiles and makes certificates.
    :ivar pages: times that the status page is asked for in each round.
    :ivar seconds: over which the processor is watched.
    :ivar later: seconds after which a gateway has given back what it does not need; 0 does not wait for it.
    :ivar slot: whether to wait until a schedule's next reading has begun.
    """

    meters: int
    clients: int
    first: float
    rounds: int
    pages: int
    seconds: float
    later: float
    slot: bool = False


SIZES: Final = {
    Effort.FULL: Size(METERS, CLIENTS, 4.0, 3, 300, 20.0, LOOK_SECONDS + 2.0, True),
    Effort.QUICK: Size(METERS, CLIENTS, 2.0, 1, 100, 1.0, 0.0),
    Effort.LEAST: Size(3, 2, 0.0, 1, 5, 0.2, 0.0),
}


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Measure three gateways, each in the order of its life."""
    size = SIZES[effort]
    return [*_alone(size), *_polled(size), *_hosted(size)]


def _alone(size: Size) -> Iterator[Figure]:
    with scene(Site(size.meters), size.first) as gateway:
        how = "s from the start of Python until it says that it is ready, second start"
        yield Figure("start", round(gateway.startup, 2), MOST_START_SECONDS, how)
        browser = Browser(gateway.ports["web"])
        time.sleep(min(BEGIN_SECONDS, size.seconds))
        yield _memory(f"idle, {size.meters} meters in the list", gateway, MOST_IDLE_MEGABYTES)
        yield _processor("idle", gateway, size, MOST_IDLE_PERCENT)
        yield from _pages(browser, size)
        browser.log_in()
        with browser.live() as events:
            yield _processor("idle with a status page open", gateway, size, MOST_PERCENT)
            assert events.readline(), "the page is alive"
        for language in LANGUAGES:
            browser.speak(language)
            for path in browser.paths():
                browser.show(path)
        browser.close()
        yield from _memory_then("after every page of the menu was shown in five languages", gateway, size)
        _read_all(gateway, size.meters)
        yield from _memory_then(f"after {size.meters} meters were read through TCP", gateway, size)
        with ExitStack() as stack:
            for _ in range(size.clients):
                stack.enter_context(gateway.secured_client())
            what = f"with {size.clients} clients connected over TLS"
            yield from _memory_then(what, gateway, size)
            yield _processor(what, gateway, size, MOST_PERCENT)


def _polled(size: Size) -> Iterator[Figure]:
    with scene(Site(size.meters, baud=BAUD), size.first) as gateway:
        ways = {
            "one client, TCP": (gateway.plain_client,),
            f"{size.clients} clients in turn, TLS": (gateway.secured_client,) * size.clients,
        }
        for name, ways_in in ways.items():
            with ExitStack() as stack:
                clients = [stack.enter_context(way_in()) for way_in in ways_in]
                what = f"{size.meters} meters polled without a pause at {BAUD} baud, {name}"
                with _asking(clients, size.meters):
                    yield _processor(what, gateway, size, None)
                    yield _memory(what, gateway)


def _hosted(size: Size) -> Iterator[Figure]:
    with scene(Site(size.meters, baud=BAUD, hosted=True), size.first) as gateway:
        if size.slot:
            time.sleep(SLOT_SECONDS - time.time() % SLOT_SECONDS + BEGIN_SECONDS)
        what = f"{size.meters} meters read for a head-end each minute at {BAUD} baud"
        yield _processor(what, gateway, size, None)
        yield from _memory_then(what, gateway, size)


def _memory(what: str, gateway: Gateway, reach: float = MOST_MEGABYTES) -> Figure:
    return Figure(what, round(gateway.resident, 1), reach, "MB resident")


def _memory_then(what: str, gateway: Gateway, size: Size) -> Iterator[Figure]:
    yield _memory(what, gateway)
    if size.later:
        time.sleep(size.later)
        yield _memory(f"{what}, {size.later:.0f} s later", gateway)


def _processor(what: str, gateway: Gateway, size: Size, reach: float | None) -> Figure:
    time.sleep(min(BEGIN_SECONDS, size.seconds))
    before, begin = gateway.cpu_seconds, time.monotonic()
    time.sleep(size.seconds)
    used, passed = gateway.cpu_seconds - before, time.monotonic() - begin
    return Figure(what, round(100 * used / passed, 2), reach, f"% of a core, over {size.seconds:g} s")


def _pages(browser: Browser, size: Size) -> Iterator[Figure]:
    browser.show("/status")
    medians, slow = [], []
    for _ in range(size.rounds):
        times = [_milliseconds(browser) for _ in range(size.pages)]
        medians.append(median(times))
        slow.append(quantiles(times, n=100)[98])
    how = f"ms over a connection that is kept, median of {size.rounds} rounds of {size.pages}"
    yield Figure("status page, median", round(middle(medians), 2), MOST_MILLISECONDS, how)
    yield Figure("status page, p99", round(middle(slow), 2), MOST_MILLISECONDS, how)


def _milliseconds(browser: Browser) -> float:
    begin = time.perf_counter()
    browser.show("/status")
    return (time.perf_counter() - begin) * 1000


@contextmanager
def _asking(clients: Sequence[socket.socket], meters: int) -> Iterator[None]:
    """Have one client after the other ask for one meter after the other while the block runs."""
    stopped, answers = Event(), [0]

    def ask() -> None:
        for sock, number in zip(cycle(clients), cycle(range(meters)), strict=False):
            if stopped.is_set():
                return
            sock.settimeout(LOST_SECONDS)
            answers[0] += _answers(sock, number + 1)

    thread = Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
    assert answers[0], "a meter answers"


def _read_all(gateway: Gateway, meters: int) -> None:
    with gateway.plain_client() as sock:
        sock.settimeout(LOST_SECONDS)
        for address in range(1, meters + 1):
            assert any(_answers(sock, address) for _ in range(TRIES)), f"no answer of {address}"


def _answers(sock: socket.socket, address: int) -> bool:
    """Ask a meter once; a busy machine makes an answer late, and late ones are not passed on."""
    sock.sendall(req_ud2(address, fcb=True).to_bytes())
    decoder = StreamDecoder()
    try:
        while not (frames := decoder.feed(sock.recv(512))):
            pass
    except TimeoutError:
        return False
    return isinstance(frames[0], LongFrame) and frames[0].address == address
