"""Reads catalogues as `extract` writes them: the part of the PO format that they use (GNU gettext manual 3, "PO Files").

Babel reads all of the format and stays in memory with four megabytes; a test compares the two.
"""

import io
import json
import re
import struct
from gettext import GNUTranslations
from typing import Final

_LINE: Final = re.compile(r'(?:(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) +)?(".*")')
_unescape: Final = json.JSONDecoder(strict=False).decode
"""The escapes that PO files use are JSON's too."""
_MAGIC: Final = 0x950412DE
_HEADER: Final = 28


def read_catalogue(text: str) -> GNUTranslations:
    """Give the texts of a catalogue; what is doubtful ("fuzzy") or has no translation is left out."""
    entries = (entry for block in text.split("\n\n") if (entry := _entry(block)) is not None)
    return GNUTranslations(io.BytesIO(_compiled(sorted(entries))))


def _entry(block: str) -> tuple[bytes, bytes] | None:
    """Give one text as a compiled catalogue has it: context, then singular and plural, and all forms of the translation."""
    parts: dict[str, str] = {}
    name = ""
    for line in block.splitlines():
        if line.startswith("#, ") and "fuzzy" in line:
            return None
        if found := _LINE.fullmatch(line):
            name = found[1] or name
            parts[name] = parts.get(name, "") + _unescape(found[2])
    translated = [part for name, part in parts.items() if name.startswith("msgstr")]
    if not translated or not all(translated):
        return None
    key = parts["msgid"]
    if "msgctxt" in parts:
        key = f"{parts['msgctxt']}\x04{key}"
    if "msgid_plural" in parts:
        key = f"{key}\x00{parts['msgid_plural']}"
    return key.encode(), "\x00".join(translated).encode()


def _compiled(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Lay texts out as an MO file (GNU gettext manual 10.3)."""
    count = len(entries)
    where = _HEADER + 16 * count
    tables, texts = b"", b""
    for column in (0, 1):
        for entry in entries:
            text = entry[column]
            tables += struct.pack("<II", len(text), where + len(texts))
            texts += text + b"\x00"
    header = struct.pack("<7I", _MAGIC, 0, count, _HEADER, _HEADER + 8 * count, 0, where)
    return header + tables + texts
