"""The settings as a table for people, made from the schema: ``python -m mbusmaster.settings.reference`` prints it as Markdown."""

from collections.abc import Iterator
from typing import Any, Final

from mbusmaster.settings.schema import Settings

Node = dict[str, Any]

_COLUMNS: Final = ("setting", "default", "allowed", "meaning")


def markdown() -> str:
    """Give one table per section of the settings file, in the order of the schema."""
    schema = Settings.model_json_schema()
    return "\n\n".join(_section(title, rows) for title, rows in _sections("", schema, schema["$defs"]))


def _sections(title: str, node: Node, known: dict[str, Node]) -> Iterator[tuple[str, list[str]]]:
    """Give each section's heading as it stands in the file, and its rows; what has properties of its own is a section."""
    rows, below = [], []
    for name, setting in node["properties"].items():
        path = f"{title}.{name}" if title else name
        shown = _resolved(setting, known)
        items = _resolved(shown.get("items", {}), known)
        if "properties" in shown:
            below.append((path, shown))
        elif "properties" in items:
            below.append((path, {**items, "is_list": True}))
        else:
            rows.append(_row(name, shown))
    if rows:
        yield (f"[[{title}]]" if node.get("is_list") else f"[{title}]") if title else "", rows
    for path, shown in below:
        yield from _sections(path, shown, known)


def _resolved(setting: Node, known: dict[str, Node]) -> Node:
    """Follow a reference; what stands beside it goes first."""
    if "$ref" not in setting:
        return setting
    return {**known[setting["$ref"].rpartition("/")[2]], **setting}


def _section(title: str, rows: list[str]) -> str:
    head = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"
    return "\n".join((f"`{title}`" if title else "At the top", "", head, *rows))


def _row(name: str, setting: Node) -> str:
    cells = (f"`{name}`", _default(setting.get("default")), _allowed(setting), setting.get("description", ""))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(value: object) -> str:
    if value is None:
        return "–"
    return ", ".join(_text(one) for one in value) if isinstance(value, list) else _text(value)


def _allowed(setting: Node) -> str:
    choices = setting.get("enum") or ([setting["const"]] if "const" in setting else [])
    if choices:
        return ", ".join(map(_text, choices))
    if "minimum" in setting:
        return f"{setting['minimum']} to {setting['maximum']}"
    if "anyOf" in setting:
        return next(_allowed(one) for one in setting["anyOf"] if one["type"] != "null")
    kinds = {"boolean": "true, false", "array": f"a list of 1 to {setting.get('maxItems')}"}
    return kinds.get(setting["type"], "text")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return (
        f"`{value}`" if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    )


if __name__ == "__main__":
    print(markdown())
