"""What pydantic found wrong, in words for people and with the place where they can mend it."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mbusmaster.settings.messages import Problem, Template, problem, shown
from mbusmaster.settings.tree import Spot, spot

_PLAIN: Final = {
    "extra_forbidden": Template.UNKNOWN,
    "string_too_short": Template.EMPTY,
    "string_type": Template.TEXT,
    "string_unicode": Template.TEXT,
    "path_type": Template.TEXT,
    "tuple_type": Template.LIST,
    "dict_type": Template.GROUP,
    "model_type": Template.GROUP,
}
_BEGINNINGS: Final = {
    "int_": Template.WHOLE_NUMBER,
    "float_": Template.NUMBER,
    "finite_": Template.NUMBER,
    "bool_": Template.SWITCH,
}
"""Of pydantic's names of errors."""


def problems_of(error: ValidationError) -> tuple[Problem, ...]:
    """Give every problem with its dotted path; one in an entry of a list belongs to the list."""
    details = error.errors(include_url=False)
    return tuple(one for detail in details if not _follows(detail, details) for one in _problems(detail))


def _follows(detail: ErrorDetails, others: list[ErrorDetails]) -> bool:
    """Whether a list is only too short because an entry was left out for a problem of its own."""
    return detail["type"] == "too_short" and any(_is_below(other["loc"], detail["loc"]) for other in others)


def _is_below(place: tuple[int | str, ...], upper: tuple[int | str, ...]) -> bool:
    return len(place) > len(upper) and place[: len(upper)] == upper


def _problems(detail: ErrorDetails) -> Iterator[Problem]:
    parts = tuple(str(part) for part in detail["loc"])
    if parts[-1:] == ("[key]",):
        yield problem(_path(parts[:-1]), Template.UNKNOWN)
        return
    here, path = _setting(parts)
    context = detail.get("ctx", {})
    given = None if isinstance(detail["input"], dict | list | tuple | None) else detail["input"]
    if detail["type"] == "problems":
        for one in context["problems"]:
            full = ".".join(filter(None, (path, one.path)))
            yield problem(full, one.key, None if one.path or one.values else given, **one.values)
        return
    key, values = _said(detail, here, context)
    tells = "value" in values or key is Template.UNKNOWN
    yield problem(path, key, None if tells else given, **values)


def _setting(parts: tuple[str, ...]) -> tuple[Spot | None, str]:
    """Find the setting that a place belongs to: an entry of a list belongs to the list."""
    for end in range(1, len(parts) + 1):
        here = spot(".".join(parts[:end]))
        if here is None:
            break
        if here.is_setting:
            return here, here.path
    return spot(".".join(parts)), _path(parts)


def _path(parts: tuple[str, ...]) -> str:
    return ".".join(map(shown, parts))


def _said(
    detail: ErrorDetails, here: Spot | None, context: dict[str, Any]
) -> tuple[Template, dict[str, Any]]:
    kind = detail["type"]
    if kind in _PLAIN:
        return _PLAIN[kind], {}
    for beginning, key in _BEGINNINGS.items():
        if kind.startswith(beginning):
            return key, {}
    if here is not None and kind in _WITH_VALUES:
        return _WITH_VALUES[kind](here, shown(detail["input"]))
    return Template.OTHER, {"reason": detail["msg"]}


def _range(here: Spot, _: str) -> tuple[Template, dict[str, Any]]:
    return Template.RANGE, {"minimum": here.node["minimum"], "maximum": here.node["maximum"]}


def _entries(here: Spot, _: str) -> tuple[Template, dict[str, Any]]:
    return Template.ENTRIES, {"minimum": here.node.get("minItems", 0), "maximum": here.node["maxItems"]}


def _choice(here: Spot, _: str) -> tuple[Template, dict[str, Any]]:
    return Template.CHOICE, {"choices": ", ".join(map(str, here.choices))}


def _too_long(here: Spot, _: str) -> tuple[Template, dict[str, Any]]:
    return Template.TOO_LONG, {"maximum": here.entry["maxLength"]}


def _pattern(here: Spot, value: str) -> tuple[Template, dict[str, Any]]:
    key = Template[here.entry["must_be"]]
    return key, {"value": value} if "{value}" in key else {}


_WITH_VALUES: Final[dict[str, Callable[[Spot, str], tuple[Template, dict[str, Any]]]]] = {
    "greater_than_equal": _range,
    "less_than_equal": _range,
    "too_short": _entries,
    "too_long": _entries,
    "literal_error": _choice,
    "enum": _choice,
    "string_too_long": _too_long,
    "string_pattern_mismatch": _pattern,
    "ip_v4_address": lambda here, value: (Template.IPV4, {"value": value}),
    "ip_any_address": lambda here, value: (Template.IP, {"value": value}),
}
