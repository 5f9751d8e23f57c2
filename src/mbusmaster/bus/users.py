"""Who uses a bus at an instant: who holds it, who waits, who is connected."""

from dataclasses import dataclass

from mbusmaster.bus.counters import ClientCounters


@dataclass(frozen=True, slots=True)
class Holder:
    """The client whose turn or whose unfinished conversation it is; all times are seconds ago.

    :ivar meter: whom it talks to: a primary address, or the secondary address that it selected.
    :ivar since: when the conversation began.
    :ivar sending: a request of it is on the bus now; else the bus is kept for its next one.
    """

    number: int
    client: str
    source: str
    meter: str
    since: float
    sending: bool


@dataclass(frozen=True, slots=True)
class Waiter:
    """A client whose request waits for the bus.

    :ivar since: for how many seconds.
    """

    number: int
    client: str
    source: str
    meter: str
    since: float


@dataclass(frozen=True, slots=True)
class User:
    """A client that is connected.

    :ivar number: of its own as long as the master runs.
    :ivar kind: what it came through, or what it is: a channel, a job.
    :ivar connected: seconds since it came.
    :ivar quiet: seconds since its last request; None when it never asked.
    :ivar counters: a copy.
    """

    number: int
    client: str
    kind: str
    source: str
    connected: float
    quiet: float | None
    counters: ClientCounters


@dataclass(frozen=True, slots=True)
class BusUsers:
    """A picture of one instant.

    :ivar waiting: in the order in which they came.
    """

    holder: Holder | None
    waiting: tuple[Waiter, ...]
    clients: tuple[User, ...]
