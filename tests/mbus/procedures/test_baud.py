import pytest

from mbus.errors import EncodeError, NoAnswerError, VerificationError
from mbus.link.station import Stations
from mbus.link.transaction import Fault
from mbus.procedures.baud import find_baud, set_baud_frames, switch_baud
from support.answers import ACK, METER, NKE_5, REQ_5_FCB0, REQ_5_FCB1, SILENCE, answer
from support.script import BaudChange, Garbled, Pause, Script, play

SWITCH = "68 03 03 68 73 05 BD 35 16"
WRITE: Script = [(NKE_5, ACK), (SWITCH, ACK)]
READ: Script = [(NKE_5, ACK), (REQ_5_FCB1, answer())]
DEAF: Script = [(NKE_5, SILENCE), (NKE_5, SILENCE), (REQ_5_FCB1, SILENCE)]
GARBAGE = Garbled(b"\x80", Fault.NOISE)


def to(baud: int) -> Script:
    return [BaudChange(baud), Pause(0.7)]


def test_a_switch_is_acknowledged_at_the_old_rate_and_proven_at_the_new_one() -> None:
    script: Script = [*WRITE, *to(9600), *READ, *to(2400)]
    assert play(switch_baud(5, 9600, Stations(), current=2400), script).secondary == METER


def test_a_meter_that_stays_at_its_rate_is_said_to() -> None:
    script: Script = [*WRITE, *to(9600), *DEAF, *to(2400), *READ]
    with pytest.raises(VerificationError, match="still answers at 2400"):
        play(switch_baud(5, 9600, Stations(), current=2400), script)


def test_a_meter_that_is_lost_is_said_to_be() -> None:
    script: Script = [*WRITE, *to(9600), *DEAF, *to(2400), *DEAF]
    with pytest.raises(VerificationError, match="neither at 9600 nor at 2400"):
        play(switch_baud(5, 9600, Stations(), current=2400), script)


def test_a_switch_that_is_not_acknowledged_changes_nothing() -> None:
    with pytest.raises(NoAnswerError):
        play(switch_baud(5, 9600, Stations(), current=2400), [(NKE_5, ACK), *[(SWITCH, SILENCE)] * 3])


def test_a_switch_to_the_present_rate_needs_no_change() -> None:
    script: Script = [(NKE_5, ACK), ("68 03 03 68 73 05 BB 33 16", ACK), *READ]
    play(switch_baud(5, 2400, Stations(), current=2400), script)


def test_the_frames_of_a_switch_can_be_shown_and_an_unknown_rate_is_refused() -> None:
    assert set_baud_frames(5, 9600)[-1].to_bytes() == bytes.fromhex(SWITCH)
    with pytest.raises(EncodeError):
        set_baud_frames(5, 1234)


def test_a_rate_counts_when_two_readings_succeed_there() -> None:
    twice: Script = [*READ, (REQ_5_FCB0, answer())]
    script: Script = [
        *twice,
        *to(9600),
        *twice,
        *to(2400),
        *to(300),
        (NKE_5, SILENCE),
        (REQ_5_FCB1, GARBAGE),
        *to(2400),
        *to(19200),
        *READ,
        (REQ_5_FCB0, SILENCE),
        *to(2400),
    ]
    assert play(find_baud(5, Stations(), current=2400), script) == (2400, 9600)
