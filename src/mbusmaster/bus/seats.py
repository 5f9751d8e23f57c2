"""What the arbiter keeps of its clients: a seat for each, and a turn for each request that waits or is on the bus."""

import asyncio
from collections.abc import Callable

from mbus.link.transaction import Outcome
from mbus.procedures.steps import Request
from mbusmaster.bus.counters import ClientCounters
from mbusmaster.bus.turns import Priority, Waiting


class Seat:
    """What the arbiter keeps of a client.

    :ivar baud: rate the client wants; None is the bus's default.
    :ivar kind: what it came through, or what it is.
    :ivar source: where it comes from, in its channel's words.
    :ivar ticket: its place in the queue, from the first request that waits until one is carried out.
    :ivar joined: when it came.
    :ivar asked: when it asked last.
    """

    def __init__(
        self, number: int, name: str, priority: Priority, kind: str, source: str, joined: float
    ) -> None:
        self.number = number
        self.name = name
        self.priority = priority
        self.kind = kind
        self.source = source
        self.joined = joined
        self.asked: float | None = None
        self.baud: int | None = None
        self.ticket: int | None = None
        self.counters = ClientCounters()
        self.closed = False
        self.busy = False


class Turn(Waiting):
    """One request that waits for the bus or is on it.

    :ivar wanted: asked when its turn comes, and told false by clients that have given it up.
    :ivar follow: a baud rate switch in it is followed and undone (`mbusmaster.bus.switches`).
    :ivar since: when it was asked.
    """

    def __init__(
        self,
        seat: Seat,
        request: Request,
        on_bytes: Callable[[bytes], None] | None,
        wanted: Callable[[], bool],
        done: asyncio.Future[Outcome],
        ticket: int,
        *,
        follow: bool,
        since: float,
    ) -> None:
        super().__init__(seat.number, seat.priority, request.frame, ticket)
        self.follow = follow
        self.since = since
        self.seat = seat
        self.request = request
        self.on_bytes = on_bytes
        self.wanted = wanted
        self.done = done

    def hear(self, data: bytes) -> None:
        """Give bytes of the answer to the client, unless it has given up."""
        if self.on_bytes is not None and self.wanted():
            self.on_bytes(data)

    def settle(self, result: Outcome | Exception) -> None:
        """Tell the client how it ended."""
        if self.done.done():
            return
        if isinstance(result, Exception):
            self.done.set_exception(result)
        else:
            self.done.set_result(result)
