"""The schema as a tree that a dotted path leads into: what a form, a table and a message need to know of one setting."""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from mbusmaster.settings.schema import Settings

Node = dict[str, Any]
Kind = Literal["bool", "int", "float", "choice", "text", "address", "list", "table", "section", "sections"]
"""``table``: names and texts; ``section``: settings below it; ``sections``: a list of such."""

_LONGEST_PATH: Final = 200
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,2}")
_MOST_REMEMBERED: Final = 1000
"""Paths come from outside too."""
_KINDS: Final[dict[str, Kind]] = {"boolean": "bool", "integer": "int", "number": "float", "string": "text"}
_ADDRESSES: Final = ("ipv4", "ipvanyaddress")


@dataclass(frozen=True, slots=True)
class Spot:
    """One place in the settings.

    :ivar node: JSON schema of it, references followed, the "or nothing" of an optional setting taken away.
    :ivar fleet: whether a head-end may set it.
    """

    path: str
    node: Node
    kind: Kind
    optional: bool
    needs_restart: bool
    of_machine: bool
    fleet: bool = False

    @property
    def is_setting(self) -> bool:
        """Whether it has a value of its own, not only settings below it."""
        return self.kind not in ("section", "sections", "table")

    @property
    def entry(self) -> Node:
        """JSON schema of one entry of a list; of the setting itself elsewhere."""
        return resolved(self.node["items"]) if self.kind == "list" else self.node

    @property
    def choices(self) -> tuple[Any, ...]:
        """What a choice may be."""
        return tuple(self.node.get("enum", ()))

    def below(self) -> Iterator["Spot"]:
        """Give what is in a section, or the entries that a table may have."""
        if self.kind == "section":
            for name, node in self.node["properties"].items():
                if not node.get("hidden"):
                    yield _spot(f"{self.path}.{name}" if self.path else name, node, self)
        elif self.kind == "table":
            for name in self.node["propertyNames"]["enum"]:
                entry = {"title": name.replace("_", " "), **self.node["additionalProperties"]}
                yield _spot(f"{self.path}.{name}", entry, self)

    def step(self, part: str) -> "Spot | None":
        """Give what one part of a path leads to; of a list of sections, any entry."""
        if self.kind == "sections":
            if not _INDEX.fullmatch(part):
                return None
            return _spot(f"{self.path}.{part}", self.node["items"], self)
        return next((one for one in self.below() if one.path.rpartition(".")[2] == part), None)


def root() -> Spot:
    """Give the settings as a whole."""
    return Spot("", _schema(), "section", optional=False, needs_restart=False, of_machine=False)


@functools.lru_cache(_MOST_REMEMBERED)
def spot(path: str) -> Spot | None:
    """Give what a dotted path leads to, such as ``buses.0.timeout``; None where there is nothing."""
    if len(path) > _LONGEST_PATH:
        return None
    here: Spot | None = root()
    for part in path.split("."):
        here = here.step(part) if here is not None else None
    return here


def settings(values: Mapping[str, Any]) -> Iterator[tuple[Spot, Any]]:
    """Give each setting with its value, from a dump of the whole; lists are values, entries of tables are settings."""
    yield from _settings(root(), values)


def _settings(here: Spot, value: Any) -> Iterator[tuple[Spot, Any]]:
    if here.kind == "sections":
        for index, one in enumerate(value):
            below = here.step(str(index))
            if below is not None:
                yield from _settings(below, one)
    elif here.is_setting:
        yield here, value
    else:
        for below in here.below():
            yield from _settings(below, value.get(below.path.rpartition(".")[2]))


def resolved(node: Node) -> Node:
    """Follow a reference; what stands beside it goes first."""
    if "$ref" not in node:
        return node
    return {**_schema()["$defs"][node["$ref"].rpartition("/")[2]], **node}


@functools.cache
def _schema() -> Node:
    return Settings.model_json_schema()


def _spot(path: str, node: Node, above: Spot) -> Spot:
    node = resolved(node)
    optional = above.kind == "table"
    if "anyOf" in node:
        inner = next(one for one in node["anyOf"] if one.get("type") != "null")
        node, optional = {**resolved(inner), **node}, True
    return Spot(
        path,
        node,
        _kind(node),
        optional,
        needs_restart=above.needs_restart or node.get("needs_restart", False),
        of_machine=above.of_machine or node.get("of_machine", False),
        fleet=bool(node.get("fleet", False)),
    )


def _kind(node: Node) -> Kind:
    if "enum" in node:
        return "choice"
    if "properties" in node:
        return "section"
    if node["type"] == "object":
        return "table"
    if node["type"] == "array":
        return "sections" if "properties" in resolved(node["items"]) else "list"
    return "address" if node.get("format") in _ADDRESSES else _KINDS[node["type"]]
