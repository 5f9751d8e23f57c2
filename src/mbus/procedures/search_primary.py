"""The search for meters by primary address (MBUS.md 9.2).

Nearly all of its time is the answer window of empty addresses, which is the same for SND_NKE and REQ_UD2. So each address is
asked for data at once: where a meter is, the answer proves it and is its first reading, while an acknowledgement would prove
neither who nor how many are there. One SND_NKE to all at the start stands in for one to each: it makes every frame count bit
agree, so that the answers are fresh.

What is heard at an address is one of these:

===================================  ==================================================================================
silence                              nobody, as far as `tries` requests can tell
a response                           `Found`
acknowledgements only                `Found` without a reply: a meter that is busy for longer than it is waited for
anything else, in three requests     `Unclear` with the kind of fault: several meters, a damaged line, a foreign answer
===================================  ==================================================================================

What is heard once at an address and not again, behind one that was silent, may be the late answer of the silent one: that one is
asked again in the end, with a long answer window.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mbus.addressing import BROADCAST, LAST_PRIMARY, is_primary
from mbus.application.commands import req_ud2, snd_nke
from mbus.application.refusal import refusal_of
from mbus.errors import AddressError
from mbus.link.frames import ACK
from mbus.link.station import Stations
from mbus.link.transaction import Fault
from mbus.procedures.exchange import BUSY_PAUSE
from mbus.procedures.found import Found, FoundMeter, Progress, Unclear
from mbus.procedures.reading import announces_more, named_by
from mbus.procedures.steps import (
    Ack,
    Expects,
    Garbled,
    Outcome,
    Pause,
    Procedure,
    Reply,
    Request,
    Silence,
    ask,
    tell,
)

AFTER_BROADCAST: Final = 1.0
"""Seconds that slaves get to obey SND_NKE to all, which none acknowledges."""
HEARINGS: Final = 3
"""Requests that an address gets where something speaks that is no response."""
LATE_WINDOW: Final = 3.0
"""Answer window, in seconds, of an address whose answer seems to have come after the standard's."""


