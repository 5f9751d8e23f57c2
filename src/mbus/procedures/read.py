"""Reading a meter by primary or secondary address (MBUS.md 2.4, 2.5, 3.2).

Frame count bits are kept in `Stations`, one per master. SND_NKE comes at first contact, after an error and wherever there is
doubt, not before every reading of a known meter. In doubt are:

- an address that nothing was agreed with, or whose last conversation failed;
- an address that sent several telegrams: meters differ in what they send after the last one;
- a primary address whose meter was read as the selected one: meters differ in whether both share a bit;
- the selection, when an answer comes from a meter that was not asked for, or from one that does not say who it is.
"""

from collections.abc import Callable

from mbus.addressing import SELECTED, TEST, SecondaryAddress, is_primary
from mbus.application.commands import select
from mbus.application.header import fits, is_fixed_structure
from mbus.errors import AddressError, GarbledAnswerError, WrongMeterError
from mbus.link.frames import LongFrame
from mbus.link.station import Stations
from mbus.procedures.exchange import TRIES, failure, request_data, reset_link
from mbus.procedures.reading import Manner, Reading, announces_more, complete, named_by
from mbus.procedures.steps import Ack, Expects, Outcome, Procedure, Request, Silence, ask

Target = int | SecondaryAddress
"""Whom to speak to: a primary address (254 for the only meter on the line), or a secondary address."""


def read(
    target: Target,
    stations: Stations,
    *,
    tries: int = TRIES,
    more: Callable[[LongFrame], bool] = announces_more,
) -> Procedure[Reading]:
    """Read a meter by whichever address it is named; see `read_primary` and `read_secondary`."""
    if isinstance(target, SecondaryAddress):
        return read_secondary(target, stations, tries=tries, more=more)
    return read_primary(target, stations, tries=tries, more=more)


def read_primary(
    address: int,
    stations: Stations,
    *,
    tries: int = TRIES,
    initialise: bool | None = None,
    more: Callable[[LongFrame], bool] = announces_more,
) -> Procedure[Reading]:
    """Read the meter at a primary address.

    :param tries: per telegram; the tries that SND_NKE fails count, but one request for data is made in any case.
    :param initialise: whether SND_NKE comes first; None decides as above, False suits meters that it disturbs.
    :param more: tells whether a telegram announces another; hand in one that decrypts where a meter encrypts.

    Raise `ProcedureError` when there is no reading, `AddressError` for an address that no meter can own.
    """
    if not is_primary(address) and address != TEST:
        raise AddressError(f"no meter can be read at address {address}")
    try:
        return (yield from _read_at(address, stations, Manner(tries, more), initialise))
    except GarbledAnswerError as error:
        if address == TEST:
            raise GarbledAnswerError(
                "several meters seem to be on the line: their answers cannot be told apart"
            ) from error
        raise


def _read_at(address: int, stations: Stations, manner: Manner, initialise: bool | None) -> Procedure[Reading]:
    failed = 0
    if initialise or (initialise is None and not stations.is_agreed(address)):
        failed = yield from reset_link(address, stations, tries=max(1, manner.tries - 1))
    answer = yield from request_data(address, stations, tries=max(1, manner.tries - failed))
    remarks = ["it did not acknowledge its initialisation"] if failed else []
    return (yield from complete(address, answer, stations, manner, remarks))


def read_secondary(
    mask: SecondaryAddress,
    stations: Stations,
    *,
    tries: int = TRIES,
    fabrication: str | None = None,
    more: Callable[[LongFrame], bool] = announces_more,
) -> Procedure[Reading]:
    """Read the meter that a secondary address selects; wildcards are allowed as long as one meter answers.

    :param fabrication: eight digits for the enhanced selection (MBUS.md 3.3).

    The selection stays: the next one replaces it, and `release` ends it. Raise `WrongMeterError` when the answer is of a
    meter that was not asked for, other `ProcedureError` when there is no reading.
    """
    manner = Manner(tries, more)
    if stations.is_agreed(SELECTED):
        try:
            return (yield from _read_selected(mask, stations, manner, fabrication, cleared=False))
        except (WrongMeterError, GarbledAnswerError):
            # A meter that missed this selection may still hold an earlier one.
            stations.failed(SELECTED)
    yield from release(stations)
    try:
        return (yield from _read_selected(mask, stations, manner, fabrication, cleared=True))
    except GarbledAnswerError as error:
        if mask.is_unique:
            raise
        raise GarbledAnswerError(
            f"several meters seem to fit {mask}: their answers cannot be told apart; give the whole address of one"
        ) from error


def release(stations: Stations) -> Procedure[None]:
    """Clear every selection; whether that is answered, by how many and how, says nothing."""
    yield from reset_link(SELECTED, stations)


def select_meter(
    mask: SecondaryAddress, stations: Stations, *, tries: int = TRIES, fabrication: str | None = None
) -> Procedure[None]:
    """Select until somebody acknowledges; the first request for data then carries frame count bit 1.

    The selection itself carries 0, so that it differs from that request also where a slave has one bit for both. Several
    acknowledgements at once look like one: only the answer to a request proves whom it selected. Silence leaves no doubt behind:
    a selection that fits nobody has thrown everybody out.
    """
    outcome: Outcome = Silence()
    for _ in range(tries):
        outcome = yield from ask(Request(select(mask, fabrication=fabrication, fcb=False), Expects.ACK))
        if isinstance(outcome, Ack):
            stations.initialised(SELECTED)
            return
    if not isinstance(outcome, Silence):
        stations.failed(SELECTED)
    raise failure(f"meter {mask}", outcome)


def _read_selected(
    mask: SecondaryAddress, stations: Stations, manner: Manner, fabrication: str | None, *, cleared: bool
) -> Procedure[Reading]:
    yield from select_meter(mask, stations, tries=manner.tries, fabrication=fabrication)
    answer = yield from request_data(SELECTED, stations, tries=manner.tries)
    remarks = _check(mask, answer.frame, cleared)
    reading = yield from complete(SELECTED, answer, stations, manner, remarks)
    if reading.secondary is None:
        stations.failed(SELECTED)
    return reading


def _check(mask: SecondaryAddress, frame: LongFrame, cleared: bool) -> list[str]:
    """Compare who answers with who was asked; give remarks, raise `WrongMeterError`."""
    identity = named_by(frame)
    if identity is None:
        if not cleared:
            raise WrongMeterError(
                "the answer does not say whose it is, and an earlier selection may still hold"
            )
        return ["it does not say who it is; taken for the selected meter"]
    if not fits(mask, identity):
        raise WrongMeterError(f"meter {mask} was asked, and {identity} answered")
    return ["it says its identification only"] if is_fixed_structure(frame) else []
