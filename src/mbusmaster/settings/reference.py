"""The settings as a table for people, made from the schema: ``python -m mbusmaster.settings.reference`` prints it as Markdown."""

from collections.abc import Iterator
from typing import Any, Final

from mbusmaster.settings.schema import VERSION
from mbusmaster.settings.tree import Node, Spot, root

_COLUMNS: Final = ("setting", "default", "allowed", "restart", "meaning")
_ALLOWED: Final = {"bool": "true, false", "address": "an IP address"}


def markdown() -> str:
    """Give one table per section of the settings file, in the order of the schema."""
    return "\n\n".join(_section(title, rows) for title, rows in _sections(root(), ""))


def _sections(here: Spot, title: str) -> Iterator[tuple[str, list[str]]]:
    """Give each section's heading as it stands in the file, and its rows."""
    rows, below = [], []
    if not here.path:
        rows.append(_row("version", here.node["properties"]["version"], str(VERSION), here))
    for one in here.below():
        name = one.path.rpartition(".")[2]
        if one.kind == "section":
            # In the file a section of an entry stands behind that entry, without its number.
            below.append((one, f"[{one.path.replace('.0.', '.')}]"))
        elif one.kind == "sections" and (entry := one.step("0")):
            below.append((entry, f"[[{one.path}]]"))
        else:
            rows.append(_row(name, one.node, _allowed(one), one))
    if rows:
        yield title, rows
    for one, heading in below:
        yield from _sections(one, heading)


def _section(title: str, rows: list[str]) -> str:
    head = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"
    return "\n".join((f"`{title}`" if title else "At the top", "", head, *rows))


def _row(name: str, node: Node, allowed: str, spot: Spot) -> str:
    cells = (
        f"`{name}`",
        _default(node.get("default")),
        allowed,
        "yes" if spot.needs_restart else "–",
        node.get("description", ""),
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(value: object) -> str:
    if value is None or value in ("", [], {}):
        return "–"
    return ", ".join(map(_text, value)) if isinstance(value, list) else _text(value)


def _allowed(spot: Spot) -> str:
    node = spot.node
    if spot.kind == "choice":
        return ", ".join(map(_text, spot.choices))
    if "minimum" in node:
        return f"{node['minimum']} to {node['maximum']}"
    if spot.kind == "table":
        names = node["propertyNames"]["enum"]
        return f"{_text(names[0])} to {_text(names[-1])} = text"
    if spot.kind == "list":
        least, most = node.get("minItems", 0), node["maxItems"]
        return f"a list of {least} to {most}" if least else f"a list of up to {most}"
    return _ALLOWED.get(spot.kind, "text")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return (
        f"`{value}`" if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    )


if __name__ == "__main__":
    print(markdown())
