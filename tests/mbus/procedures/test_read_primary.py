import pytest

from mbus.addressing import SecondaryAddress
from mbus.application.encode import FixedStructure
from mbus.application.encode_record import RecordSpec
from mbus.errors import (
    AddressError,
    GarbledAnswerError,
    NoAnswerError,
    ProcedureError,
    RefusedError,
    WrongMeterError,
)
from mbus.link.frames import LongFrame, parse_frame
from mbus.link.station import Stations
from mbus.link.transaction import Fault
from mbus.procedures.exchange import PATIENCE
from mbus.procedures.read import read_primary
from mbus.procedures.reading import MAX_TELEGRAMS, whole
from support.answers import (
    ACK,
    ENERGY,
    METER,
    NKE_5,
    REQ_5_FCB0,
    REQ_5_FCB1,
    SILENCE,
    STRANGER,
    answer,
    refusal,
)
from support.script import Garbled, Line, Pause, Reply, Script, play

REFERENCES = [RecordSpec(b"\x06", number) for number in range(40)]


def known(address: int = 5) -> Stations:
    stations = Stations()
    stations.initialised(address)
    return stations


def test_the_first_contact_begins_with_initialisation() -> None:
    stations = Stations()
    reading = play(read_primary(5, stations), [(NKE_5, ACK), (REQ_5_FCB1, answer())])
    assert (reading.primary, reading.secondary, reading.remark, reading.tries) == (5, METER, "", 1)
    assert [frame.to_bytes().hex() for frame in reading.frames] == [answer()]


def test_a_known_meter_is_asked_at_once_with_a_toggling_bit() -> None:
    stations = known()
    for request in (REQ_5_FCB1, REQ_5_FCB0, REQ_5_FCB1):
        assert play(read_primary(5, stations), [(request, answer())]).tries == 1


def test_initialisation_can_be_asked_for_and_left_out() -> None:
    play(read_primary(5, known(), initialise=True), [(NKE_5, ACK), (REQ_5_FCB1, answer())])
    play(read_primary(5, Stations(), initialise=False), [(REQ_5_FCB1, answer())])


def test_a_repeat_keeps_the_same_bytes() -> None:
    stations = known()
    stations.succeeded(5)
    script: Script = [
        (REQ_5_FCB0, SILENCE),
        (REQ_5_FCB0, Garbled(b"\x68", Fault.CUT_SHORT)),
        (REQ_5_FCB0, answer()),
    ]
    assert play(read_primary(5, stations), script).tries == 3


def test_after_the_last_try_the_next_conversation_begins_with_initialisation() -> None:
    stations = known()
    with pytest.raises(NoAnswerError):
        play(read_primary(5, stations), [(REQ_5_FCB1, SILENCE)] * 3)
    play(read_primary(5, stations), [(NKE_5, ACK), (REQ_5_FCB1, answer())])


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (Garbled(b"\x00", Fault.COLLISION), GarbledAnswerError),
        (Garbled(b"\x68", Fault.DAMAGED), GarbledAnswerError),
        (Garbled(b"", Fault.FOREIGN), WrongMeterError),
    ],
)
def test_the_last_try_says_what_went_wrong(last: Garbled, error: type[ProcedureError]) -> None:
    with pytest.raises(error):
        play(read_primary(5, known(), tries=1), [(REQ_5_FCB1, last)])


def test_an_absent_meter_costs_no_more_than_the_tries_at_first_contact() -> None:
    script: Script = [(NKE_5, SILENCE), (NKE_5, SILENCE), (REQ_5_FCB1, SILENCE)]
    with pytest.raises(NoAnswerError):
        play(read_primary(5, Stations()), script)


def test_a_meter_that_never_acknowledges_initialisation_is_read_and_it_is_said() -> None:
    stations = Stations()
    script: Script = [(NKE_5, SILENCE), (NKE_5, SILENCE), (REQ_5_FCB1, answer())]
    assert "initialisation" in play(read_primary(5, stations), script).remark
    assert play(read_primary(5, stations), [(REQ_5_FCB0, answer())]).remark == ""


def test_an_initialisation_that_got_lost_is_repeated() -> None:
    script: Script = [(NKE_5, SILENCE), (NKE_5, ACK), (REQ_5_FCB1, SILENCE), (REQ_5_FCB1, answer())]
    assert play(read_primary(5, Stations()), script).tries == 2


