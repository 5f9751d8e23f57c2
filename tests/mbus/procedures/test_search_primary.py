import pytest

from mbus.application.commands import req_ud2
from mbus.errors import AddressError
from mbus.link.frames import LongFrame, parse_frame
from mbus.link.station import Stations
from mbus.link.transaction import Fault
from mbus.procedures.found import Found, FoundMeter, Progress, Unclear
from mbus.procedures.read import read_primary
from mbus.procedures.search_primary import search_primary
from mbus.procedures.steps import Note
from support.answers import ACK, METER, NKE_5, REQ_5_FCB0, REQ_5_FCB1, SILENCE, answer, refusal
from support.script import Garbled, Line, Pause, Reply, Script, play

TO_ALL: Script = [("10 40 FF 3F 16", SILENCE), Pause(1.0)]
DAMAGED = Garbled(b"\x68\x00", Fault.DAMAGED)


def frame_of(text: str) -> LongFrame:
    frame = parse_frame(bytes.fromhex(text))
    assert isinstance(frame, LongFrame)
    return frame


def search(*script: Line, tries: int = 1) -> tuple[list[FoundMeter], list[Note]]:
    """Search address 5 only; give the meters and the notes without progress."""
    notes: list[Note] = []
    meters = play(search_primary(5, 5, tries=tries, initialise=False), script, notes)
    return meters, [note for note in notes if not isinstance(note, Progress)]


def test_every_address_is_asked_once_with_one_after_initialisation_of_all() -> None:
    empty: Script = [(req_ud2(address, fcb=True).to_bytes().hex(), SILENCE) for address in range(251)]
    assert play(search_primary(), [*TO_ALL, *empty]) == []


def test_a_found_meter_comes_with_its_first_reading() -> None:
    meters, notes = search((REQ_5_FCB1, answer()))
    assert meters == [FoundMeter(5, METER, frame_of(answer()))]
    assert notes == [Found(meters[0])]


def test_progress_counts_transactions_and_meters() -> None:
    notes: list[Note] = []
    script: Script = [*TO_ALL, ("10 7B 04 7F 16", SILENCE), (REQ_5_FCB1, answer())]
    play(search_primary(4, 5), script, notes)
    assert [note for note in notes if isinstance(note, Progress)] == [
        Progress(1, 2, 0, "address 4"),
        Progress(2, 1, 0, "address 5"),
        Progress(3, 0, 1, "address 5"),
    ]


def test_silence_is_asked_again_as_often_as_wanted() -> None:
    assert search((REQ_5_FCB1, SILENCE), (REQ_5_FCB1, SILENCE), (REQ_5_FCB1, answer()), tries=3)[0]
    assert search((REQ_5_FCB1, SILENCE), (REQ_5_FCB1, SILENCE), tries=2) == ([], [])


def test_what_cannot_be_understood_is_asked_again_and_then_told() -> None:
    collision = Garbled(b"\xe5\x00", Fault.COLLISION)
    meters, notes = search((REQ_5_FCB1, DAMAGED), (REQ_5_FCB1, DAMAGED), (REQ_5_FCB1, collision))
    assert meters == []
    assert notes == [Unclear(5, Fault.COLLISION, b"\xe5\x00")]


def test_a_meter_that_answers_with_another_address_is_told() -> None:
    foreign = Garbled(bytes.fromhex(answer(address=6)), Fault.FOREIGN)
    assert search(*[(REQ_5_FCB1, foreign)] * 3)[1] == [Unclear(5, Fault.FOREIGN, foreign.data)]


def test_noise_that_does_not_come_again_is_told_as_unclear() -> None:
    script: Script = [(REQ_5_FCB1, DAMAGED), (REQ_5_FCB1, SILENCE), (REQ_5_FCB1, SILENCE)]
    assert search(*script)[1] == [Unclear(5, Fault.DAMAGED, b"\x68\x00")]


def test_a_meter_that_is_understood_at_last_carries_a_remark() -> None:
    (meter,), _ = search((REQ_5_FCB1, DAMAGED), (REQ_5_FCB1, answer()))
    assert meter.secondary == METER
    assert "at first" in meter.remark


