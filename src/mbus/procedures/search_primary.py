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
"""

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
        yield from tell(
            Progress(search.transactions, last + 1 - address, len(search.meters), f"address {address}")
        )
        yield from search.examine(address)
    yield from tell(Progress(search.transactions, 0, len(search.meters), f"address {last}"))
    return search.meters


class _Search:
    def __init__(self, tries: int, stations: Stations) -> None:
        self.meters: list[FoundMeter] = []
        self.transactions = 0
        self._tries = tries
        self._stations = stations

    def initialise(self) -> Procedure[None]:
        """Make the link state of every slave agree with ours."""
        yield from ask(Request(snd_nke(BROADCAST), Expects.NOTHING))
        self.transactions += 1
        self._stations.forget()
        yield from tell(Pause(AFTER_BROADCAST))

    def examine(self, address: int) -> Procedure[None]:
        """Ask one address until what is there is clear or asked often enough."""
        heard: list[Ack | Garbled] = []
        asked = 0
        while asked < self._tries or (heard and asked < HEARINGS):
            outcome = yield from ask(Request(req_ud2(address, fcb=True), Expects.RESPONSE))
            asked += 1
            self.transactions += 1
            if isinstance(outcome, Reply):
                yield from self._store(_found(outcome, garbled_before=any(map(_is_garbled, heard))))
                self._agree(address, outcome)
                return
            if not isinstance(outcome, Silence):
                heard.append(outcome)
            if isinstance(outcome, Ack):
                yield from tell(Pause(BUSY_PAUSE))
        self._stations.failed(address)
        yield from self._conclude(address, heard)

    def _agree(self, address: int, reply: Reply) -> None:
        self._stations.initialised(address)
        self._stations.succeeded(address)
        if announces_more(reply.frame):
            self._stations.failed(address)

    def _conclude(self, address: int, heard: list[Ack | Garbled]) -> Procedure[None]:
        garbled = [outcome for outcome in heard if isinstance(outcome, Garbled)]
        if garbled:
            yield from tell(Unclear(address, garbled[-1].why, garbled[-1].data))
        elif len(heard) == 1:
            # One E5 that is never heard again may be noise.
            yield from tell(Unclear(address, Fault.NOISE, bytes((ACK,))))
        elif heard:
            yield from self._store(FoundMeter(address, None, None, "it acknowledges, but sends no data"))

    def _store(self, meter: FoundMeter) -> Procedure[None]:
        self.meters.append(meter)
        yield from tell(Found(meter))


def _is_garbled(outcome: Ack | Garbled) -> bool:
    return isinstance(outcome, Garbled)


def _found(reply: Reply, *, garbled_before: bool) -> FoundMeter:
    remarks = []
    refusal = refusal_of(reply.frame)
    if refusal is not None:
        remarks.append(f"it refuses: {refusal}")
    if garbled_before:
        remarks.append("it could not be understood at first")
    if reply.noise:
        remarks.append("noise in front of the answer")
    return FoundMeter(reply.frame.address, named_by(reply.frame), reply.frame, "; ".join(remarks))