def test_a_busy_slave_gets_time_and_the_same_bytes() -> None:
    script: Script = [(REQ_5_FCB1, ACK), Pause(0.1), (REQ_5_FCB1, ACK), Pause(0.1), (REQ_5_FCB1, answer())]
    assert play(read_primary(5, known(), tries=1), script).tries == 3


def test_a_slave_that_is_always_busy_is_given_up() -> None:
    busy: Script = [(REQ_5_FCB1, ACK), Pause(0.1)]
    with pytest.raises(NoAnswerError, match="acknowledges"):
        play(read_primary(5, known(), tries=1), [*busy] * PATIENCE + [(REQ_5_FCB1, ACK)])


def test_a_busy_application_gets_a_second_and_a_new_question() -> None:
    script: Script = [(REQ_5_FCB1, refusal(8)), Pause(1.0), (REQ_5_FCB0, answer())]
    assert play(read_primary(5, known()), script).secondary == METER


def test_an_application_that_is_always_busy_refuses() -> None:
    script: list[Line] = []
    for index in range(PATIENCE):
        script += [((REQ_5_FCB1, REQ_5_FCB0)[index % 2], refusal(8)), Pause(1.0)]
    with pytest.raises(RefusedError, match="busy"):
        play(read_primary(5, known()), [*script, (REQ_5_FCB0, refusal(8))])


@pytest.mark.parametrize("code", [0, 1, 9, 0x33])
def test_other_application_errors_are_final(code: int) -> None:
    stations = known()
    with pytest.raises(RefusedError, match=f"code {code}"):
        play(read_primary(5, stations), [(REQ_5_FCB1, refusal(code))])
    assert not stations.is_agreed(5)


def test_all_telegrams_are_fetched_with_a_toggling_bit() -> None:
    first = answer(REFERENCES[1], access=1, more=True)
    second = answer(REFERENCES[2], access=2, more=True)
    third = answer(REFERENCES[3], access=3)
    script: Script = [(REQ_5_FCB1, first), (REQ_5_FCB0, second), (REQ_5_FCB1, SILENCE), (REQ_5_FCB1, third)]
    reading = play(read_primary(5, known()), script)
    assert [telegram.records[0].value for telegram in whole(reading)] == [1000, 2000, 3000]
    assert (reading.tries, reading.remark) == (2, "")


def test_a_broken_record_does_not_hide_that_another_telegram_follows() -> None:
    broken = answer(REFERENCES[1], b"\x3d\x06\x05", access=1, more=True)
    script: Script = [(REQ_5_FCB1, broken), (REQ_5_FCB0, answer(REFERENCES[2], access=2))]
    assert len(play(read_primary(5, known()), script).frames) == 2


def test_after_several_telegrams_the_next_reading_begins_with_initialisation() -> None:
    stations = known()
    script: Script = [(REQ_5_FCB1, answer(REFERENCES[1], more=True)), (REQ_5_FCB0, answer(REFERENCES[2]))]
    play(read_primary(5, stations), script)
    assert not stations.is_agreed(5)


def test_a_meter_that_repeats_its_telegram_does_not_hold_the_bus() -> None:
    script: Script = [
        (REQ_5_FCB1, answer(access=1, more=True)),
        (REQ_5_FCB0, answer(access=2, more=True)),
    ]
    reading = play(read_primary(5, known()), script)
    assert len(reading.frames) == 1
    assert "more telegrams than the 1" in reading.remark


def test_an_answer_that_comes_twice_loses_none_of_the_telegrams_behind_it() -> None:
    first, second = answer(REFERENCES[1], access=1, more=True), answer(REFERENCES[2], access=2)
    script: Script = [(REQ_5_FCB1, first), (REQ_5_FCB0, first), (REQ_5_FCB1, second)]
    reading = play(read_primary(5, known()), script)
    assert [telegram.records[0].value for telegram in whole(reading)] == [1000, 2000]
    assert reading.remark == ""


