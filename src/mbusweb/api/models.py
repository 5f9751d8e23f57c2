"""What all parts of the API give and take, and how."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

from fastapi import Path, Request
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StrictBool,
    StrictInt,
    StringConstraints,
)
from starlette.responses import Response

from mbusweb.api.callers import Caller
from mbusweb.events import Event, event_stream
from mbusweb.visitor import visitor

MOST_ROWS: Final = 1 << 62


class Answer(BaseModel):
    """What the API gives."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    @classmethod
    def of(cls, thing: object) -> Self:
        """Take the attributes of a thing."""
        return cls.model_validate(thing)


class Given(BaseModel):
    """What the API takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _in_utc(value: object) -> datetime:
    """Take a moment as RFC 3339 writes it; numbers mean nothing, and every moment must be one in UTC too."""
    if not isinstance(value, str):
        raise ValueError("a moment is a text such as 2026-11-22T21:28:32Z")
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment
    except OverflowError:
        raise ValueError("this moment is too far away") from None


Shown = Annotated[str, BeforeValidator(str)]
"""What has a text of its own: an address."""
ShownOrNot = Annotated[str | None, BeforeValidator(_text)]
Moment = Annotated[AwareDatetime, BeforeValidator(_in_utc)]
"""Given with a time zone."""
Whole = StrictInt
Switch = StrictBool
Text = Annotated[str, StringConstraints(max_length=1024)]
RowNumber = Annotated[int, Path(ge=0, lt=MOST_ROWS)]


def body_of(media_type: str, what: str, *, binary: bool = False) -> dict[str, Any]:
    """Describe a body that is no JSON, for ``openapi_extra``."""
    schema = {"type": "string", "format": "binary"} if binary else {"type": "string"}
    content = {media_type: {"schema": schema}}
    return {"requestBody": {"required": True, "description": what, "content": content}}


def file_of(media_type: str, what: str) -> dict[int | str, dict[str, Any]]:
    """Describe an answer that is a file, for ``responses``."""
    return {200: {"description": what, "content": {media_type: {"schema": {"type": "string"}}}}}


STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Server-sent events; the data of each is JSON.",
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "event": {"type": "string"},
                        "data": {"type": "string", "contentMediaType": "application/json"},
                    },
                    "required": ["event", "data"],
                }
            }
        },
    }
}


def download(data: bytes | str, media_type: str, name: str) -> Response:
    """Answer with a file."""
    disposition = f'attachment; filename="{name}"'
    return Response(data, media_type=media_type, headers={"content-disposition": disposition})


def stream(request: Request, calling: Caller, events: AsyncGenerator[Event]) -> Response:
    """Answer with events, as long as who asks may come in."""
    return event_stream(
        request, events, lambda: calling.is_welcome(request.app.state.access, visitor(request))
    )


def event(name: str, data: Answer) -> Event:
    """Give an event whose data is JSON."""
    return Event(name, as_json(data.model_dump(mode="json")))


async def whole_body(request: Request) -> bytes:
    """Read a body, whose length the entrance bounds."""
    return await request.body()


async def pieces(request: Request) -> AsyncIterator[bytes]:
    """Read a body piece by piece."""
    async for piece in request.stream():
        if piece:
            yield piece


def as_json(thing: object) -> str:
    """Give JSON that is sound whatever strangers put into it."""
    return json.dumps(thing, ensure_ascii=True)
