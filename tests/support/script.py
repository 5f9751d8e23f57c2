"""Drives a procedure through a script: which frame it must send next, and what the bus answers.

A line of the script is ``(sent, answered)`` in hex, where ``answered`` is an outcome or the bytes of an answer; pauses and
changes of the rate stand in the script as the steps themselves.
"""

from collections.abc import Sequence
from typing import TypeVar

from mbus.errors import MBusError
from mbus.link.frames import LongFrame, SingleCharacter, parse_frame
from mbus.link.transaction import Ack, Garbled, Outcome, Reply, Silence
from mbus.procedures.steps import BaudChange, Note, Pause, Procedure, Request

T = TypeVar("T")

Line = tuple[str, str | Outcome] | Pause | BaudChange
Script = Sequence[Line]


def play(procedure: Procedure[T], script: Script, notes: list[Note] | None = None) -> T:
    """Carry out a procedure and give its result or raise its error.

    Fail where it does not do what the script says next, and where it ends before the script. Notes go to `notes`.
    """
    lines = list(script)
    outcome: Outcome | None = None
    try:
        while True:
            step = procedure.send(outcome)
            outcome = None
            if not isinstance(step, Note):
                assert lines, f"the script is at its end, yet {_text(step)} comes"
                outcome = _compare(step, lines.pop(0))
            elif notes is not None:
                notes.append(step)
    except StopIteration as end:
        assert not lines, f"the procedure has returned, and {lines} was still to come"
        result: T = end.value
        return result
    except MBusError as error:
        if lines:
            raise AssertionError(f"{error!r} came, and {lines} was still to come") from error
        raise


def _compare(step: object, line: Line) -> Outcome | None:
    if isinstance(line, Pause | BaudChange):
        assert step == line
        return None
    sent, answered = line
    assert isinstance(step, Request), f"{step} comes instead of {sent}"
    assert _text(step) == bytes.fromhex(sent).hex(" ").upper()
    return _outcome(answered) if isinstance(answered, str) else answered


def _outcome(answered: str) -> Outcome:
    if not answered:
        return Silence()
    frame = parse_frame(bytes.fromhex(answered))
    if isinstance(frame, SingleCharacter):
        return Ack()
    assert isinstance(frame, LongFrame)
    return Reply(frame)


def _text(step: object) -> str:
    return step.frame.to_bytes().hex(" ").upper() if isinstance(step, Request) else str(step)


__all__ = ["Ack", "BaudChange", "Garbled", "Line", "Pause", "Reply", "Script", "Silence", "play"]