def search_primary(
    first: int = 0,
    last: int = LAST_PRIMARY,
    *,
    tries: int = 1,
    initialise: bool = True,
    stations: Stations | None = None,
) -> Procedure[list[FoundMeter]]:
    """Find the meters at the primary addresses `first` to `last`; yields `Progress`, `Found` and `Unclear` as it goes.

    :param tries: requests to an address that stays silent.
    :param initialise: begin with SND_NKE to all, which also clears every selection.
    :param stations: is told what is agreed with whom, so that later readings go on from there.

    Raise `AddressError` when the range is none.
    """
    if not (is_primary(first) and is_primary(last) and first <= last):
        raise AddressError(
            f"{first} to {last} is no range of primary addresses; those are 0 to {LAST_PRIMARY}"
        )
    search = _Search(tries, Stations() if stations is None else stations)
    if initialise:
        yield from search.initialise()
    for address in range(first, last + 1):
        yield from search.tell_progress(last + 1 - address, address)
        yield from search.examine(address)
    yield from search.ask_the_late()
    yield from search.tell_progress(0, last)
    return sorted(search.meters, key=lambda meter: meter.primary or 0)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What came from one address.

    :ivar others: what was heard that is neither a response nor silence.
    :ivar belated: bytes came while a request was still going out.
    :ivar faded: what was heard did not come again.
    """

    reply: Reply | None
    others: tuple[Ack | Garbled, ...]
    belated: bool
    faded: bool

    @property
    def unclear(self) -> Garbled | None:
        """Give what proves no meter, None where nothing was heard or only acknowledgements."""
        garbled = [outcome for outcome in self.others if isinstance(outcome, Garbled)]
        if garbled:
            return garbled[-1]
        # One E5 that is never heard again may be noise.
        return Garbled(bytes((ACK,)), Fault.NOISE) if len(self.others) == 1 else None


class _Search:
    def __init__(self, tries: int, stations: Stations) -> None:
        self.meters: list[FoundMeter] = []
        self._transactions = 0
        self._tries = tries
        self._stations = stations
        self._silent: int | None = None
        self._late: dict[int, Unclear | None] = {}

    def initialise(self) -> Procedure[None]:
        """Make the link state of every slave agree with ours."""
        yield from ask(Request(snd_nke(BROADCAST), Expects.NOTHING))
        self._transactions += 1
        self._stations.forget()
        yield from tell(Pause(AFTER_BROADCAST))

    def tell_progress(self, left: int, address: int) -> Procedure[None]:
        """Say how far the search is."""
        yield from tell(Progress(self._transactions, left, len(self.meters), f"address {address}"))

    def examine(self, address: int) -> Procedure[None]:
        """Ask one address; what fades away there may be the late answer of the silent one before."""
        heard = yield from self._hear(address)
        before, self._silent = self._silent, None
        if heard.reply is None and (heard.faded or not heard.others):
            self._silent = address
        if before is not None and (heard.belated or heard.faded):
            fault = heard.unclear if heard.reply is None else None
            self._late[before] = None if fault is None else Unclear(address, fault.why, fault.data)
        else:
            yield from self._tell_unclear(address, heard)
        yield from self._store(address, heard)

    def ask_the_late(self) -> Procedure[None]:
        """Give those that seem to answer late the time to do so."""
        for address, unclear in self._late.items():
            heard = yield from self._hear(address, LATE_WINDOW)
            if heard.reply is not None:
                yield from self._store(address, heard, "it answers late")
            elif unclear is not None:
                yield from tell(unclear)

    def _hear(self, address: int, timeout: float | None = None) -> Procedure[_Heard]:
        others: list[Ack | Garbled] = []
        asked, belated = 0, False
        outcome: Outcome = Silence()
        while asked < self._tries or (others and asked < HEARINGS):
            outcome = yield from ask(Request(req_ud2(address, fcb=True), Expects.RESPONSE, timeout))
            asked += 1
            self._transactions += 1
            belated |= bool(outcome.late)
            if isinstance(outcome, Reply):
                self._agree(address, outcome)
                return _Heard(outcome, tuple(others), belated, faded=False)
            if not isinstance(outcome, Silence):
                others.append(outcome)
            if isinstance(outcome, Ack):
                yield from tell(Pause(BUSY_PAUSE))
        self._stations.failed(address)
        return _Heard(None, tuple(others), belated, faded=bool(others) and isinstance(outcome, Silence))

    def _agree(self, address: int, reply: Reply) -> None:
        self._stations.initialised(address)
        self._stations.succeeded(address)
        if announces_more(reply.frame):
            self._stations.failed(address)

    def _tell_unclear(self, address: int, heard: _Heard) -> Procedure[None]:
        if heard.reply is None and (fault := heard.unclear) is not None:
            yield from tell(Unclear(address, fault.why, fault.data))

    def _store(self, address: int, heard: _Heard, remark: str = "") -> Procedure[None]:
        if heard.reply is not None:
            meter = _found(heard.reply, remark, heard.others)
        elif heard.others and heard.unclear is None:
            meter = FoundMeter(address, None, None, "it acknowledges, but sends no data")
        else:
            return
        self.meters.append(meter)
        yield from tell(Found(meter))


def _found(reply: Reply, remark: str, before: Iterable[Ack | Garbled]) -> FoundMeter:
    remarks = [remark] if remark else []
    refusal = refusal_of(reply.frame)
    if refusal is not None:
        remarks.append(f"it refuses: {refusal}")
    if any(isinstance(outcome, Garbled) for outcome in before):
        remarks.append("it could not be understood at first")
    if reply.noise:
        remarks.append("noise in front of the answer")
    return FoundMeter(reply.frame.address, named_by(reply.frame), reply.frame, "; ".join(remarks))