def test_noise_in_front_of_an_answer_is_remarked() -> None:
    (meter,), _ = search((REQ_5_FCB1, Reply(frame_of(answer()), noise=b"\xfc")))
    assert "noise" in meter.remark


def test_a_busy_meter_gets_time() -> None:
    (meter,), _ = search((REQ_5_FCB1, ACK), Pause(0.1), (REQ_5_FCB1, answer()))
    assert meter == FoundMeter(5, METER, frame_of(answer()))


def test_a_meter_that_only_acknowledges_is_there() -> None:
    once: Script = [(REQ_5_FCB1, ACK), Pause(0.1)]
    (meter,), _ = search(*once, *once, *once)
    assert (meter.primary, meter.secondary, meter.reply) == (5, None, None)
    assert "no data" in meter.remark


def test_one_acknowledgement_that_does_not_come_again_is_no_meter() -> None:
    meters, notes = search((REQ_5_FCB1, ACK), Pause(0.1), (REQ_5_FCB1, SILENCE), (REQ_5_FCB1, SILENCE))
    assert meters == []
    assert notes == [Unclear(5, Fault.NOISE, b"\xe5")]


REQ_4 = "10 7B 04 7F 16"


def test_a_meter_that_answers_during_the_next_request_is_asked_again_with_patience() -> None:
    foreign = Garbled(bytes.fromhex(answer(address=4)), Fault.FOREIGN)
    script: Script = [
        (REQ_4, SILENCE),
        (REQ_5_FCB1, foreign),
        (REQ_5_FCB1, SILENCE),
        (REQ_5_FCB1, SILENCE),
        (REQ_4, answer(address=4)),
    ]
    notes: list[Note] = []
    (meter,) = play(search_primary(4, 5, initialise=False), script, notes)
    assert (meter.primary, meter.remark) == (4, "it answers late")
    assert not [note for note in notes if isinstance(note, Unclear)]


def test_bytes_before_a_request_is_out_make_the_silent_one_before_suspect() -> None:
    script: Script = [
        (REQ_4, SILENCE),
        (REQ_5_FCB1, Reply(frame_of(answer()), late=b"\x68")),
        (REQ_4, answer(address=4)),
    ]
    meters = play(search_primary(4, 5, initialise=False), script)
    assert [meter.primary for meter in meters] == [4, 5]


def test_noise_is_told_when_the_silent_one_before_stays_silent() -> None:
    script: Script = [
        (REQ_4, SILENCE),
        (REQ_5_FCB1, DAMAGED),
        (REQ_5_FCB1, SILENCE),
        (REQ_5_FCB1, SILENCE),
        (REQ_4, SILENCE),
    ]
    notes: list[Note] = []
    assert play(search_primary(4, 5, initialise=False), script, notes) == []
    assert [note for note in notes if isinstance(note, Unclear)] == [Unclear(5, Fault.DAMAGED, b"\x68\x00")]


def test_a_meter_that_refuses_is_there() -> None:
    (meter,), _ = search((REQ_5_FCB1, refusal(9)))
    assert meter.primary == 5
    assert "too many readouts" in meter.remark


def test_a_reading_after_the_search_goes_on_with_the_frame_count_bit() -> None:
    stations = Stations()
    play(search_primary(5, 5, stations=stations), [*TO_ALL, (REQ_5_FCB1, answer())])
    play(read_primary(5, stations), [(REQ_5_FCB0, answer())])


def test_a_reading_after_the_first_of_several_telegrams_begins_anew() -> None:
    stations = Stations()
    play(search_primary(5, 5, stations=stations), [*TO_ALL, (REQ_5_FCB1, answer(more=True))])
    play(read_primary(5, stations), [(NKE_5, ACK), (REQ_5_FCB1, answer())])


def test_initialisation_of_all_makes_every_other_agreement_void() -> None:
    stations = Stations()
    stations.initialised(9)
    play(search_primary(5, 5, stations=stations), [*TO_ALL, (REQ_5_FCB1, SILENCE)])
    assert not stations.is_agreed(9)


@pytest.mark.parametrize(("first", "last"), [(0, 251), (-1, 5), (6, 5), (253, 254)])
def test_a_range_that_is_none_is_refused(first: int, last: int) -> None:
    with pytest.raises(AddressError, match="0 to 250"):
        play(search_primary(first, last), [])
