"""Who is next on the bus: conversations are kept together, and everybody gets a turn.

A client has at most one turn waiting, so first come, first served goes round among the clients by itself. A more urgent
priority comes first, but a turn that was passed over `PATIENT_TURNS` times goes before everything.

A conversation that is not at its end (`Conversation`) keeps the bus for its client's next frame, for `hold` seconds when others
wait. Its client's first frame of another conversation goes to the back, like everybody's. A client that let a held bus lie idle
is not waited for again until it goes on with a conversation quickly: all that it costs is that its selection is sent once more
(`mbusmaster.bus.sharing`). No I/O, no clock: times are handed in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Generic, TypeVar

from mbus.application.commands import is_initialisation, is_selection
from mbus.link.transaction import Ack, Outcome, Reply
from mbusmaster.bus.answers import more_follows
from mbusmaster.bus.requests import MasterFrame

PATIENT_TURNS: Final = 4
TIMER_SLACK: Final = 1e-6
"""Event loops fire timers early by up to their clock's resolution."""
SLOWEST_UNSCALED_BAUD: Final = 2400


class Priority(IntEnum):
    """How urgent; the smaller goes first."""

    TRANSPARENT = 0
    """A person or program waits at the other end, with a timeout of its own."""
    SCHEDULED = 1
    BACKGROUND = 2


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long clients may keep the bus, in seconds.

    :ivar hold: quiet time of an unfinished conversation after which others go first.
    :ivar lease: time for which a client's place in a conversation is kept (`mbusmaster.bus.sharing`).
    :ivar limit: longest conversation while others wait, at 2400 baud and above.
    """

    hold: float = 0.5
    lease: float = 10.0
    limit: float = 30.0

    def limit_at(self, baud: int) -> float:
        """Give the limit for a rate: slow ones need more for the same telegrams."""
        return self.limit * max(1.0, SLOWEST_UNSCALED_BAUD / baud)


class Waiting:
    """What waits for the bus: whose it is, how urgent, and the frame it begins with.

    :ivar ticket: the smaller goes first; a client that gave up waiting and asks something else keeps its ticket.
    """

    def __init__(self, client: int, priority: Priority, frame: MasterFrame, ticket: int) -> None:
        self.client = client
        self.priority = priority
        self.frame = frame
        self.ticket = ticket
        self.passed_over = 0


@dataclass(slots=True)
class Conversation:
    """The conversation that has the bus.

    :ivar address: of the station it is with.
    :ivar began: when.
    :ivar until: how long it is held for its client while others wait.
    """

    client: int
    address: int
    began: float
    until: float

    def continues(self, turn: Waiting) -> bool:
        """Tell whether a turn belongs to this conversation."""
        return turn.client == self.client and turn.frame.address == self.address and not opens(turn.frame)


def opens(frame: MasterFrame) -> bool:
    """Tell whether a frame always begins a conversation."""
    return is_selection(frame) or is_initialisation(frame)


def is_unfinished(frame: MasterFrame, outcome: Outcome) -> bool:
    """Tell whether the client that got this outcome will probably go on: it selected, was obeyed, or more telegrams follow.

    Who only initialised a slave loses nothing when others come between (`mbusmaster.bus.sharing`).
    """
    if isinstance(outcome, Ack):
        return not is_initialisation(frame)
    return isinstance(outcome, Reply) and more_follows(outcome.frame)


T = TypeVar("T", bound=Waiting)


class Turns(Generic[T]):
    """The queue of one bus.

    :param times: of holds and leases.
    :param limit: of a conversation, in seconds.
    """

    def __init__(self, times: LeaseTimes, limit: float) -> None:
        self._times = times
        self._limit = limit
        self._waiting: list[T] = []
        self._conversation: Conversation | None = None
        self._unfinished: dict[int, Conversation] = {}
        self._slow: set[int] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._waiting))

    @property
    def conversation(self) -> Conversation | None:
        """The conversation that has the bus."""
        return self._conversation

    def put(self, turn: T, now: float) -> None:
        """Queue a turn."""
        self._waiting.append(turn)
        unfinished = self._unfinished.pop(turn.client, None)
        if unfinished is not None and unfinished.continues(turn) and now < unfinished.until + TIMER_SLACK:
            self._slow.discard(turn.client)

    def withdraw(self, turn: T) -> bool:
        """Take back a turn; tell false, with nothing changed, when it has begun or was never put."""
        if turn not in self._waiting:
            return False
        self._waiting.remove(turn)
        return True

    def leave(self, client: int) -> None:
        """A client is gone: the bus is not held for it."""
        self._unfinished.pop(client, None)
        self._slow.discard(client)
        if self._conversation is not None and self._conversation.client == client:
            self._conversation = None

    def take(self, now: float) -> T | None:
        """Give the turn that begins now; None when there is none or the bus is held until `held_until`."""
        if not self._waiting:
            return None
        held = self._conversation
        if held is not None:
            mine = next((turn for turn in self._waiting if turn.client == held.client), None)
            others = len(self._waiting) - (mine is not None)
            if mine is not None and held.continues(mine) and (not others or now - held.began < self._limit):
                self._waiting.remove(mine)
                return mine
            if mine is None and self.held_until - now > TIMER_SLACK:
                return None
            if mine is None:
                self._slow.add(held.client)
            self._conversation = None
        return self._take_fairly(held.client if held else None)

    @property
    def held_until(self) -> float:
        """When a held bus becomes free for those who wait."""
        held = self._conversation
        return min(held.until, held.began + self._limit) if held else float("inf")

    def finished(self, turn: T, outcome: Outcome, now: float) -> None:
        """A turn is over: hold the bus for its client if its conversation is not."""
        if not is_unfinished(turn.frame, outcome):
            self._conversation = None
            return
        held = self._conversation
        began = held.began if held is not None and held.continues(turn) else now
        unfinished = Conversation(turn.client, turn.frame.address, began, now + self._times.hold)
        self._unfinished[turn.client] = unfinished
        self._conversation = None if turn.client in self._slow else unfinished

    def _take_fairly(self, last: int | None) -> T:
        impatient = [turn for turn in self._waiting if turn.passed_over >= PATIENT_TURNS]
        chosen = min(
            impatient or self._waiting, key=lambda turn: (turn.priority, turn.client == last, turn.ticket)
        )
        for turn in self._waiting:
            turn.passed_over += turn is not chosen
        self._waiting.remove(chosen)
        return chosen
