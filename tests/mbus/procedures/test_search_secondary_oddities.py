"""Meters that differ in little, say little of themselves, or answer at odd times; searches that are told something or stopped."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest

from mbus.addressing import SecondaryAddress, manufacturer_code
from mbus.errors import ProcedureError
from mbus.link.frames import LongFrame
from mbus.link.transaction import Ack, Fault, Garbled, Outcome, Reply, Silence
from mbus.procedures.found import Found, FoundMeter
from mbus.procedures.search_secondary import SearchState, search_secondary
from mbus.procedures.steps import Note, Request
from mbussim.bus import Bus
from mbussim.meter import plain_meters
from mbussim.population import population
from mbussim.virtual import VirtualMaster
from support.selectbus import Collisions, SelectBus, drive, response

METER = SecondaryAddress("12345678", manufacturer_code("KAM"), 0x35, 0x04)
OTHERS = population(8, "random", 7)
ALL_COLLISIONS = pytest.mark.parametrize("collisions", ["clean", "garbled", "filtered"])


def search(bus: SelectBus, **options: object) -> list[FoundMeter]:
    found, counters = drive(search_secondary(**options), bus)  # type: ignore[arg-type]
    assert counters.select + counters.request < 3000
    return found


def addresses(found: Iterable[FoundMeter]) -> set[SecondaryAddress | None]:
    listed = [meter.secondary for meter in found]
    assert len(set(listed)) == len(listed) or None in listed
    return set(listed)


@ALL_COLLISIONS
@pytest.mark.parametrize(
    "twins",
    [
        [replace(METER, manufacturer=manufacturer_code("ELS"))],
        [replace(METER, manufacturer=manufacturer_code("ELS")), replace(METER, manufacturer=manufacturer_code("ZRI"))],
        [replace(METER, medium=0x07)],
        [replace(METER, medium=0x4B)],
        [replace(METER, version=0x01)],
        [replace(METER, version=0xFE, medium=0x16), replace(METER, manufacturer=manufacturer_code("ABB"))],
        [replace(METER, manufacturer=manufacturer_code("QQQ"), medium=0x07)],
        [replace(METER, manufacturer=manufacturer_code("ELS")), replace(METER, manufacturer=0x1DA3, version=0xE6, medium=0x02)],
    ],
)  # fmt: skip
def test_tells_meters_with_the_same_identification_apart(
    twins: list[SecondaryAddress], collisions: Collisions
) -> None:
    meters = [METER, *twins, *OTHERS]
    assert addresses(search(SelectBus(meters, collisions))) == set(meters)


@ALL_COLLISIONS
def test_reports_two_meters_with_equal_addresses_once_and_says_so(collisions: Collisions) -> None:
    found = search(SelectBus([METER, METER, *OTHERS], collisions))
    assert addresses(found) == {METER, *OTHERS}
    (twin,) = [meter for meter in found if meter.secondary == METER]
    assert twin.reply is None
    assert twin.remark


def test_ends_when_meters_of_unheard_makers_cannot_be_told_apart() -> None:
    twins = [replace(METER, manufacturer=manufacturer_code(letters)) for letters in ("QQQ", "QQX")]
    found = search(SelectBus([*twins, *OTHERS]))
    assert set(OTHERS) < addresses(found)
    assert all(meter.remark for meter in found if meter.secondary not in OTHERS)


@ALL_COLLISIONS
@pytest.mark.parametrize(
    "identifications",
    [
        ["0500023E"],
        ["12345678", "1234567E"],
        ["0500023E", "12345678", "87654321"],
        ["0500023E", *(f"{number:08d}" for number in range(4000_0000, 4000_9999, 1234))],
        ["ABCDEABC", "ABCDEABD"],
        ["A0000000", "0B000000", "00C00000", "0000000D"],
    ],
)
def test_finds_identifications_with_hex_digits(identifications: list[str], collisions: Collisions) -> None:
    meters = {replace(METER, identification=identification) for identification in identifications}
    assert addresses(search(SelectBus(sorted(meters, key=str), collisions))) == meters


def fixed_structure(address: SecondaryAddress, primary: int) -> LongFrame:
    return LongFrame(0x08, primary, 0x73, address.to_bytes()[:4] + bytes.fromhex("0100E97E0000000035010000"))


def test_a_fixed_structure_meter_is_found_by_its_identification() -> None:
    old = replace(METER, identification="40000321")
    found = search(SelectBus([*OTHERS, old], frames={len(OTHERS): fixed_structure(old, 3)}))
    assert addresses(found) == {*OTHERS, SecondaryAddress("40000321")}


@ALL_COLLISIONS
def test_of_two_meters_with_one_identification_the_partly_named_one_has_the_address_that_selects_it_alone(
    collisions: Collisions,
) -> None:
    old = replace(METER, medium=0x07)
    frames = {len(OTHERS) + 1: fixed_structure(old, 3)}
    found = search(SelectBus([*OTHERS, METER, old], collisions, frames=frames))
    assert addresses(found) == {*OTHERS, METER, SecondaryAddress(METER.identification, medium=0x07)}


def test_a_partly_named_meter_is_found_once_by_the_mask_that_asked_for_it_first() -> None:
    old = replace(METER, medium=0x07)
    frames = {len(OTHERS): fixed_structure(old, 3)}
    assert addresses(search(SelectBus([*OTHERS, old], frames=frames), known=[old])) == {*OTHERS, old}
    only = SecondaryAddress(medium=0x07)
    assert addresses(search(SelectBus([*OTHERS, old], frames=frames), mask=only)) == {
        *(meter for meter in OTHERS if meter.medium == 0x07),
        replace(only, identification=METER.identification),
    }


@ALL_COLLISIONS
def test_a_meter_that_no_mask_selects_without_another_is_told_as_standing_beside_it(
    collisions: Collisions,
) -> None:
    without_fields = SecondaryAddress(METER.identification)
    bus = Bus.of(plain_meters([*OTHERS, METER, without_fields]), collisions=collisions)
    found = VirtualMaster(bus).run(search_secondary()).result
    assert addresses(found) == {*OTHERS, METER, without_fields}
    (beside,) = [meter for meter in found if meter.secondary == without_fields]
    assert beside.reply is None
    assert "beside" in beside.remark


@ALL_COLLISIONS
@pytest.mark.parametrize("count", [1, 2])
def test_meters_that_do_not_say_who_they_are_are_reported_with_the_mask_that_selects_them(
    count: int, collisions: Collisions
) -> None:
    shy = [replace(METER, identification=f"{index}7654321") for index in range(count)]
    frames = {index: LongFrame(0x08, index, 0x7A, bytes(4)) for index in range(count)}
    found = search(SelectBus([*shy, *OTHERS], collisions, frames=frames))
    assert addresses(found) == {None, *OTHERS}
    nameless = [meter for meter in found if meter.secondary is None]
    assert {meter.primary for meter in nameless} == set(range(count))
    assert len(nameless) == count
    assert all("selects it alone" in meter.remark for meter in nameless)


def test_a_meter_that_acknowledges_and_never_replies_is_reported_and_ends_the_search() -> None:
    class Mute(SelectBus):
        def answer(self, request: Request) -> Outcome:
            outcome = super().answer(request)
            return (
                Silence() if isinstance(outcome, Reply) and outcome.frame.data[:4] == b"xV4\x12" else outcome
            )

    found = search(Mute([METER, *OTHERS]))
    assert set(OTHERS) < addresses(found)
    (mute,) = [meter for meter in found if meter.secondary not in OTHERS]
    assert mute.reply is None
    assert mute.remark


@dataclass(slots=True)
class Disturbed(SelectBus):
    """A bus on which every `period`-th transaction goes wrong in one way."""

    period: int = 7
    with_outcome: Outcome = Silence()  # noqa: RUF009 - frozen
    count: int = 0

    def answer(self, request: Request) -> Outcome:
        outcome = super(Disturbed, self).answer(request)
        self.count += 1
        return self.with_outcome if self.count % self.period == 0 else outcome


@pytest.mark.parametrize(
    "outcome",
    [
        Garbled(b"\xfc", Fault.NOISE),
        Garbled(response(OTHERS[0]).to_bytes()[:9], Fault.CUT_SHORT),
        Garbled(response(METER).to_bytes(), Fault.FOREIGN),
        Reply(response(METER), noise=b"\xfe"),
    ],
)
def test_noise_and_answers_of_others_cost_transactions_not_meters(outcome: Outcome) -> None:
    for period in (5, 7, 11):
        found = search(Disturbed(OTHERS, period=period, with_outcome=outcome), tries=3)
        assert addresses(found) - {METER} == set(OTHERS)


def test_a_reply_that_does_not_fit_the_mask_is_never_stored() -> None:
    class Late(SelectBus):
        def answer(self, request: Request) -> Outcome:
            outcome = super().answer(request)
            return Reply(response(METER)) if isinstance(outcome, Reply) else outcome

    bus = Late([replace(METER, identification="90000001"), replace(METER, identification="90000002")])
    found = search(bus, mask=SecondaryAddress("9FFFFFFF"))
    assert all(meter.reply is None for meter in found)


def test_a_late_acknowledgement_proves_a_second_meter() -> None:
    @dataclass(slots=True)
    class Slow(SelectBus):
        """Of two selected meters the second acknowledges so late that it overhears the request for data."""

        late: bytes = b""

        def answer(self, request: Request) -> Outcome:
            late, self.late = self.late, b""
            outcome = SelectBus.answer(self, request)
            if isinstance(request.frame, LongFrame):
                self.late = b"\xe5" if len(self._selected) > 1 else b""
                return replace(outcome, late=late)
            if isinstance(outcome, Garbled):
                return Reply(self._replies[self._selected[0]], late=late)
            return replace(outcome, late=late)

    assert addresses(search(Slow(OTHERS))) == set(OTHERS)


def test_known_meters_are_asked_for_first_and_only_those_that_answer_are_reported() -> None:
    selected: list[bytes] = []

    def trace(request: Request, _: Outcome) -> None:
        if isinstance(request.frame, LongFrame):
            selected.append(request.frame.data)

    found = search(SelectBus(OTHERS, trace=trace), known=[METER, *OTHERS[:3]])
    assert list(dict.fromkeys(selected))[:4] == [address.to_bytes() for address in (METER, *OTHERS[:3])]
    assert addresses(found) == set(OTHERS)


def test_a_complete_list_of_known_meters_does_not_hide_a_new_one() -> None:
    for collisions in ("clean", "garbled", "filtered"):
        meters = population(60, "random", 3)
        assert addresses(search(SelectBus(meters, collisions), known=meters[:59])) == set(meters)


@pytest.mark.parametrize(
    ("mask", "inside"),
    [
        (SecondaryAddress("1FFFFFFF"), lambda meter: meter.identification[0] == "1"),
        (SecondaryAddress("FFFFFFF7"), lambda meter: meter.identification[7] == "7"),
        (SecondaryAddress(manufacturer=manufacturer_code("KAM")), lambda meter: meter.manufacturer == 0x2C2D),
        (SecondaryAddress(medium=0x04), lambda meter: meter.medium == 4),
    ],
)
def test_a_search_under_a_mask_finds_just_what_it_selects(mask: SecondaryAddress, inside: object) -> None:
    meters = population(40, "random", 11)
    assert callable(inside)
    assert addresses(search(SelectBus(meters), mask=mask)) == {meter for meter in meters if inside(meter)}


@pytest.mark.parametrize("stop_after", [1, 2, 7, 40, 150])
def test_a_stopped_search_goes_on_where_it_was(stop_after: int) -> None:
    meters = population(60, "random", 2)
    bus, state = SelectBus(meters), SearchState()
    _, whole = drive(search_secondary(), SelectBus(meters))
    procedure = search_secondary(state=state)
    step, sent = next(procedure), 0
    while sent < stop_after:
        outcome = None
        if isinstance(step, Request):
            outcome, sent = bus.answer(step), sent + 1
        step = procedure.send(outcome)
    procedure.close()
    found, rest = drive(search_secondary(state=state), bus)
    assert addresses(found) == set(meters)
    assert stop_after + rest.select + rest.request <= whole.select + whole.request + 4


def test_a_state_belongs_to_its_mask() -> None:
    state = SearchState()
    drive(search_secondary(state=state), SelectBus(OTHERS))
    with pytest.raises(ProcedureError, match="FFFFFFFFFFFFFFFF"):
        drive(search_secondary(SecondaryAddress("1FFFFFFF"), state=state), SelectBus(OTHERS))


def test_tells_every_meter_once_and_how_far_it_is() -> None:
    notes: list[Note] = []
    meters = population(60, "batches", 2)
    drive(search_secondary(), SelectBus(meters), notes.append)
    assert [note.meter.secondary for note in notes if isinstance(note, Found)].__len__() == 60
    progress = [note for note in notes if not isinstance(note, Found)]
    done = [note.done for note in progress]  # type: ignore[attr-defined]
    assert done == sorted(done)
    assert all(note.left > 0 for note in progress)  # type: ignore[attr-defined]


def test_the_estimate_of_what_is_left_is_of_the_right_size_half_way() -> None:
    for ids in ("random", "sequential", "batches"):
        notes: list[Note] = []
        drive(search_secondary(), SelectBus(population(250, ids, 4)), notes.append)
        progress = [note for note in notes if not isinstance(note, Found)]
        half = progress[len(progress) // 2]
        left = progress[-1].done - half.done  # type: ignore[attr-defined]
        assert left / 2.5 <= half.left <= left * 2.5  # type: ignore[attr-defined]


def test_an_acknowledged_busy_meter_is_asked_again() -> None:
    class Busy(SelectBus):
        def answer(self, request: Request) -> Outcome:
            outcome = super().answer(request)
            if isinstance(outcome, Reply) and not self.trace:
                self.trace = lambda *_: None
                return Ack()
            return outcome

    assert addresses(search(Busy([METER]))) == {METER}
