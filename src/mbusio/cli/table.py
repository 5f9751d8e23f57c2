"""A telegram as a table that a person likes to read."""

from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mbus.application.as_json import dumps, telegram_as_json
from mbus.application.header import is_fixed_structure
from mbus.application.status import is_suspect, status_words
from mbus.application.telegram import Telegram

WIDTH_OF_A_FILE: Final = 160
"""Columns when the output is no terminal."""


def make_console() -> Console:
    """Give a console on standard output, without wrapping at 80 columns where nobody looks."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_A_FILE
    return console


def print_telegram(console: Console, telegram: Telegram) -> None:
    """Print header, records, manufacturer data and error."""
    shown: dict[str, Any] = telegram_as_json(telegram)
    console.print(Text(_title(telegram, shown), style="bold"))
    records = shown["records"]
    if records:
        console.print(_records(records))
    if shown["manufacturer_data"]:
        console.print(Text(f"manufacturer data: {shown['manufacturer_data']}"))
    if shown["more_follows"]:
        console.print(Text("another telegram follows"))
    if shown["error"]:
        console.print(Text(f"stopped: {shown['error']}", style="red"))


def _title(telegram: Telegram, shown: dict[str, Any]) -> str:
    words = [f"primary {shown['link']['a']}", f"CI {shown['ci']:02X}"]
    header = shown["header"]
    if header is not None:
        identity = (header["manufacturer"], header["id"], header["medium"])
        words.insert(0, " ".join(str(word) for word in identity if word) or "no identity")
        if header["version"] is not None:
            words.append(f"version {header['version']}")
        if header["secondary_address"]:
            words.append(f"address {header['secondary_address']}")
        words.append(f"access {header['access_number']}")
        words.append(_status(header["status"], is_fixed_structure(telegram.frame)))
    return " · ".join(words)


def _status(status: int, fixed_structure: bool) -> str:
    words = ", ".join(status_words(status, fixed_structure=fixed_structure)) or "ok"
    doubt = " (doubt the values)" if is_suspect(status, fixed_structure=fixed_structure) else ""
    return f"status {words}{doubt}"


def _records(records: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("#", justify="right")
    table.add_column("quantity")
    table.add_column("value", justify="right", overflow="fold")
    table.add_column("unit")
    # Columns that say nothing in this telegram are left out.
    extra = [name for name in ("storage", "tariff", "subunit") if any(record[name] for record in records)]
    for name in extra:
        table.add_column(name, justify="right")
    table.add_column("notes", overflow="fold")
    for record in records:
        table.add_row(
            str(record["index"]),
            Text(record["quantity"]),
            Text(_value(record)),
            Text(_printable(record["unit"])),
            *(str(record[name]) for name in extra),
            Text(_notes(record)),
        )
    return table


def _value(record: dict[str, Any]) -> str:
    value = record["value"]
    if value is None:
        return "–"
    return _printable(value) if isinstance(value, str) else dumps(value)


def _notes(record: dict[str, Any]) -> str:
    function = () if record["function"] == "instantaneous" else (record["function"],)
    status = (record["status"],) if "status" in record else ()
    return _printable(", ".join((*function, *record["modifiers"], *status)))


def _printable(text: str) -> str:
    # A meter's text is a stranger's: nothing in it may steer the terminal.
    return "".join(character if character.isprintable() else "·" for character in text)
