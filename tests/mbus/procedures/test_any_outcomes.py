"""Whatever a bus answers, a procedure ends soon: with a result or an error of our tree, never with another meter's reading."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain, cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.addressing import SecondaryAddress
from mbus.application.header import fits, identity_of
from mbus.errors import MBusError
from mbus.link.frames import LongFrame, parse_frame
from mbus.link.station import Stations
from mbus.link.transaction import Ack, Fault, Garbled, Outcome, Reply, Silence
from mbus.procedures.address import set_address
from mbus.procedures.baud import find_baud, switch_baud
from mbus.procedures.clock import ClockSet, set_clock
from mbus.procedures.identity import set_identity
from mbus.procedures.read import read
from mbus.procedures.reading import MAX_TELEGRAMS, Reading
from mbus.procedures.reset import reset_application
from mbus.procedures.search_primary import search_primary
from mbus.procedures.steps import Procedure, Request
from support.answers import METER, STRANGER, answer, refusal

LIMIT = 3000
"""Steps; the longest legal conversation, 32 telegrams with every patience used up, several times over, has fewer."""

PROCEDURES: list[Callable[[], Procedure[object]]] = [
    lambda: read(5, Stations()),
    lambda: read(METER, Stations()),
    lambda: read(SecondaryAddress("1FFFFFFF"), Stations()),
    lambda: search_primary(3, 8),
    lambda: set_address(5, 9, Stations()),
    lambda: set_address(METER, 9, Stations()),
    lambda: set_identity(5, "87654321", Stations()),
    lambda: set_identity(METER, STRANGER, Stations()),
    lambda: set_clock(5, datetime(2026, 7, 28, 13, 45), Stations()),
    lambda: reset_application(METER, Stations()),
    lambda: switch_baud(5, 9600, Stations(), current=2400),
    lambda: find_baud(METER, Stations(), current=2400),
]


def frame_of(text: str) -> LongFrame:
    frame = parse_frame(bytes.fromhex(text))
    assert isinstance(frame, LongFrame)
    return frame


frames = st.one_of(
    st.sampled_from(
        [
            frame_of(text)
            for text in (
                answer(),
                answer(access=2),
                answer(more=True),
                answer(b"\x01\x7a\x07", more=True),
                answer(who=STRANGER),
                answer(who=None),
                answer(who=None, more=True),
                answer(address=9),
                refusal(8),
                refusal(1),
            )
        ]
    ),
    st.builds(LongFrame, st.just(8), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40)),
)
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.just(Ack()),
    st.just(Silence()),
    st.builds(Silence, st.binary(max_size=3)),
    st.builds(Reply, frames, st.binary(max_size=2)),
    st.builds(Garbled, st.binary(max_size=4), st.sampled_from(list(Fault))),
)


def drive(procedure: Procedure[object], answers: Iterator[Outcome]) -> object:
    """Answer every request with the next outcome; fail when the procedure takes more than `LIMIT` steps."""
    outcome: Outcome | None = None
    try:
        for _ in range(LIMIT):
            step = procedure.send(outcome)
            outcome = next(answers) if isinstance(step, Request) else None
    except StopIteration as end:
        return end.value
    raise AssertionError("the procedure does not come to an end")


@pytest.mark.parametrize("number", range(len(PROCEDURES)))
@given(st.lists(outcomes, max_size=12), st.lists(outcomes, min_size=1, max_size=4))
def test_a_procedure_ends_with_a_result_or_an_error_of_our_tree(
    number: int, first: list[Outcome], then: list[Outcome]
) -> None:
    try:
        result = drive(PROCEDURES[number](), chain(first, cycle(then)))
    except MBusError:
        return
    reading = result.reading if isinstance(result, ClockSet) else result
    if isinstance(reading, Reading):
        assert 1 <= len(reading.frames) <= MAX_TELEGRAMS


@given(st.lists(outcomes, max_size=8), st.lists(outcomes, min_size=1, max_size=4))
def test_a_reading_by_secondary_address_is_of_that_meter_or_says_that_it_is_anonymous(
    first: list[Outcome], then: list[Outcome]
) -> None:
    try:
        reading = drive(read(METER, Stations()), chain(first, cycle(then)))
    except MBusError:
        return
    assert isinstance(reading, Reading)
    for frame in reading.frames:
        identity = identity_of(frame)
        assert fits(METER, identity) if identity is not None else True
    assert "does not say who" in reading.remark or (
        reading.secondary is not None and fits(METER, reading.secondary)
    )
