"""Transactions and users of a bus as the monitor shows them, in the visitor's language."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from mbus.addressing import LAST_PRIMARY, SecondaryAddress
from mbus.errors import AddressError
from mbus.link.transaction import Ack, Reply, Silence
from mbusmaster.bus.describing import describe
from mbusmaster.bus.stations import MeterName
from mbusmaster.bus.traffic import Entry
from mbusmaster.bus.users import BusUsers
from mbusmaster.web.meter_texts import duration_text
from mbusmaster.web.phrases import phrase
from mbusweb.locale import gettext as _
from mbusweb.texts import mark

RESULTS: Final = {
    "answered": mark("Answered"),
    "acknowledged": mark("Acknowledged"),
    "silence": mark("No answer"),
    "collision": mark("Collision"),
    "damaged": mark("Damaged"),
    "cut short": mark("Cut short"),
    "foreign": mark("Answer to something else"),
    "noise": mark("Noise"),
    "babble": mark("Endless characters"),
}
"""What becomes of a request; the last ones are the faults of `mbus.link.transaction`."""
_LONGEST_NAME: Final = 32
_MOST_PRIMARY_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """One value of a telegram."""

    quantity: str
    value: str
    storage: int
    tariff: int


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """One transaction.

    :ivar look: good, off or bad, as the style sheet has it.
    :ivar extra: it was put in front of what the client asked.
    """

    number: int
    at: str
    client: str
    extra: bool
    station: str
    look: str
    result: str
    milliseconds: int
    baud: int
    request: str
    request_bytes: str
    answer: str
    answer_bytes: str
    records: tuple[ShownRecord, ...]


def shown_entry(entry: Entry) -> ShownEntry:
    """Show a transaction; costs decoding its answer."""
    described = describe(entry)
    return ShownEntry(
        number=entry.number,
        at=f"{entry.at:%H:%M:%S}.{entry.at.microsecond // 1000:03}",
        client=entry.client,
        extra=not entry.own,
        station=str(entry.station),
        look=_look(entry),
        result=result_text(entry.result),
        milliseconds=round(entry.seconds * 1000),
        baud=entry.baud,
        request=described.request,
        request_bytes=described.request_bytes,
        answer=described.answer if isinstance(entry.outcome, Reply) else "",
        answer_bytes=described.answer_bytes,
        records=_records(described.telegram),
    )


def shown_entries(entries: Iterable[Entry]) -> list[ShownEntry]:
    """Show transactions, the newest first."""
    return [shown_entry(entry) for entry in entries][::-1]


def result_text(result: str) -> str:
    """Say what became of a request."""
    return _(RESULTS[result]) if result in RESULTS else result


def read_meter(text: str) -> MeterName | None:
    """Read by which meter is filtered; None for all. Raise `AddressError`."""
    text = text.strip()
    if not text:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= _MOST_PRIMARY_DIGITS:
        if int(text) > LAST_PRIMARY:
            raise AddressError(f"a primary address is a number from 0 to {LAST_PRIMARY}, not {text!r}")
        return int(text)
    return SecondaryAddress.from_text(text[:_LONGEST_NAME])


def address_problem(error: AddressError) -> str:
    """Say what is wrong with an address."""
    text = phrase(str(error))
    return text[:1].upper() + text[1:]


def shown_users(users: BusUsers) -> dict[str, Any]:
    """Say who holds the bus, and who waits for how long, for ``parts/bus_users.html``."""
    holder = users.holder
    return {
        "holder": None
        if holder is None
        else {
            "client": holder.client,
            "meter": holder.meter,
            "since": duration_text(holder.since),
            "sending": holder.sending,
        },
        "waiting": [
            {"client": one.client, "meter": one.meter, "since": duration_text(one.since)}
            for one in users.waiting
        ],
        "connected": len(users.clients),
    }


def _look(entry: Entry) -> str:
    match entry.outcome:
        case Ack() | Reply():
            return "good"
        case Silence():
            return "off"
        case _:
            return "bad"


def _records(telegram: Any) -> tuple[ShownRecord, ...]:
    if telegram is None:
        return ()
    return tuple(
        ShownRecord(
            str(record["quantity"] or "").replace("_", " "),
            _value(record),
            record["storage"],
            record["tariff"],
        )
        for record in telegram["records"]
    )


def _value(record: Any) -> str:
    value = record["value"]
    if value is None:
        return record.get("status") or "–"
    return f"{value} {record['unit'] or ''}".strip()
