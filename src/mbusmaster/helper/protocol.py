"""One request and its answers, as lines of JSON; a connection carries one request.

::

    → {"do": "clock.set", "with": {"moment": "2026-11-22T09:08:07+00:00"}}
    ← {"now": {…}}                                        any number of these: how far it is
    ← {"done": {…}}          or          ← {"refused": "text with %(name)s", "values": {"name": "…"}}
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

SOCKET: Final = Path("/run/mbusmaster-helper/socket")
MAX_LINE: Final = 64 * 1024


class ProtocolError(ValueError):
    """A line that neither end sends."""


@dataclass(frozen=True, slots=True)
class Request:
    """A wish.

    :ivar verb: what to do: ``part.deed``.
    :ivar arguments: JSON values by name.
    """

    verb: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a deed is."""

    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """The deed is done."""

    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The deed was not done; see `mbusmaster.helper.errors.RefusedError`."""

    template: str
    values: Mapping[str, str | int] = field(default_factory=dict)


Answer = Progress | Done | Refused


def request_line(request: Request) -> bytes:
    """Give the line of a request; raise `ProtocolError` if it is too long."""
    return _line({"do": request.verb, "with": dict(request.arguments)})


def answer_line(answer: Answer) -> bytes:
    """Give the line of an answer; raise `ProtocolError` if it is too long."""
    match answer:
        case Progress(facts):
            return _line({"now": dict(facts)})
        case Done(facts):
            return _line({"done": dict(facts)})
        case Refused(template, values):
            return _line({"refused": template, "values": dict(values)})


def read_request(line: bytes) -> Request:
    """Read the line of a request; raise `ProtocolError`."""
    match _object(line):
        case {"do": str(verb), "with": dict(arguments)}:
            return Request(verb, arguments)
    raise ProtocolError("a request has 'do', a text, and 'with', an object")


def read_answer(line: bytes) -> Answer:
    """Read the line of an answer; raise `ProtocolError`."""
    match _object(line):
        case {"now": dict(facts)}:
            return Progress(facts)
        case {"done": dict(facts)}:
            return Done(facts)
        case {"refused": str(template), "values": dict(values)}:
            return Refused(template, {name: _plain(value) for name, value in values.items()})
    raise ProtocolError("an answer has 'now', 'done', or 'refused' with 'values'")


def _plain(value: object) -> str | int:
    if isinstance(value, str | int):
        return value
    raise ProtocolError("a value of a refusal is a text or a number")


def _line(content: Mapping[str, object]) -> bytes:
    try:
        line = json.dumps(content, separators=(",", ":")).encode("ascii") + b"\n"
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"this cannot be said in JSON: {error}") from None
    if len(line) > MAX_LINE:
        raise ProtocolError(f"a line has at most {MAX_LINE} bytes")
    return line


def _object(line: bytes) -> dict[str, object]:
    if not line.endswith(b"\n") or len(line) > MAX_LINE:
        raise ProtocolError(f"a line ends with a line feed and has at most {MAX_LINE} bytes")
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        raise ProtocolError("a line is one JSON object") from None
    if not isinstance(content, dict):
        raise ProtocolError("a line is one JSON object")
    return content
