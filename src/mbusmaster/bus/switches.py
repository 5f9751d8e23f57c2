"""Meters that a client told to use another baud rate: followed for its lease, and switched back after it (MBUS.md 1.6).

A client behind a byte pipe does not see rates. So after a meter has acknowledged CI B8 to BF, its client's requests to it go out
at the new rate, and nothing else changes for that client. The meter is switched back

=============================================  =========================================================================
when                                           then
=============================================  =========================================================================
its client has not asked it for a lease,       at once, before anybody's turn
or is gone; the line was away
another client asks it, or somebody who may    in front of that request, which then finds the meter where it belongs; its
be it: a mask that fits, 254, 255              own client's requests go to the old rate too from here on, and it notices nothing
the gateway ends                               before the line is closed
=============================================  =========================================================================

Switching back is CI B8 to BF with the old rate, sent at the new one, and proven by an answer at the old one. A meter whose
acknowledgement was not heard may have switched or not: it is told at both rates. What cannot be brought back is tried again ever
more rarely, and named in `problems`.

No I/O, no clock: a generator yields steps (`mbus.procedures.steps`), times are handed in.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from mbus.addressing import LAST_PRIMARY, SELECTED, WILDCARD, SecondaryAddress
from mbus.application.commands import is_selection, req_ud2, set_baud, snd_nke
from mbus.application.header import fits, identity_of
from mbus.link.frames import LongFrame
from mbus.link.timing import BAUD_RATES
from mbus.link.transaction import Ack, Expects, Outcome, Reply, Silence
from mbus.procedures.baud import SETTLING
from mbus.procedures.steps import BaudChange, Pause, Procedure, Request, ask, tell
from mbusmaster.bus.answers import are_apart, mask_of
from mbusmaster.bus.requests import BAUD_CI, MasterFrame, Refusal, is_baud_switch, is_one_slave
from mbusmaster.bus.sharing import ClientId

MAX_SWITCHES: Final = 16
"""Meters that may be away from their rate at the same time: each costs bus time to bring back."""
TELL_TRIES: Final = 2
PROOF_PAUSES: Final = (0.0, SETTLING, SETTLING)
"""Seconds to leave a meter before each attempt to prove that it is back."""
RETRY_SECONDS: Final = (5.0, 30.0, 120.0, 600.0, 3600.0)
"""Before the next attempt to bring a meter back, the last again and again."""
GIVE_UP_FAILURES: Final = 30
"""After so many failures, about a day, the meter is only named any more."""


class _Is(Enum):
    THIS = 1
    ANOTHER = 2
    UNKNOWN = 3


@dataclass(slots=True, eq=False)
class Switch:
    """One meter that a client told to use another rate.

    :ivar client: who did; `name` is what it is called.
    :ivar address: primary address, or FD.
    :ivar selection: by which it was selected.
    :ivar old: rate to which it belongs.
    :ivar rates: where it may be besides, the likeliest first.
    :ivar rate: at which its client's requests go.
    :ivar acknowledged: the meter has said that it obeys; if never, there may be none.
    :ivar primary: its primary address, where an answer through FD has said it.
    :ivar identity: its secondary address, where an answer has said it.
    :ivar at: when its client last asked it.
    :ivar undone: it is back, and its client does not know.
    :ivar called_home: its client itself has told it to go back; it hears both rates until an answer at the old one proves it.
    :ivar failures: attempts to bring it back that failed.
    """

    client: ClientId
    name: str
    address: int
    selection: LongFrame | None
    old: int
    rates: tuple[int, ...]
    rate: int
    acknowledged: bool
    at: float
    primary: int | None = None
    identity: SecondaryAddress | None = None
    undone: bool = False
    called_home: bool = False
    failures: int = 0
    due_at: float | None = None

    def __str__(self) -> str:
        """The meter as a person reads it."""
        mask = mask_of(self.selection)
        return f"the meter {mask}" if mask is not None else f"the meter at address {self.address}"


class Switches:
    """All switches of one bus.

    :param lease: seconds without a request after which a meter is switched back.
    """

    def __init__(self, lease: float) -> None:
        self._lease = lease
        self._switches: list[Switch] = []

    @property
    def problems(self) -> tuple[str, ...]:
        """The meters that could not be brought back, in words."""
        return tuple(
            f"{switch} could not be switched back from {switch.rates[0]} to {switch.old} baud"
            for switch in self._switches
            if switch.failures
        )

    @property
    def pending(self) -> tuple[Switch, ...]:
        """The switches that are still to be undone and were not tried in vain."""
        return tuple(one for one in self._switches if not one.undone and not one.failures)

    def refusal(
        self, frame: LongFrame, selection: LongFrame | None, lowest: int, highest: int
    ) -> Refusal | None:
        """Tell why a switch that the settings allow must not go out: because it could not be undone; None where it may.

        :param selection: of the client, for FD.
        """
        if not lowest <= _new_rate(frame) <= highest:
            return Refusal.BAUD_RATE
        mask = mask_of(selection) if frame.address == SELECTED else None
        names_one = frame.address <= LAST_PRIMARY or (
            mask is not None and WILDCARD not in mask.identification
        )
        # Without a selection it does not reach the bus anyway (`sharing`).
        if not names_one and not (frame.address == SELECTED and selection is None):
            return Refusal.BAUD_NOBODY
        return Refusal.BAUD_MANY if len(self._switches) >= MAX_SWITCHES else None

    def rate_for(
        self, client: ClientId, frame: MasterFrame, selection: LongFrame | None, asked: int | None
    ) -> int | None:
        """Give the rate for a client's request; None is the bus's own.

        :param asked: what the client itself has set, where it can; None where it cannot.
        """
        switch = self._of(client, frame, selection)
        if switch is None:
            return asked
        if asked is None:
            return switch.old if switch.undone else switch.rate
        return switch.old if switch.undone and asked in switch.rates else asked

    def in_the_way(
        self, client: ClientId, frame: MasterFrame, selection: LongFrame | None
    ) -> tuple[Switch, ...]:
        """Give the switches that must be undone before a request means what its client thinks."""
        return tuple(
            switch
            for switch in self.pending
            if not switch.called_home
            and (relation := _relation(switch, frame, selection)) is not _Is.ANOTHER
            and not (relation is _Is.THIS and switch.client == client)
        )

    def carried(
        self,
        client: ClientId,
        name: str,
        frame: MasterFrame,
        selection: LongFrame | None,
        rate: int,
        outcome: Outcome,
        now: float,
        *,
        follow: bool,
    ) -> None:
        """A request was on the bus.

        :param rate: at which.
        :param follow: whether a switch in it is one to follow and undo, not a lasting one.
        """
        self._answered_at_home(frame, selection, rate, outcome)
        mine = self._of(client, frame, selection)
        if mine is not None:
            mine.at = now
            _learn(mine, frame, outcome)
        if follow and is_baud_switch(frame):
            heard = not isinstance(outcome, Silence)
            new = _new_rate(frame)
            if mine is not None and not mine.undone:
                self._again(mine, new, heard=heard)
                return
            if mine is not None:
                self._switches.remove(mine)
            if new != rate:
                made = Switch(
                    client,
                    name,
                    frame.address,
                    selection if frame.address == SELECTED else None,
                    rate,
                    (new,),
                    new if heard else rate,
                    heard,
                    now,
                )
                if mine is not None:
                    made.primary, made.identity = mine.primary, mine.identity
                self._switches.append(made)

    def leave(self, client: ClientId, now: float) -> None:
        """A client is gone: what it switched is due."""
        for switch in list(self._switches):
            if switch.client == client:
                self._end(switch, now)

    def line_was_away(self, now: float) -> None:
        """Nobody knows what the meters did meanwhile: all switches are due."""
        for switch in list(self._switches):
            self._end(switch, now)

    def due(self, now: float) -> Switch | None:
        """Give the switch that must be undone now."""
        self._switches = [one for one in self._switches if not (one.undone and one.at + self._lease <= now)]
        waiting = (one for one in self._switches if not one.undone and self._due_at(one) <= now)
        return min(waiting, key=self._due_at, default=None)

    @property
    def next_due(self) -> float:
        """When `due` will have something to give."""
        return min((self._due_at(one) for one in self._switches if not one.undone), default=float("inf"))

    def undone(self, switch: Switch) -> None:
        """A meter is back at its rate: its client's requests go there too while its lease lasts."""
        switch.undone, switch.failures = True, 0
        if switch.due_at is not None:
            self._switches.remove(switch)

    def failed(self, switch: Switch, now: float) -> None:
        """A meter did not come back; one that never acknowledged was most likely never there."""
        if not switch.acknowledged:
            self._switches.remove(switch)
            return
        switch.failures += 1
        wait = RETRY_SECONDS[min(switch.failures, len(RETRY_SECONDS)) - 1]
        switch.due_at = now + wait if switch.failures < GIVE_UP_FAILURES else float("inf")

    def _of(self, client: ClientId, frame: MasterFrame, selection: LongFrame | None) -> Switch | None:
        return next(
            (
                switch
                for switch in self._switches
                if switch.client == client and _relation(switch, frame, selection) is _Is.THIS
            ),
            None,
        )

    def _again(self, switch: Switch, new: int, *, heard: bool) -> None:
        """A switched meter was told once more."""
        if heard and new == switch.old:
            switch.rate, switch.called_home = new, True
        elif heard:
            switch.rates, switch.rate, switch.acknowledged = (new,), new, True
            switch.called_home = False
        elif new not in switch.rates and new != switch.old:
            switch.rates = (*switch.rates, new)

    def _end(self, switch: Switch, now: float) -> None:
        if switch.undone:
            self._switches.remove(switch)
        elif not switch.failures:
            switch.due_at = now

    def _due_at(self, switch: Switch) -> float:
        return switch.at + self._lease if switch.due_at is None else switch.due_at

    def _answered_at_home(
        self, frame: MasterFrame, selection: LongFrame | None, rate: int, outcome: Outcome
    ) -> None:
        """Forget a meter that answers at its own rate: one that was given up, or that its client has switched back."""
        if isinstance(outcome, Ack | Reply) and not is_selection(frame) and not is_baud_switch(frame):
            self._switches = [
                one
                for one in self._switches
                if not (
                    (one.failures or one.called_home)
                    and rate == one.old
                    and _relation(one, frame, selection) is _Is.THIS
                )
            ]


