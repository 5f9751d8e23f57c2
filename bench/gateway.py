"""What the whole gateway takes of the machine: memory, processor, and the time of a page and of a start.

A real process with 250 meters in its list and on its (simulated) bus, asked over loopback. Memory is what Linux calls resident
(`VmRSS`), in megabytes of a million bytes.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median, quantiles
from typing import Final

from bench.figure import Figure, middle
from bench.running_gateway import METERS, Browser, Gateway, scene
from mbus.application.commands import req_ud2
from mbus.link.decoder import StreamDecoder
from mbus.link.frames import LongFrame

PAGES: Final = 300
"""Times that the status page is asked for."""
ROUNDS: Final = 3
IDLE_SECONDS: Final = 20.0
SETTLE_SECONDS: Final = 2.0
CLIENTS: Final = 50
LOST_SECONDS: Final = 2.0
TRIES: Final = 5
LANGUAGES: Final = ("cs", "da", "de", "es", "en")
MOST_MEGABYTES: Final = 80.0
MOST_MILLISECONDS: Final = 20.0
MOST_PERCENT: Final = 1.0
MOST_START_SECONDS: Final = 1.5
RESIDENT: Final = "MB resident"


def figures() -> list[Figure]:
    """Measure one gateway in the order of its life."""
    with scene() as gateway:
        return list(_figures(gateway))


def _figures(gateway: Gateway) -> Iterator[Figure]:
    how = "s from the start of Python until it says that it is ready, second start"
    yield Figure("start", round(gateway.startup, 2), MOST_START_SECONDS, how)
    browser = Browser(gateway.ports["web"])
    time.sleep(SETTLE_SECONDS)
    yield _memory(f"idle, {METERS} meters in the list", gateway)
    yield from _pages(browser)
    browser.log_in()
    for language in LANGUAGES:
        browser.speak(language)
        for path in browser.paths():
            browser.show(path)
    yield _memory("after every page of the menu was shown in five languages", gateway)
    how = f"% of a core, over {IDLE_SECONDS:.0f} s"
    yield Figure("idle", _percent(gateway), MOST_PERCENT, how)
    with browser.live() as events:
        yield Figure("idle with a status page open", _percent(gateway), MOST_PERCENT, how)
        assert events.readline(), "the page is alive"
    browser.close()
    _read_all(gateway)
    yield _memory(f"after {METERS} meters were read through TCP", gateway)
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            stack.enter_context(gateway.secured_client())
        yield _memory(f"with {CLIENTS} clients connected over TLS", gateway, None)


def _memory(what: str, gateway: Gateway, reach: float | None = MOST_MEGABYTES) -> Figure:
    return Figure(what, round(gateway.resident, 1), reach, RESIDENT)


def _pages(browser: Browser) -> Iterator[Figure]:
    browser.show("/status")
    medians, slow = [], []
    for _ in range(ROUNDS):
        times = [_milliseconds(browser) for _ in range(PAGES)]
        medians.append(median(times))
        slow.append(quantiles(times, n=100)[98])
    how = f"ms over a connection that is kept, median of {ROUNDS} rounds of {PAGES}"
    yield Figure("status page, median", round(middle(medians), 2), MOST_MILLISECONDS, how)
    yield Figure("status page, p99", round(middle(slow), 2), MOST_MILLISECONDS, how)


def _milliseconds(browser: Browser) -> float:
    begin = time.perf_counter()
    browser.show("/status")
    return (time.perf_counter() - begin) * 1000


def _percent(gateway: Gateway) -> float:
    time.sleep(SETTLE_SECONDS)
    before, begin = gateway.cpu_seconds, time.monotonic()
    time.sleep(IDLE_SECONDS)
    used, passed = gateway.cpu_seconds - before, time.monotonic() - begin
    return round(100 * used / passed, 2)


def _read_all(gateway: Gateway) -> None:
    with gateway.plain_client() as sock:
        sock.settimeout(LOST_SECONDS)
        for address in range(1, METERS + 1):
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
