"""A reading: all telegrams that belong to one answer (MBUS.md 2.5)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.application.dib import MORE_FOLLOWS
from mbus.application.header import identity_of
from mbus.application.telegram import Telegram, decode_telegram
from mbus.errors import WrongMeterError
from mbus.link.frames import LongFrame
from mbus.link.station import Stations
from mbus.procedures.exchange import Answer, request_data
from mbus.procedures.steps import Procedure

MAX_TELEGRAMS: Final = 32
"""A meter that announces more is taken for one that never ends."""

_IDENTIFICATION_VIB = b"\x79"
_COMPLETE_DIB = b"\x07"
_NUMBER_DIB = b"\x0c"
_ACCESS_NUMBER: Final = {0x72: 8, 0x76: 8, 0x7A: 0}
"""By CI field, the index of the access number in the data."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter answered.

    :ivar primary: address field of its first response.
    :ivar secondary: who it says it is; None when it does not say.
    :ivar frames: its telegrams in order, as received.
    :ivar remark: what a person should know about it (identity not checked, noise, repeated telegrams), else empty.
    :ivar tries: requests for data that the telegram with most of them took; 1 when all went well.
    """

    primary: int
    secondary: SecondaryAddress | None
    frames: tuple[LongFrame, ...]
    remark: str
    tries: int


@dataclass(frozen=True, slots=True)
class Manner:
    """How a meter is asked.

    :ivar tries: requests per telegram before it is given up.
    :ivar more: tells whether a telegram announces another; one that decrypts is needed where a meter encrypts.
    """

    tries: int
    more: Callable[[LongFrame], bool]


def announces_more(frame: LongFrame) -> bool:
    """Tell whether a response ends with DIF 1F: another telegram belongs to the reading.

    Behind a broken record nobody can say where the next one begins; there the last byte is believed.
    """
    if MORE_FOLLOWS not in frame.data:
        return False
    telegram = decode_telegram(frame)
    if telegram.error is None or not telegram.records:
        return telegram.more_follows
    return frame.data[-1] == MORE_FOLLOWS


def whole(reading: Reading, *, key: bytes | None = None) -> tuple[Telegram, ...]:
    """Decode all telegrams of a reading."""
    return tuple(decode_telegram(frame, key=key) for frame in reading.frames)


def named_by(frame: LongFrame) -> SecondaryAddress | None:
    """Tell which meter sent a response, by its header or else by an identification among its records (VIF 79)."""
    identity = identity_of(frame)
    if identity is not None:
        return identity
    for record in decode_telegram(frame).records:
        if record.vib == _IDENTIFICATION_VIB and record.dib == _COMPLETE_DIB:
            return SecondaryAddress.from_bytes(record.raw)
        if record.vib == _IDENTIFICATION_VIB and record.dib == _NUMBER_DIB:
            return SecondaryAddress(record.raw[::-1].hex().upper())
    return None


def complete(
    address: int, first: Answer, stations: Stations, manner: Manner, remarks: list[str]
) -> Procedure[Reading]:
    """Fetch the telegrams that follow the first one, asked at `address`, and make them a reading.

    Raise `WrongMeterError` when a telegram of another meter follows, other `ProcedureError` when one cannot be had.
    """
    answers, endless = yield from _telegrams(address, first, stations, manner)
    if len(answers) > 1 or endless:
        # Meters differ in what they send after the last telegram.
        stations.failed(address)
    if address != first.frame.address:
        # Meters differ in whether the address that was asked and their own share a frame count bit.
        stations.failed(first.frame.address)
    if endless:
        remarks.append(endless)
    if any(answer.noisy for answer in answers):
        remarks.append("noise in front of an answer")
    return Reading(
        first.frame.address,
        named_by(first.frame),
        tuple(answer.frame for answer in answers),
        "; ".join(remarks),
        max(answer.tries for answer in answers),
    )


def _telegrams(
    address: int, first: Answer, stations: Stations, manner: Manner
) -> Procedure[tuple[list[Answer], str]]:
    answers = [first]
    seen = {_without_access_number(first.frame)}
    identity = identity_of(first.frame)
    repeats = 0
    while manner.more(answers[-1].frame):
        if len(answers) == MAX_TELEGRAMS:
            return answers, f"it announces more than {MAX_TELEGRAMS} telegrams"
        answer = yield from request_data(address, stations, tries=manner.tries)
        if identity_of(answer.frame) != identity:
            stations.failed(address)
            raise WrongMeterError(f"a telegram of {identity_of(answer.frame)} follows one of {identity}")
        if answer.frame == answers[-1].frame and repeats < manner.tries - 1:
            # Not even the access number has moved: the last answer came twice, perhaps because its first try was late.
            repeats += 1
            continue
        content = _without_access_number(answer.frame)
        if content in seen:
            return answers, f"it announces more telegrams than the {len(answers)} it has"
        seen.add(content)
        answers.append(answer)
    return answers, ""


def _without_access_number(frame: LongFrame) -> bytes:
    data, position = frame.data, _ACCESS_NUMBER.get(frame.ci, len(frame.data))
    return bytes((frame.ci,)) + data[:position] + data[position + 1 :]
