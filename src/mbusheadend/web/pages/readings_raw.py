"""One reading: when and how it was taken, its telegrams as they came, and the records that are in them."""

from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from mbus.application.as_json import HIDDEN
from mbus.application.records import Record
from mbusheadend.decoding.registers import Register
from mbusheadend.decoding.values import Measured
from mbusheadend.store import UnknownError
from mbusheadend.views.raw import ShownTelegram, reading_of, telegrams_of
from mbusheadend.views.table import row_of
from mbusheadend.web.door import READER
from mbusheadend.web.reading_choice import meter_or_404
from mbusheadend.web.reading_head import head_of
from mbusheadend.web.register_texts import register_text
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import (
    clock_text,
    doubt_text,
    measured_text,
    outcome_text,
    register_value_text,
    status_texts,
    told_text,
)
from mbusweb.locale import format_datetime, format_number
from mbusweb.locale import gettext as _
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/readings/{number}/raw/{taken}/{id}"
_LAST: Final = 253_402_300_799_999
"""Milliseconds to the end of the year 9999."""
_BYTES_OF_A_LINE: Final = 16


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request, number: int, taken: int, id: str) -> Response:
        meter = await meter_or_404(services.store, number)
        if not 0 <= taken <= _LAST:
            raise HTTPException(404)
        try:
            seconds, milliseconds = divmod(taken, 1000)
            moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)
            reading = await reading_of(services.store, number, moment, id)
        except UnknownError:
            raise HTTPException(404) from None
        row = row_of(reading, ())
        facts = [
            (_("Taken"), format_datetime(reading.taken)),
            (_("Meter's own time"), told_text(row.own)),
            (_("Received here"), format_datetime(reading.received)),
            (_("Wanted for"), format_datetime(reading.slot)),
            (_("Outcome"), outcome_text(reading.outcome)),
            (_("Master"), reading.master),
            (_("Master's clock"), clock_text(reading.clock)),
            (_("Schedule or command"), reading.schedule),
            (_("Attempts"), format_number(reading.attempts)),
            (_("Baud rate"), format_number(reading.baud)),
            (_("Status"), " ".join(status_texts(row.status)) or _("All is well.")),
            (_("Remark"), reading.remark),
        ]
        return page(
            request,
            "reading_raw.html",
            head=await head_of(request, services, meter, services.now()),
            taken=reading.taken,
            facts=[fact for fact in facts if fact[1]],
            is_given_up=reading.telegrams is None,
            telegrams=[_shown(telegram) for telegram in telegrams_of(reading)],
            back=f"/readings/{number}/table",
        )

    return routes


def _shown(telegram: ShownTelegram) -> dict[str, object]:
    """Put a telegram into words: its records with their bytes where they can be read, else what the store keeps of them."""
    decoded = telegram.decoded
    measured = () if decoded is None else decoded.values
    same = len(telegram.records) == len(measured)
    rows = [
        _record(record, measured[place] if same else None) for place, record in enumerate(telegram.records)
    ]
    frame = telegram.frame
    return {
        "lines": [frame[at : at + _BYTES_OF_A_LINE] for at in range(0, len(frame), _BYTES_OF_A_LINE)],
        "bytes": len(frame),
        "access_number": None if decoded is None else decoded.access_number,
        "error": "" if decoded is None else decoded.error,
        "rows": rows or [_kept(one) for one in measured],
        "has_blocks": bool(rows),
    }


def _record(record: Record, measured: Measured | None) -> dict[str, str]:
    register = Register(*record[1:7], record.modifiers) if measured is None else measured.register
    doubt = (record.status or "").replace("_", " ") if measured is None else doubt_text(measured)
    raw = HIDDEN * len(record.raw) if record.secret else record.raw.hex(" ").upper()
    return {
        "name": register_text(register),
        "value": register_value_text(record.quantity, record.value, record.unit),
        "doubt": doubt,
        "dib": record.dib.hex(" ").upper(),
        "vib": record.vib.hex(" ").upper(),
        "raw": raw,
    }


def _kept(measured: Measured) -> dict[str, str]:
    return {
        "name": register_text(measured.register),
        "value": measured_text(measured),
        "doubt": doubt_text(measured),
        "dib": "",
        "vib": "",
        "raw": "",
    }
