"""Masks, facts, expectations and costs of the search, each on its own."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.addressing import ANY_MANUFACTURER, SecondaryAddress, manufacturer_code
from mbus.link.transaction import Ack, Fault, Garbled, Outcome, Reply, Silence
from mbus.procedures.found import FoundMeter
from mbus.procedures.search_secondary import masks
from mbus.procedures.search_secondary.costs import Outlook, Prices, cells, offer, offer_beside, prices
from mbus.procedures.search_secondary.deliveries import credit, deliveries, neighbours, telling
from mbus.procedures.search_secondary.facts import Cell, Facts
from mbus.procedures.search_secondary.masks import covers, fix, mask_of, matches, text_of
from mbus.procedures.search_secondary.model import Model
from mbus.procedures.search_secondary.needs import Needs
from mbus.procedures.search_secondary.planner import Planner
from mbus.procedures.search_secondary.probe import Finding, Prober, Verdict
from mbus.procedures.search_secondary.separate import likely_parts, other_parts
from mbus.procedures.steps import Request
from support.selectbus import response

ANYTHING = mask_of("FFFFFFFF")
masks_as_text = st.text("0123456789ABCDEF", min_size=8, max_size=8)


# Masks


@given(masks_as_text)
def test_a_mask_is_written_as_it_was_read(text: str) -> None:
    assert text_of(mask_of(text)) == text


@given(masks_as_text, masks_as_text)
def test_masks_match_as_addresses_do(wide: str, narrow: str) -> None:
    theirs = SecondaryAddress(wide).matches(SecondaryAddress(narrow))
    assert covers(mask_of(wide), mask_of(narrow)) == theirs
    if "F" not in narrow:
        assert matches(mask_of(wide), int(narrow, 16)) == theirs
        assert masks.overlap(mask_of(wide), mask_of(narrow)) == theirs


def test_wider_masks_free_every_combination_of_digits_but_the_given_ones() -> None:
    found = {text_of(mask) for mask in masks.wider(mask_of("1FFFFF34"), mask_of("1FFFFFFF")[0])}
    assert found == {"1FFFFF34", "1FFFFFF4", "1FFFFF3F", "1FFFFFFF"}


def test_volume_is_a_tenth_for_each_fixed_digit() -> None:
    assert masks.volume(mask_of("12FFFFFF")[0]) == pytest.approx(0.01)


# Facts


def test_a_settled_wide_mask_settles_the_cells_under_it_and_those_made_later() -> None:
    facts = Facts(ANYTHING)
    facts.split(facts.open[ANYTHING], 7)
    facts.settle(mask_of("FFFFFF5F"))
    assert len(facts.open) == 10
    facts.split(facts.open[mask_of("FFFFFFF3")], 6)
    assert mask_of("FFFFFF53") not in facts.open
    assert mask_of("FFFFFF43") in facts.open
    facts.settle(mask_of("FFFFFFF3"))
    assert len(facts.open) == 9


def test_a_cell_is_found_by_an_identification_until_it_is_settled() -> None:
    facts = Facts(ANYTHING)
    facts.split(facts.open[ANYTHING], 7)
    cell = facts.cell_at(0x12345678)
    assert cell is not None
    assert text_of(cell.mask) == "FFFFFFF8"
    facts.settle(mask_of("FFF45FFF"))
    assert facts.cell_at(0x12345678) is None
    assert facts.cell_at(0x1234567A) is None


def test_known_meters_are_counted_under_any_mask() -> None:
    facts = Facts(ANYTHING)
    facts.add_known(0x12345678)
    facts.add_nameless(mask_of("FFFFFFF3"))
    assert facts.known_in(mask_of("1FFFFFFF")) == 1
    assert facts.known_in(ANYTHING) == 2


def test_a_mask_misses_what_was_proven_there_and_is_not_known() -> None:
    facts = Facts(ANYTHING)
    needs = Needs(facts)
    acknowledged, collided = mask_of("FFFFFF3F"), mask_of("1FFFFFFF")
    facts.prove(acknowledged, 1)
    facts.prove(collided, 2)
    needs.refresh()
    assert needs.missing == {acknowledged: 1, collided: 2}
    facts.add_known(0x12345678)
    facts.add_known(0x22222232)
    needs.refresh()
    assert needs.missing == {collided: 1}
    facts.unread.add(acknowledged)
    needs.refresh()
    assert needs.missing == {collided: 1, acknowledged: 1}


@given(
    st.lists(
        st.tuples(st.integers(0, 99), st.sampled_from(["split", "settle"]), st.integers(0, 7)), max_size=25
    )
)
def test_open_cells_never_overlap_and_never_hold_what_is_settled(steps: list[tuple[int, str, int]]) -> None:
    facts, settled = Facts(ANYTHING), []
    for index, action, position in steps:
        if not facts.open:
            break
        cell = list(facts.open.values())[index % len(facts.open)]
        if action == "split" and position in masks.free_positions(cell.mask[0]):
            facts.split(cell, position)
        else:
            wide = list(masks.wider(cell.mask, 0))[-1 if index % 2 else 0]
            facts.settle(wide)
            settled.append(wide)
    cells = list(facts.open)
    assert not any(masks.overlap(one, two) for n, one in enumerate(cells) for two in cells[:n])
    assert not any(covers(wide, cell) for wide in settled for cell in cells)


# Costs

EVEN = Prices(1, 1, 1)


def test_a_likely_silence_that_saves_nine_selects_is_worth_asking_for() -> None:
    assert offer(Outlook(0.9, 0.09), cells(10), 1.0, EVEN).gain > 0


def test_asking_where_several_are_certain_is_pure_loss() -> None:
    worth = offer(Outlook(0.0, 0.0), cells(10), 1.0, EVEN)
    assert worth.gain == -1
    assert not worth.request


def test_the_reading_is_asked_for_where_one_meter_is_likely_enough() -> None:
    assert offer(Outlook(0.1, 0.3), cells(10), 1.0, EVEN).request
    assert not offer(Outlook(0.1, 0.05), cells(10), 1.0, EVEN).request


def test_long_readings_are_asked_for_only_where_one_meter_is_likelier() -> None:
    assert offer(Outlook(0.1, 0.2), cells(10), 1.0, prices(20)).request
    assert not offer(Outlook(0.1, 0.2), cells(10), 1.0, prices(250)).request


def test_silence_costs_more_than_an_acknowledgement_and_a_long_reading_more_than_silence() -> None:
    price = prices(150)
    assert price.acknowledgement < price.silence < price.reading


def test_an_acknowledgement_is_worth_more_where_collisions_show() -> None:
    assert offer(Outlook(0.1, 0.05), cells(10), 0.0, EVEN).request
    assert (
        offer(Outlook(0.1, 0.3), cells(10), 0.0, EVEN).gain
        > offer(Outlook(0.1, 0.3), cells(10), 1.0, EVEN).gain
    )


def test_beside_a_known_meter_only_its_lone_answer_saves_anything() -> None:
    assert offer_beside(Outlook(0.5, 0.3), cells(10), 1.0, EVEN).gain == pytest.approx(3.0)
    assert offer_beside(Outlook(0.1, 0.9), cells(10), 1.0, EVEN).gain < 0


# Expectations


def test_numbers_far_apart_are_of_different_deliveries() -> None:
    assert deliveries([5, 6, 900, 1_000_000, 1_000_001]) == [[5, 6, 900], [1_000_000, 1_000_001]]


def credited(part: list[int], trust: float, closed: set[int] = frozenset()) -> float:  # type: ignore[assignment]
    """Believe in a delivery on a bus with 250 meters from anywhere."""
    shut = set(part) | set(closed)
    return credit(part, trust, 250e-8, lambda number: number not in shut)


def test_two_numbers_are_the_more_surely_of_one_delivery_the_closer_they_are() -> None:
    assert credited([5000, 5003], 0.5) > credited([5000, 5100], 0.5) > credited([5000, 6000], 0.5) > 0.98


def test_among_many_meters_from_anywhere_two_may_be_close_by_chance() -> None:
    assert credited([5000, 6000], 0.002) < 0.2
    assert credited([5000, 5003], 0.002) > 0.9
    assert credited([5000, 6000, 6900], 0.002) > 0.8


def test_an_empty_number_beside_either_speaks_against_a_delivery() -> None:
    assert credited([5000, 5100], 0.01, {5001}) < credited([5000, 5100], 0.01)
    assert credited([5000, 5100], 0.01, {5001, 5099}) < credited([5000, 5100], 0.01, {5001})


def chances(delivery: list[int], closed: set[int] = frozenset(), trust: float = 1.0) -> dict[int, float]:  # type: ignore[assignment]
    shut = set(delivery) | set(closed)
    return dict(neighbours(delivery, trust, lambda number: number not in shut))


def test_numbers_between_found_ones_are_likely_and_beyond_them_less_and_less() -> None:
    chance = chances([1000, 1010])
    assert all(chance[number] > 0.85 for number in range(1001, 1010))
    assert chance[1011] > chance[1015] > chance[1025]
    assert chance[999] == chance[1011]


def test_an_empty_number_ends_the_hope_for_what_lies_behind_it() -> None:
    assert chances([1000, 1010], {1012})[1013] < 0.2 * chances([1000, 1010])[1013]


def test_what_lies_before_an_empty_number_is_less_likely_too() -> None:
    assert chances([1000, 1100], {1110})[1105] < chances([1000, 1100])[1105]
    assert chances([1000, 1100], {1110, 1111, 1112})[1105] < chances([1000, 1100], {1110})[1105]


def told(delivery: list[int], closed: set[int] = frozenset(), trust: float = 1.0) -> list[int]:  # type: ignore[assignment]
    shut = set(delivery) | set(closed)
    return list(telling(delivery, trust, lambda number: number not in shut))


def test_the_next_number_tells_whether_a_lone_meter_is_of_a_delivery() -> None:
    assert told([5000]) == [5001]
    assert told([5000], {4999}) == []


def test_where_a_delivery_is_not_sure_the_number_behind_its_first_one_is_asked_for() -> None:
    assert told([5000, 5100], trust=0.7) == [5001]


def test_the_number_that_may_as_well_be_a_meter_as_not_tells_where_a_delivery_ends() -> None:
    below, above = sorted(told([5000, 5100]))
    chance = chances([5000, 5100])
    assert below < 5000 < 5100 < above
    assert chance[above] == pytest.approx(0.5, abs=0.05)


def test_the_end_of_a_delivery_is_closed_in_from_both_sides() -> None:
    (above,) = (number for number in told([5000, 5100], set(range(5160, 5200))) if number > 5100)
    assert 5100 < above < 5160
    assert not [number for number in told([5000, 5100], set(range(5103, 5200))) if number > 5100]


def test_there_are_no_numbers_below_zero_or_above_eight_digits() -> None:
    assert min(chances([1, 3])) == 0
    assert max(chances([99_999_990, 99_999_996])) == 99_999_999


def test_a_lone_meter_that_is_no_delivery_has_no_neighbours() -> None:
    assert not chances([5000], trust=0.01)


def model_after(found: int, silent_digits: int) -> tuple[Facts, Model]:
    """Ten children of everything on the last digit: the first hold one stranger each, then come silent ones."""
    facts = Facts(ANYTHING)
    facts.split(facts.open[ANYTHING], 7)
    model = Model(facts)
    for digit in range(found + silent_digits):
        if digit < found:
            facts.add_known(0x10000000 * (digit + 1) + digit)
        facts.settle(fix(ANYTHING, 7, digit))
    model.refresh()
    return facts, model


def test_what_was_found_and_ruled_out_tells_how_much_is_left() -> None:
    few_facts, few = model_after(1, 7)
    many_facts, many = model_after(7, 1)
    none_of_few, _ = few.outlook(few_facts.cells(mask_of("FFFFFFF9")))
    none_of_many, _ = many.outlook(many_facts.cells(mask_of("FFFFFFF9")))
    assert none_of_few > 0.6 > 0.5 > none_of_many


def test_the_last_cell_that_can_hold_a_proven_meter_is_not_expected_to_be_empty() -> None:
    facts = Facts(ANYTHING)
    facts.prove(ANYTHING, 2)
    facts.split(facts.open[ANYTHING], 7)
    for digit in range(9):
        facts.settle(fix(ANYTHING, 7, digit))
    facts.add_known(0x12345670)
    model = Model(facts)
    model.refresh()
    none, _ = model.outlook(facts.cells(mask_of("FFFFFFF9")))
    assert none == pytest.approx(0.0, abs=1e-6)


def test_a_wide_mask_that_answered_makes_each_cell_under_it_likelier_than_its_sisters() -> None:
    facts = Facts(ANYTHING)
    for cell in facts.split(facts.open[ANYTHING], 7).children.copy().values():
        assert isinstance(cell, Cell)
        facts.split(cell, 6)
    for digit in range(8):
        facts.settle(mask_of(f"FFFFFF3{digit}"))
    facts.prove(mask_of("FFFFFF3F"), 1)
    model = Model(facts)
    model.refresh()
    answered, _ = model.outlook(facts.cells(mask_of("FFFFFF39")))
    sister, _ = model.outlook(facts.cells(mask_of("FFFFFF49")))
    assert answered < 0.7 * sister


@given(st.integers(0, 3), st.integers(0, 6), st.integers(0, 3))
def test_probabilities_stay_probabilities(found: int, silent: int, proven: int) -> None:
    facts, model = model_after(found, silent)
    facts.prove(ANYTHING, proven)
    model.refresh()
    for mask in (ANYTHING, mask_of("FFFFFFF9"), mask_of("FFFFFFF8")):
        none, one = model.outlook(facts.cells(mask))
        assert 0 <= none <= 1
        assert 0 <= one <= 1
        assert none + one <= 1 + 1e-9
    assert model.transactions_left() > 0


def test_the_first_question_is_for_everything_and_with_its_reading() -> None:
    facts = Facts(ANYTHING)
    model = Model(facts)
    model.refresh()
    question = Planner(facts, model).next()
    assert question is not None
    assert (question.mask, question.request) == (ANYTHING, True)


@pytest.mark.parametrize(("digits", "goes_on_there"), [((2, 1), False), ((2, 1, 0), True)])
def test_a_second_meter_is_looked_for_beside_the_first_only_where_that_one_was_far_down(
    digits: tuple[int, ...], goes_on_there: bool
) -> None:
    facts = Facts(ANYTHING)
    for place in digits:
        cell = facts.any_cell(widest=False)
        facts.prove(cell.mask, 2)
        facts.split(cell, place)
    alone = facts.any_cell(widest=False)
    facts.settle(alone.mask)
    facts.add_known(alone.mask[1] | 0x45678)
    model = Model(facts)
    model.refresh()
    widest = facts.any_cell(widest=True).mask
    question = Planner(facts, model).next()
    assert question is not None
    assert (widest in facts.open and question.mask != widest) == goes_on_there


# One mask on the bus

METER = SecondaryAddress("12345678", manufacturer_code("KAM"), 0x35, 0x04)
STRANGER = SecondaryAddress("87654321", manufacturer_code("ELS"), 0x01, 0x07)


def examined(outcomes: Iterator[Outcome], mask: str = "1FFFFFFF") -> tuple[Finding, Prober]:
    prober = Prober(2)
    procedure = prober.examine(SecondaryAddress(mask))
    step = next(procedure)
    try:
        while True:
            step = procedure.send(next(outcomes) if isinstance(step, Request) else None)
    except StopIteration as end:
        assert next(outcomes, None) is None, "not all outcomes were used"
        return end.value, prober


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([Silence()], Verdict.EMPTY),
        ([Ack(), Reply(response(METER))], Verdict.ALONE),
        ([Garbled(b"\xe5\xe5", Fault.COLLISION)], Verdict.SEVERAL),
        ([Garbled(b"\xfc", Fault.NOISE), Silence()], Verdict.EMPTY),
        ([Ack(), Garbled(b"h", Fault.DAMAGED)], Verdict.SEVERAL),
        ([Ack(), Silence(), Silence()], Verdict.SOME),
        ([Ack(), Silence(), Reply(response(METER))], Verdict.ALONE),
        ([Ack(), Reply(response(METER), late=b"\xe5")], Verdict.SEVERAL),
        ([Ack(), Reply(response(METER), noise=b"\xe5")], Verdict.SEVERAL),
        ([Ack(), Reply(response(STRANGER)), Ack(), Reply(response(METER))], Verdict.ALONE),
        ([Ack(), Reply(response(STRANGER)), Ack(), Reply(response(STRANGER))], Verdict.SOME),
        ([Silence(late=b"\xe5"), Silence()], Verdict.EMPTY),
        ([Ack(late=b"\xe5"), Silence()], Verdict.EMPTY),
        ([Garbled(b"\xe5\xe5", Fault.COLLISION, late=b"\xe5"), Ack(), Reply(response(METER))], Verdict.ALONE),
        ([Reply(response(STRANGER)), Silence()], Verdict.EMPTY),
        ([Garbled(response(STRANGER).to_bytes()[:9], Fault.CUT_SHORT), Silence()], Verdict.EMPTY),
    ],
)
def test_answers_prove_what_they_prove(outcomes: list[Outcome], verdict: Verdict) -> None:
    finding, prober = examined(iter(outcomes))
    assert finding.verdict is verdict
    assert prober.transactions == len(outcomes)
    assert (finding.meter is not None) == any(
        isinstance(outcome, Reply) and outcome.frame == response(METER) for outcome in outcomes
    )


# The same identification


def test_makers_seen_on_the_bus_are_tried_before_those_only_known() -> None:
    seen = [FoundMeter(1, STRANGER, None), FoundMeter(2, METER, None), FoundMeter(3, METER, None)]
    parts = list(likely_parts(SecondaryAddress("12345678", medium=METER.medium), seen))
    assert [part.manufacturer for part in parts[:2]] == [METER.manufacturer, STRANGER.manufacturer]
    assert len({part.manufacturer for part in parts}) == len(parts)


def test_one_identification_is_split_by_medium_before_anything_else() -> None:
    parts = list(likely_parts(SecondaryAddress("12345678"), [FoundMeter(1, METER, None)]))
    assert parts[0] == SecondaryAddress("12345678", medium=METER.medium)
    assert {part.manufacturer for part in parts} == {ANY_MANUFACTURER}


def test_what_has_no_open_field_has_no_parts() -> None:
    assert not list(likely_parts(METER, []))
    assert not list(other_parts(METER))
