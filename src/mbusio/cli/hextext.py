"""Bytes written as hex digits, the way people and logs write them."""

import re
from typing import Final

_TOKEN = re.compile(r"(?:0[xX])?((?:[0-9A-Fa-f]{2})+)")
_SEPARATORS = re.compile(r"[\s,;:\-]+")
COMMENT: Final = "#"


def from_hex_text(line: str) -> bytes | None:
    """Give the bytes of a line of hex text, what follows ``#`` left out; None when it is not hex text.

    Spaces, commas, colons, semicolons and hyphens may stand between bytes, ``0x`` before them.
    """
    text = line.partition(COMMENT)[0].lstrip("\ufeff")
    data = bytearray()
    for token in _SEPARATORS.split(text):
        if not token:
            continue
        digits = _TOKEN.fullmatch(token)
        if digits is None:
            return None
        data += bytes.fromhex(digits[1])
    return bytes(data)
