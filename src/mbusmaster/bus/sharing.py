"""Many masters on one bus, each as if it were alone.

A slave remembers one master: whether it is selected, the last frame count bit, how far a reading of several telegrams has got.
When the bus carries several clients in turn, that memory is the last speaker's. So for every station (primary address, FD, FE)
this module notes who spoke to it, and for every client what the client may believe of it (`View`). While nobody else came
between, frames pass unchanged, like on a bus of one's own. When somebody did:

=========================================  ================================================================================
the client asks                            what happens
=========================================  ================================================================================
a primary address, reading not begun       SND_NKE is put in front, and the client's count bits are mapped so that the slave
or complete                                sees a fresh start (1, 0, 1 …)
… in the middle of several telegrams,      SND_NKE, then the telegrams that the client has are asked for again and thrown
lease not over                             away, then its own request: it gets the telegram it would have got alone
… in the middle, lease over                silence, until three leases have passed: then it counts as a new reading
FD, selection replaced, conversation open  its own selection is put in front, then as above
or last telegram repeated, lease not over
FD, selection replaced, conversation       silence: never another client's meter
complete or lease over
SND_NKE to FD, another client's selection  silence: for this client nobody is selected
==========================================  ================================================================================

A conversation with FD opens with the selection and is complete with a reply that no more telegrams follow. SND_NKE that is not
acknowledged is a doubt: the slave may be gone, never acknowledge, or have heard. Then a bit is sent that differs from the last
one on the wire, which starts a reading in every case if the reading before was of one telegram at most; else silence.

Why not simply hold the bus for each client until its conversation ends? Reading programs pause for seconds between a selection
and the request (one library waits out its whole timeout for second answers), and others give up in that time.

The generators here know no time but what is handed in as `clock`, and do no I/O: they yield `Carry` and are sent outcomes.
Nothing grows without bound: views are per connected client and per address.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Final

from mbus.addressing import BROADCAST, SELECTED, TEST
from mbus.application.commands import is_initialisation, is_selection, req_ud2, snd_nke
from mbus.link.fields import FCB, counts
from mbus.link.frames import LongFrame
from mbus.link.transaction import Ack, Outcome, Reply, Silence
from mbus.procedures.steps import Expects, Request
from mbusmaster.bus.answers import fits_selection, more_follows
from mbusmaster.bus.requests import MasterFrame, count_bit, is_one_slave, leaves_no_trace

ClientId = int

MAX_REPEATED_TELEGRAMS: Final = 16
"""More telegrams of one reading are not asked for again on behalf of a client that was interrupted."""
FORGET_AFTER_LEASES: Final = 3


@dataclass(frozen=True, slots=True)
class Carry:
    """One transaction that must be carried out now.

    :ivar own: whether it is the client's own request, whose answer it gets; else one put in front of it.
    :ivar selection: the selection that the answer must fit, where it comes from FD.
    """

    request: Request
    own: bool
    selection: LongFrame | None = None


Exchange = Generator[Carry, Outcome, Outcome]


@dataclass(slots=True)
class View:
    """What one client may believe of one station.

    :ivar selection: the frame by which it selected, at FD.
    :ivar inverted: the slave sees the opposite of the client's count bits.
    :ivar last_bit: the client's bit of the last request that was answered.
    :ivar telegrams: of the reading it is in, how many it has.
    :ivar more: the last of them said that more follow.
    :ivar touched: serial number of its last transaction there.
    :ivar at: when that ended.
    """

    selection: LongFrame | None = None
    inverted: bool = False
    last_bit: bool | None = None
    telegrams: int = 0
    more: bool = False
    touched: int = 0
    at: float = 0.0

    def is_complete(self) -> bool:
        """Tell whether a reading has come to its end and nothing was begun since."""
        return self.telegrams > 0 and not self.more

    def telegrams_before(self, bit: bool) -> int:
        """Tell how many telegrams a fresh reading must skip so that a request with `bit` gets what it means."""
        if self.is_repeat(bit):
            return self.telegrams - 1
        return self.telegrams if self.more else 0

    def is_repeat(self, bit: bool) -> bool:
        """Tell whether a request with `bit` asks for the last telegram once more."""
        return self.telegrams > 0 and bit == self.last_bit

    def start_again(self) -> None:
        """The slave was initialised or selected: nothing has been read."""
        self.inverted = False
        self.last_bit = None
        self.telegrams = 0
        self.more = False


@dataclass(slots=True)
class _Touches:
    """Who used a station last, and when anybody else did."""

    client: ClientId | None = None
    serial: int = 0
    others: int = 0

    def note(self, client: ClientId | None, serial: int) -> None:
        if client != self.client:
            self.client = client
            self.others = self.serial
        self.serial = serial

    def by_others(self, client: ClientId) -> int:
        return self.others if client == self.client else self.serial


@dataclass(slots=True)
class _Wire:
    """What a station has seen last: the count bit, and how many telegrams of a reading; and its last response."""

    bit: bool = False
    telegrams: int = 0
    response: LongFrame | None = None


class Sharing:
    """Selection and frame count bits of all clients of one bus.

    :param clock: gives seconds that only rise.
    :param lease: seconds for which a client's place in a conversation is kept.
    """

    def __init__(self, clock: Callable[[], float], lease: float) -> None:
        self._clock = clock
        self._lease = lease
        self._serial = 0
        self._views: dict[ClientId, dict[int, View]] = {}
        self._touches: dict[int, _Touches] = {}
        self._all = _Touches()
        self._wire: dict[int, _Wire] = {}
        self._selected_by: ClientId | None = None
        self._selection: LongFrame | None = None

    def exchange(self, client: ClientId, request: Request) -> Exchange:
        """Carry out one request of a client; return its outcome, `Silence` where it had to stay off the bus."""
        frame = request.frame
        if is_selection(frame):
            return self._select(client, request)
        if is_initialisation(frame):
            return self._initialise(client, request)
        if leaves_no_trace(frame) and frame.address != SELECTED:
            return self._pass(request)
        return self._converse(client, request)

    def selection_of(self, client: ClientId) -> LongFrame | None:
        """Give the frame by which a client selected the meter that FD is for it; None while it has selected none."""
        view = self._views.get(client, {}).get(SELECTED)
        return None if view is None else view.selection

    def leave(self, client: ClientId) -> bool:
        """Forget a client; tell whether its selection is still on the bus and should be lifted."""
        self._views.pop(client, None)
        return self._selected_by == client

    def master_asked(self, request: Request, outcome: Outcome) -> None:
        """A request was carried out on nobody's behalf: it means to slaves what any other does."""
        frame = request.frame
        if is_selection(frame) or frame.address == SELECTED:
            self._selected_by = None
            if isinstance(frame, LongFrame) and is_selection(frame):
                self._selection = frame
            self._touch_selected(None)
            return
        self._touch(None, frame.address)
        wire = self._wire.setdefault(frame.address, _Wire())
        if is_initialisation(frame):
            wire.bit, wire.telegrams = False, 0
        elif counts(frame.control):
            wire.bit = count_bit(frame)
            wire.telegrams = 1 + (isinstance(outcome, Reply) and more_follows(outcome.frame))

    def doubt_everything(self) -> None:
        """The line was away: slaves may have lost power, or others may have used the bus."""
        self._selected_by = None
        self._touch_all(None)

    def _pass(self, request: Request) -> Exchange:
        return (yield Carry(request, own=True))

    def _select(self, client: ClientId, request: Request) -> Exchange:
        assert isinstance(request.frame, LongFrame), "a selection carries data"
        self._selected_by = client
        view = self._views.setdefault(client, {})[SELECTED] = View(selection=request.frame)
        self._touch_by_selection(client, request.frame)
        view.touched = self._serial
        outcome = yield Carry(request, own=True)
        view.at = self._clock()
        return outcome

    def _initialise(self, client: ClientId, request: Request) -> Exchange:
        address = request.frame.address
        views = self._views.setdefault(client, {})
        if address in (BROADCAST, TEST):
            self._selected_by = None
            views.clear()
            self._touch_all(client)
        elif address == SELECTED:
            views.pop(SELECTED, None)
            if self._selected_by not in (None, client):
                # For this client nobody is selected; whose selection it is needs it, and would also answer.
                return Silence()
            self._touch_selected(client)
            self._selected_by = None
        else:
            view = views.setdefault(address, View())
            view.start_again()
            self._touch(client, address, view)
            if address in self._wire:
                self._wire[address].bit, self._wire[address].telegrams = False, 0
        outcome = yield Carry(request, own=True)
        if address in views:
            views[address].at = self._clock()
        return outcome

    def _converse(self, client: ClientId, request: Request) -> Exchange:
        address = request.frame.address
        views = self._views.setdefault(client, {})
        if address == SELECTED and SELECTED not in views:
            return Silence()
        view = views.setdefault(address, View())
        bit = count_bit(request.frame)
        if self._is_disturbed(client, address, view) and not (
            yield from self._restore(client, address, view, bit)
        ):
            return Silence()
        self._touch_by_request(client, address, view)
        wire = self._wire.setdefault(address, _Wire())
        wire.bit = bit != view.inverted
        outcome = yield Carry(
            replace(request, frame=_with_bit(request.frame, wire.bit)), own=True, selection=view.selection
        )
        view.at = self._clock()
        self._learn(client, address, view, bit, outcome)
        # An advance that was not answered may have been heard all the same.
        wire.telegrams = view.telegrams + (view.more and not isinstance(outcome, Reply))
        return outcome

    def _restore(
        self, client: ClientId, address: int, view: View, bit: bool
    ) -> Generator[Carry, Outcome, bool]:
        """Bring the slave to where the client left it; tell whether its request may follow."""
        if not self._may_restore(client, address, view, bit):
            return False
        before = view.telegrams_before(bit)
        if address == SELECTED:
            assert view.selection is not None, "FD has a view only after a selection"
            self._selected_by = client
            self._touch_by_selection(client, view.selection)
            view.touched = self._serial
            heard = not isinstance((yield Carry(Request(view.selection, Expects.ACK), own=False)), Silence)
            if not heard:
                return False
        else:
            self._touch_by_request(client, address, view)
            outcome = yield Carry(Request(snd_nke(address), Expects.ACK), own=False)
            if isinstance(outcome, Silence):
                last = self._wire.get(address, _Wire())
                view.inverted = bit == last.bit
                return before == 0 and last.telegrams <= 1
        for number in range(before):
            again = Request(req_ud2(address, fcb=number % 2 == 0), Expects.RESPONSE)
            outcome = yield Carry(again, own=False, selection=view.selection)
            if not isinstance(outcome, Reply) or not fits_selection(outcome.frame, view.selection):
                return False
            if not more_follows(outcome.frame):
                return False
        view.inverted = bit != (before % 2 == 0)
        if before == 0:
            view.telegrams, view.more = 0, False
        return True

    def _may_restore(self, client: ClientId, address: int, view: View, bit: bool) -> bool:
        age = self._clock() - view.at
        if view.is_complete() and age > self._lease:
            # Nobody asks for the last telegram once more so much later.
            view.start_again()
        before = view.telegrams_before(bit)
        if address == SELECTED:
            if self._selected_by == client:
                return before == 0 or (age <= self._lease and before <= MAX_REPEATED_TELEGRAMS)
            is_open = not view.is_complete() or view.is_repeat(bit)
            return is_open and age <= self._lease and before <= MAX_REPEATED_TELEGRAMS
        if before == 0:
            return True
        if age > FORGET_AFTER_LEASES * self._lease:
            view.start_again()
            return True
        return age <= self._lease and before <= MAX_REPEATED_TELEGRAMS

    def _learn(self, client: ClientId, address: int, view: View, bit: bool, outcome: Outcome) -> None:
        if isinstance(outcome, Ack):
            # SND_UD was obeyed, or there is nothing to tell: what is read next is a new reading.
            view.telegrams, view.more, view.last_bit = 0, False, bit
        elif isinstance(outcome, Reply) and fits_selection(outcome.frame, view.selection):
            if not view.is_repeat(bit):
                view.telegrams = view.telegrams + 1 if view.more else 1
            view.more = more_follows(outcome.frame)
            view.last_bit = bit
            self._wire[address].response = outcome.frame
            if address == SELECTED and is_one_slave(outcome.frame.address):
                self._touch(client, outcome.frame.address)
                self._wire[outcome.frame.address] = replace(self._wire[address], telegrams=view.telegrams)
            elif address == SELECTED:
                self._touch_all(client)
                view.touched = self._serial

    def _is_disturbed(self, client: ClientId, address: int, view: View) -> bool:
        station = self._touches.get(address)
        by_others = max(self._all.by_others(client), station.by_others(client) if station else 0)
        if address == SELECTED and self._selected_by != client:
            return True
        return by_others > view.touched

    def _touch_by_request(self, client: ClientId, address: int, view: View) -> None:
        if address == TEST:
            self._touch_all(client)
            view.touched = self._serial
        else:
            self._touch(client, address, view)

    def _touch_by_selection(self, client: ClientId, selection: LongFrame) -> None:
        self._selection = selection
        self._touch_selected(client)

    def _touch_selected(self, client: ClientId | None) -> None:
        # A slave with one memory for all its addresses begins anew when it is selected, or initialised through FD.
        for address, wire in self._wire.items():
            if is_one_slave(address) and (
                wire.response is None or fits_selection(wire.response, self._selection)
            ):
                self._touch(client, address)
        self._touch(client, SELECTED)

    def _touch(self, client: ClientId | None, address: int, view: View | None = None) -> None:
        self._serial += 1
        # The slave at a primary address may be the one that is selected, or the only one on the line.
        for station in {address, SELECTED, TEST}:
            self._touches.setdefault(station, _Touches()).note(client, self._serial)
        if view is not None:
            view.touched = self._serial

    def _touch_all(self, client: ClientId | None) -> None:
        self._serial += 1
        self._all.note(client, self._serial)
        for station in (SELECTED, TEST):
            self._touches.setdefault(station, _Touches()).note(client, self._serial)


def _with_bit(frame: MasterFrame, bit: bool) -> MasterFrame:
    if not counts(frame.control):
        return frame
    return replace(frame, control=frame.control | FCB if bit else frame.control & ~FCB)