def switch_back(switch: Switch) -> Procedure[bool]:
    """Bring a meter back to its rate; tell whether an answer there proves it. Leaves the bus at the meter's rate."""
    for rate in (*switch.rates, switch.old):
        yield from tell(BaudChange(rate))
        if (yield from _tell(switch)):
            break
    yield from tell(BaudChange(switch.old))
    proven = yield from _prove(switch)
    if switch.address == SELECTED:
        yield from ask(Request(snd_nke(SELECTED), Expects.ACK))
    return proven


def _tell(switch: Switch) -> Procedure[bool]:
    if not (yield from _begin(switch)) and switch.address == SELECTED:
        return False
    command = Request(set_baud(switch.address, switch.old, fcb=True), Expects.ACK)
    for _ in range(TELL_TRIES):
        outcome = yield from ask(command)
        if not isinstance(outcome, Silence):
            return True
    return False


def _begin(switch: Switch) -> Procedure[bool]:
    """Initialise or select the meter; tell whether somebody answered."""
    for _ in range(1 if switch.selection is None else TELL_TRIES):
        first = snd_nke(switch.address) if switch.selection is None else switch.selection
        outcome = yield from ask(Request(first, Expects.ACK))
        if not isinstance(outcome, Silence):
            return True
    return False


def _prove(switch: Switch) -> Procedure[bool]:
    for pause in PROOF_PAUSES if switch.acknowledged else PROOF_PAUSES[:1]:
        if pause:
            yield from tell(Pause(pause))
        first = snd_nke(switch.address) if switch.selection is None else switch.selection
        outcome = yield from ask(Request(first, Expects.ACK))
        if isinstance(outcome, Silence) and switch.selection is None:
            # Some meters answer requests for data but never SND_NKE.
            outcome = yield from ask(Request(req_ud2(switch.address, fcb=True), Expects.RESPONSE))
        if isinstance(outcome, Ack | Reply):
            return True
    return False


