"""The bus monitor: transactions, decoded, without passwords and keys."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mbus.addressing import LAST_PRIMARY, SecondaryAddress
from mbus.errors import AddressError
from mbusmaster.audit_kinds import AuditKind
from mbusmaster.bus.describing import as_text, describe
from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.stations import MeterName
from mbusmaster.bus.traffic import Entry
from mbusmaster.meterlist import MeterRefusedError
from mbusmaster.web.api.buses import engine_named
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import MOST_ROWS, STREAM, Answer, download, event, file_of, stream
from mbusweb.api.problems import declared
from mbusweb.events import Event

MOST: Final = 200
"""Transactions in one answer: each is decoded."""
MOST_AS_TEXT: Final = 2000
OneMeter = Annotated[
    str | None,
    Query(
        max_length=40,
        description="Only this meter: a primary address, or a secondary one, also with wildcards F.",
    ),
]
After = Annotated[
    int | None, Query(ge=0, lt=MOST_ROWS, description="Number of the last transaction that is known already.")
]


class Transaction(Answer):
    """One transaction.

    `own` is false where it was put in front of what the client asked. Bytes are hex, secret ones asterisks; `telegram` is as
    `mbus decode --json` gives it, null where the answer is none.
    """

    number: int
    at: datetime
    client: str
    own: bool
    meter: str
    baud: int
    seconds: float
    result: str
    request: str
    request_bytes: str
    answer: str
    answer_bytes: str
    telegram: dict[str, Any] | None

    @classmethod
    def of_entry(cls, entry: Entry) -> Self:
        """Take an entry; costs decoding its answer."""
        said = describe(entry)
        return cls(
            number=entry.number,
            at=entry.at,
            client=entry.client,
            own=entry.own,
            meter=str(entry.station),
            baud=entry.baud,
            seconds=entry.seconds,
            result=entry.result,
            request=said.request,
            request_bytes=said.request_bytes,
            answer=said.answer,
            answer_bytes=said.answer_bytes,
            telegram=said.telegram,
        )


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["buses"])

    @routes.get("/buses/{bus}/traffic", responses=declared(404))
    async def list_traffic(
        bus: str, meter: OneMeter = None, count: Annotated[int, Query(ge=1, le=MOST)] = 50
    ) -> list[Transaction]:
        """Give the last transactions, the newest at the end."""
        entries = engine_named(services, bus).traffic.last(count, _meter(meter))
        return await asyncio.to_thread(lambda: [Transaction.of_entry(entry) for entry in entries])

    @routes.get(
        "/buses/{bus}/traffic.txt",
        response_class=Response,
        responses={**file_of("text/plain", "Three lines for each transaction"), **declared(404)},
    )
    async def download_traffic(
        bus: str,
        calling: Calling,
        meter: OneMeter = None,
        count: Annotated[int, Query(ge=1, le=MOST_AS_TEXT)] = 500,
    ) -> Response:
        """Download the last transactions as text."""
        entries = engine_named(services, bus).traffic.last(count, _meter(meter))
        text = await asyncio.to_thread(lambda: "".join(f"{line}\n" for line in as_text(entries)))
        name = f"traffic-{bus}-{services.now().astimezone(UTC):%Y%m%dT%H%M%SZ}.txt"
        services.audit.record(AuditKind.DOWNLOAD, who=calling.user, source=calling.source, detail=name)
        return download(text, "text/plain", name)

    @routes.get(
        "/buses/{bus}/traffic/events", response_class=Response, responses={**STREAM, **declared(404, 503)}
    )
    async def watch_traffic(
        request: Request, bus: str, calling: Calling, meter: OneMeter = None, after: After = None
    ) -> Response:
        """Give each transaction as it ends: events `transaction`. Gaps in the numbers show what was missed."""
        engine = engine_named(services, bus)
        return stream(request, calling, _live(engine, _meter(meter), after))

    return routes


def _meter(text: str | None) -> MeterName | None:
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= 3:
        if int(text) > LAST_PRIMARY:
            raise MeterRefusedError(
                "meter", f"a primary address is a number from 0 to {LAST_PRIMARY}, not {text!r}"
            )
        return int(text)
    try:
        return SecondaryAddress.from_text(text)
    except AddressError as error:
        raise MeterRefusedError("meter", str(error)) from None


async def _live(engine: BusEngine, meter: MeterName | None, after: int | None) -> AsyncGenerator[Event]:
    with engine.traffic.watch(meter, after=after) as watch:
        async for entry in watch:
            yield event("transaction", Transaction.of_entry(entry))
