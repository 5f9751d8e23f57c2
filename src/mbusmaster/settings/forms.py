"""What a form must know of each setting, taken from the schema."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from mbusmaster.settings.messages import Template
from mbusmaster.settings.tree import Spot, spot

FieldKind = Literal["bool", "int", "float", "choice", "text", "address", "list"]


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of a form.

    :ivar path: under which `SettingsService.change` takes its value.
    :ivar title: in English, as are `description` and `must_be`; catalogues translate them.
    :ivar default: as JSON has it; None where there is none.
    :ivar choices: what there is to choose from; empty where it is no choice.
    :ivar minimum: least value; of a text its least length, of a list its least number of entries.
    :ivar maximum: likewise the greatest.
    :ivar pattern: regular expression of the text, or of each entry of a list; fit for HTML's ``pattern``.
    :ivar must_be: what the pattern asks for, in words.
    :ivar optional: whether the field may be empty.
    """

    path: str
    kind: FieldKind
    title: str
    description: str
    default: Any
    choices: tuple[Any, ...]
    minimum: float | None
    maximum: float | None
    pattern: str
    must_be: str
    optional: bool
    needs_restart: bool


def fields(*paths: str) -> tuple[FormField, ...]:
    """Give the field of each setting; a section or a table of names stands for everything in it.

    Raise `KeyError` for a path that the schema does not know, or that means many sections (``buses`` without a number).
    """
    return tuple(field for path in paths for field in _fields(path))


def _fields(path: str) -> Iterator[FormField]:
    here = spot(path)
    if here is None or here.kind == "sections":
        raise KeyError(path)
    yield from _below(here)


def _below(here: Spot) -> Iterator[FormField]:
    if here.is_setting:
        yield _field(here)
        return
    for one in here.below():
        if one.kind != "sections":
            yield from _below(one)


def _field(here: Spot) -> FormField:
    node, entry = here.node, here.entry
    least, most = {
        "int": ("minimum", "maximum"),
        "float": ("minimum", "maximum"),
        "text": ("minLength", "maxLength"),
        "list": ("minItems", "maxItems"),
    }.get(here.kind, ("", ""))
    default = node.get("default")
    return FormField(
        path=here.path,
        kind=cast(FieldKind, here.kind),
        title=node["title"],
        description=node.get("description", ""),
        default=tuple(default) if isinstance(default, list) else default,
        choices=here.choices,
        minimum=node.get(least),
        maximum=node.get(most),
        pattern=entry.get("pattern", ""),
        must_be=Template[entry["must_be"]] if "must_be" in entry else "",
        optional=here.optional or (here.kind == "list") or default == "",
        needs_restart=here.needs_restart,
    )