def _new_rate(frame: LongFrame) -> int:
    return BAUD_RATES[frame.ci - BAUD_CI.start]


def _learn(switch: Switch, frame: MasterFrame, outcome: Outcome) -> None:
    if isinstance(outcome, Reply):
        switch.identity = identity_of(outcome.frame) or switch.identity
        if is_one_slave(outcome.frame.address):
            switch.primary = outcome.frame.address


def _relation(switch: Switch, frame: MasterFrame, selection: LongFrame | None) -> _Is:
    """Tell whether a request is for the meter that was switched.

    :param selection: of the client that asks, for FD.
    """
    if is_selection(frame) or frame.address == SELECTED:
        asked = frame if is_selection(frame) else selection
        return _selected(switch, asked) if isinstance(asked, LongFrame) else _Is.ANOTHER
    if not is_one_slave(frame.address):
        return _Is.UNKNOWN
    known = switch.address if switch.address != SELECTED else switch.primary
    if known is None:
        return _Is.UNKNOWN
    return _Is.THIS if known == frame.address else _Is.ANOTHER


def _selected(switch: Switch, asked: LongFrame) -> _Is:
    own = switch.selection
    if own is not None and (asked.ci, asked.data) == (own.ci, own.data):
        return _Is.THIS
    mask, mine = mask_of(asked), mask_of(own)
    if mask is None:
        return _Is.UNKNOWN
    if switch.identity is not None:
        if not fits(mask, switch.identity):
            return _Is.ANOTHER
        return _Is.THIS if WILDCARD not in mask.identification else _Is.UNKNOWN
    return _Is.ANOTHER if mine is not None and are_apart(mask, mine) else _Is.UNKNOWN
