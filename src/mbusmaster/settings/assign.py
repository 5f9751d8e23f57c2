"""Values from forms and from JSON, put into the plain tables of the settings. What they are worth the schema decides later."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mbusmaster.settings.messages import Problem, Template, problem, shown
from mbusmaster.settings.tree import Spot, spot

Tables = dict[str, Any]

_LONGEST_TEXT: Final = 8192
"""Of one field of a form."""
_SWITCH: Final = {"true": True, "on": True, "false": False, "off": False}
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL_COMMA: Final = re.compile(r"[+-]?[0-9]{1,15},[0-9]{1,2}")
"""Three digits behind the comma may be thousands: that is refused rather than guessed."""


def assign(tables: Tables, changes: Mapping[str, object]) -> tuple[Problem, ...]:
    """Put each value in its place; give the problems of those that have none, which change nothing.

    :param changes: by dotted path; a section may be given as a mapping, a list of sections or a table of names only as a whole.
    """
    return tuple(found for path, raw in changes.items() for found in _assign(tables, path, raw))


def put(tables: Tables, path: str, value: object) -> bool:
    """Set the value at a dotted path; False where the list on the way has no such entry. None takes a name out of a table."""
    parts = path.split(".")
    here: Any = tables
    for part in parts[:-1]:
        if isinstance(here, list):
            if not (part.isdecimal() and int(part) < len(here)):
                return False
            here = here[int(part)]
        elif isinstance(here, dict):
            here = here.setdefault(part, {})
    if isinstance(here, list) and parts[-1].isdecimal() and int(parts[-1]) < len(here):
        here[int(parts[-1])] = value
        return True
    if not isinstance(here, dict):
        return False
    here[parts[-1]] = value
    if value is None and (above := spot(".".join(parts[:-1]))) is not None and above.kind == "table":
        del here[parts[-1]]
    return True


def _assign(tables: Tables, path: str, raw: object) -> Iterator[Problem]:
    here = spot(path)
    if here is None:
        yield problem(shown(path), Template.UNKNOWN)
    elif here.kind == "section":
        yield from _section(tables, here, raw)
    else:
        value = _value(here, raw)
        if isinstance(value, Problem):
            yield value
        elif not put(tables, path, value):
            yield _no_entry(tables, path)


def _section(tables: Tables, here: Spot, raw: object) -> Iterator[Problem]:
    if not isinstance(raw, Mapping):
        yield problem(here.path, Template.GROUP)
        return
    for name, value in raw.items():
        yield from _assign(tables, f"{here.path}.{name}", value)


def _no_entry(tables: Tables, path: str) -> Problem:
    """Say which list on the way is shorter; only lists stop a path that the schema knows."""
    here: Any = tables
    for part in path.split("."):
        if isinstance(here, list):
            return problem(path, Template.NO_ENTRY, number=int(part) + 1, count=len(here))
        here = here.get(part) if isinstance(here, dict) else None
    return problem(path, Template.UNKNOWN)


def _value(here: Spot, raw: object) -> object:
    """Give what a form's text means; anything else is left to the schema. A `Problem` where it means nothing."""
    if not isinstance(raw, str):
        return raw
    if len(raw) > _LONGEST_TEXT:
        return problem(here.path, Template.TOO_LONG, maximum=_LONGEST_TEXT)
    text = raw.strip()
    if not text:
        return _nothing(here)
    if here.kind == "bool":
        return _SWITCH.get(text.lower(), text)
    if here.kind == "int" and _WHOLE.fullmatch(text):
        return int(text)
    if here.kind == "float" and _DECIMAL_COMMA.fullmatch(text):
        return text.replace(",", ".")
    if here.kind == "choice":
        return next((choice for choice in here.choices if str(choice) == text), text)
    if here.kind == "list":
        return [entry for part in re.split(r"[,\r\n]", text) if (entry := part.strip())]
    return text


def _nothing(here: Spot) -> object:
    if here.optional:
        return None
    if here.kind == "list":
        return list(here.node["default"]) if here.node.get("minItems") else []
    if here.kind == "text" and here.node.get("default") == "":
        return ""
    return problem(here.path, Template.EMPTY)