def test_an_answer_that_comes_again_and_again_is_read_once() -> None:
    again = answer(access=1, more=True)
    script: Script = [(REQ_5_FCB1, again), (REQ_5_FCB0, again), (REQ_5_FCB1, again), (REQ_5_FCB0, again)]
    reading = play(read_primary(5, known()), script)
    assert len(reading.frames) == 1
    assert "more telegrams than the 1" in reading.remark


def test_a_meter_that_goes_round_in_a_circle_is_read_once() -> None:
    script: Script = [
        (REQ_5_FCB1, answer(REFERENCES[1], access=1, more=True)),
        (REQ_5_FCB0, answer(REFERENCES[2], access=2, more=True)),
        (REQ_5_FCB1, answer(REFERENCES[1], access=3, more=True)),
    ]
    reading = play(read_primary(5, known()), script)
    assert len(reading.frames) == 2
    assert "more telegrams than the 2" in reading.remark


def test_a_meter_that_never_ends_is_stopped() -> None:
    script: Script = [
        ((REQ_5_FCB1, REQ_5_FCB0)[index % 2], answer(REFERENCES[index], access=index, more=True))
        for index in range(MAX_TELEGRAMS)
    ]
    reading = play(read_primary(5, known()), script)
    assert len(reading.frames) == MAX_TELEGRAMS
    assert "more than 32" in reading.remark


def test_a_telegram_of_another_meter_ends_the_reading() -> None:
    stations = known()
    script: Script = [
        (REQ_5_FCB1, answer(REFERENCES[1], more=True)),
        (REQ_5_FCB0, answer(REFERENCES[2], who=STRANGER)),
    ]
    with pytest.raises(WrongMeterError):
        play(read_primary(5, stations), script)
    assert not stations.is_agreed(5)


def test_a_later_telegram_that_cannot_be_had_fails_the_reading() -> None:
    script: Script = [(REQ_5_FCB1, answer(more=True))] + [(REQ_5_FCB0, SILENCE)] * 3
    with pytest.raises(NoAnswerError):
        play(read_primary(5, known()), script)


def test_noise_in_front_of_an_answer_is_remarked() -> None:
    frame = parse_frame(bytes.fromhex(answer()))
    assert isinstance(frame, LongFrame)
    reading = play(read_primary(5, known()), [(REQ_5_FCB1, Reply(frame, noise=b"\xfc"))])
    assert "noise" in reading.remark


def test_a_meter_without_long_header_is_told_by_its_address() -> None:
    reading = play(read_primary(5, known()), [(REQ_5_FCB1, answer(who=None))])
    assert (reading.primary, reading.secondary, reading.remark) == (5, None, "")


def test_an_identification_among_the_records_says_who_it_is() -> None:
    record = RecordSpec(b"\x79", METER.to_bytes(), data_field=7)
    assert play(read_primary(5, known()), [(REQ_5_FCB1, answer(record, who=None))]).secondary == METER
    short = RecordSpec(b"\x79", 12345678, data_field=0x0C)
    reading = play(read_primary(5, known()), [(REQ_5_FCB1, answer(short, who=None))])
    assert reading.secondary == SecondaryAddress("12345678")


def test_the_identification_of_another_register_is_not_the_meters_own() -> None:
    record = RecordSpec(b"\x79", STRANGER.to_bytes(), data_field=7, subunit=1)
    assert play(read_primary(5, known()), [(REQ_5_FCB1, answer(record, who=None))]).secondary is None


def test_the_fixed_structure_says_its_identification() -> None:
    frame = FixedStructure("12345678", 7, (0x29, 0x29), (1, 2)).to_frame(5).to_bytes().hex()
    reading = play(read_primary(5, known()), [(REQ_5_FCB1, frame)])
    assert reading.secondary == SecondaryAddress("12345678")


def test_the_only_meter_on_the_line_is_read_at_the_test_address() -> None:
    stations = known()
    script: Script = [("10 40 FE 3E 16", ACK), ("10 7B FE 79 16", answer(ENERGY, address=5))]
    assert play(read_primary(0xFE, stations), script).primary == 5
    assert not stations.is_agreed(5), "the meter may have one frame count bit for both addresses"


@pytest.mark.parametrize("address", [-1, 251, 253, 255, 256])
def test_no_meter_is_looked_for_where_none_can_be(address: int) -> None:
    with pytest.raises(AddressError):
        play(read_primary(address, Stations()), [])
