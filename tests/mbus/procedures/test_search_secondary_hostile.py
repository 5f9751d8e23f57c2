"""A bus that lies, babbles or answers at random ends a search in bounded time, with meters that really replied and no others."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbus.addressing import SecondaryAddress
from mbus.application.header import fits, identity_of
from mbus.errors import GarbledAnswerError
from mbus.link.frames import LongFrame
from mbus.link.transaction import Ack, Expects, Fault, Garbled, Outcome, Reply, Silence
from mbus.procedures.found import FoundMeter
from mbus.procedures.search_secondary import SearchState, search_secondary
from mbus.procedures.steps import Procedure, Request
from mbussim.population import population
from support.selectbus import response

METERS = population(5, "random", 1)


class Liar:
    """Answers from a list of outcomes, chosen at random with given weights, and remembers which replies it sent to which mask."""

    def __init__(self, seed: int, weights: dict[Outcome | None, float]) -> None:
        self._random = random.Random(seed)
        self._outcomes = list(weights)
        self._weights = list(weights.values())
        self._mask = SecondaryAddress()
        self.sent: set[SecondaryAddress] = set()
        self.transactions = 0

    def answer(self, request: Request) -> Outcome:
        self.transactions += 1
        if isinstance(request.frame, LongFrame):
            self._mask = SecondaryAddress.from_bytes(request.frame.data)
        (outcome,) = self._random.choices(self._outcomes, self._weights)
        if outcome is None:
            # The best lie: a meter that nobody ever met, made to fit the mask.
            digits = [
                digit if digit != "F" else self._random.choice("0123456789")
                for digit in self._mask.identification
            ]
            outcome = Reply(response(SecondaryAddress("".join(digits), 0x2C2D, 1, 4)))
        if isinstance(outcome, Reply) and request.expects is Expects.RESPONSE:
            identity = identity_of(outcome.frame)
            if identity is not None and fits(self._mask, identity):
                self.sent.add(identity)
        return outcome


def drain(procedure: Procedure[list[FoundMeter]], bus: Liar) -> list[FoundMeter]:
    outcome: Outcome | None = None
    try:
        while True:
            step = procedure.send(outcome)
            outcome = bus.answer(step) if isinstance(step, Request) else None
    except StopIteration as end:
        return list(end.value)


def run(procedure: Procedure[list[FoundMeter]], bus: Liar, state: SearchState) -> list[FoundMeter]:
    try:
        return drain(procedure, bus)
    except GarbledAnswerError:
        return state.meters


KINDS: list[Outcome | None] = [
    Ack(),
    Ack(late=b"\xe5"),
    Silence(),
    Silence(late=b"\xe5\x00"),
    Garbled(b"\xe5\xe5", Fault.COLLISION),
    Garbled(b"\x00", Fault.NOISE),
    Garbled(b"h", Fault.CUT_SHORT),
    Garbled(b"\x10\x40\xfe\x3e\x16", Fault.FOREIGN),
    *(Reply(response(meter)) for meter in METERS),
    Reply(response(METERS[0]), noise=b"\xfc"),
    Reply(LongFrame(0x08, 1, 0x7A, bytes(4))),
    Reply(LongFrame(0x08, 1, 0x72, b"")),
]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    weights=st.lists(st.sampled_from([0.0, 0.1, 1.0]), min_size=len(KINDS), max_size=len(KINDS)),
    thorough=st.booleans(),
)
def test_random_answers_end_the_search_and_invent_nobody(
    seed: int, weights: list[float], thorough: bool
) -> None:
    chosen = {kind: weight for kind, weight in zip(KINDS, weights, strict=True) if weight}
    bus, state = Liar(seed, chosen or {Silence(): 1.0}), SearchState()
    found = run(search_secondary(thorough=thorough, state=state), bus, state)
    assert bus.transactions < 20_000
    for meter in found:
        if meter.reply is not None and meter.secondary is not None:
            assert meter.secondary in bus.sent
        else:
            assert meter.remark


@pytest.mark.parametrize(
    "outcome",
    [
        Ack(),
        Garbled(b"\xe5\xe5", Fault.COLLISION),
        Garbled(bytes(9), Fault.BABBLE),
        Garbled(b"\xfc", Fault.NOISE),
        Reply(response(METERS[0])),
        Silence(late=b"\xff"),
    ],
)
def test_a_bus_that_always_gives_the_same_answer_ends_the_search(outcome: Outcome) -> None:
    bus, state = Liar(1, {outcome: 1.0}), SearchState()
    run(search_secondary(thorough=True, state=state), bus, state)
    assert bus.transactions < 5_000


def test_a_bus_that_makes_up_meters_without_end_is_given_up() -> None:
    bus, state = Liar(1, {Ack(): 1.0, None: 1.0, Garbled(b"\xe5\xe5", Fault.COLLISION): 0.2}), SearchState()
    run(search_secondary(state=state), bus, state)
    assert len(state.meters) <= 5_000


def test_says_clearly_that_a_babbling_bus_was_given_up() -> None:
    bus = Liar(1, {Garbled(b"\xe5\xe5", Fault.COLLISION): 1.0})
    with pytest.raises(GarbledAnswerError, match=r"0 meters found .* no meter has"):
        drain(search_secondary(), bus)
