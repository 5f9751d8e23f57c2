"""One line of a file of meters: its cells read one by one, and the secondary address put together of several."""

import re
from collections.abc import Callable
from typing import Final, TypeVar

from mbus.addressing import (
    ANY_MANUFACTURER,
    ANY_MEDIUM,
    ANY_VERSION,
    ID_DIGITS,
    SecondaryAddress,
    is_primary,
    manufacturer_code,
    manufacturer_letters,
)
from mbus.errors import AddressError
from mbus.tables import fixed
from mbus.tables.media import MEDIA, medium_name
from mbusio.meterfile import IDENTIFYING, Line, Problem

T = TypeVar("T")

ADDRESS_DIGITS: Final = 16
_ROUNDED: Final = re.compile(r"\d+([.,]\d+)?[eE]\+?\d+")
_IDENTIFICATION: Final = re.compile(r"[0-9A-Fa-f]{8}|[0-9]{1,7}")
_WORDS: Final = frozenset((*MEDIA.values(), *fixed.MEDIA, medium_name(0xFF)))


class LineReader:
    """Reads a line and notes in `problems` what is wrong with it."""

    def __init__(self, line: Line) -> None:
        self.problems: list[Problem] = []
        self.line = line

    @property
    def names_a_meter(self) -> bool:
        """Whether any of the cells is there that say which meter it is; where not, that is a problem."""
        if any(self.line.cells.get(column) for column in IDENTIFYING):
            return True
        self.complain("", f"it names no meter: {', '.join(IDENTIFYING)} are all empty")
        return False

    def complain(self, column: str, text: str) -> None:
        """Note what is wrong."""
        self.problems.append(Problem(self.line.number, column, text))

    def secondary(self) -> SecondaryAddress | None:
        """Put the address together; the parts must agree with the whole."""
        whole = self.read("secondary_address", _address)
        identification = self.read("identification", _identification)
        if whole is None and identification is None:
            return None
        manufacturer = self.read("manufacturer", manufacturer_code_of)
        version = self.read("version", _version)
        medium = self.read("medium", lambda text: medium_of_cell(text)[0])
        if whole is None:
            assert identification is not None
            built = SecondaryAddress(identification)
            return SecondaryAddress(
                identification,
                built.manufacturer if manufacturer is None else manufacturer,
                ANY_VERSION if version is None else version,
                ANY_MEDIUM if medium is None else medium,
            )
        parts = (
            ("identification", identification, whole.identification),
            (
                "manufacturer",
                manufacturer and manufacturer_letters(manufacturer),
                None if whole.manufacturer == ANY_MANUFACTURER else manufacturer_letters(whole.manufacturer),
            ),
            ("version", version, None if whole.version == ANY_VERSION else whole.version),
        )
        for column, said, has in parts:
            if said is not None and has is not None and said != has:
                self.complain(column, f"it says {said}, and the secondary address {whole} says {has}")
        return whole

    def read(self, column: str, read: Callable[[str], T]) -> T | None:
        """Read a cell, None where it is empty or what `read` raises (`ValueError`, `AddressError`) is wrong with it."""
        text = self.line.cells.get(column)
        if text is None:
            return None
        try:
            return read(text)
        except (ValueError, AddressError) as error:
            if not any(problem.column == column for problem in self.problems):
                self.complain(column, str(error))
            return None


def manufacturer_code_of(text: str) -> int:
    """Read three letters, or four hex digits for a code without letters; raise `AddressError`."""
    text = text.strip()
    if len(text) == 4:
        try:
            return int(text, 16)
        except ValueError:
            pass
    return manufacturer_code(text)


def _address(text: str) -> SecondaryAddress:
    text = text.strip()
    # 1149037804770E16 is an address; spreadsheets write a sign or a point.
    if _ROUNDED.fullmatch(text) and not (text.isalnum() and len(text) == ADDRESS_DIGITS):
        raise ValueError(
            f"{text} was an address before a spreadsheet took it for a number; let it keep the column as text"
        )
    address = SecondaryAddress.from_text(text)
    if address == SecondaryAddress():
        raise ValueError("it names no meter: everything in it is a wildcard")
    return address


def _identification(text: str) -> str:
    if not _IDENTIFICATION.fullmatch(text):
        raise ValueError(f"an identification has {ID_DIGITS} digits, not {text[:40]!r}")
    # Spreadsheets drop leading zeros.
    return text.upper().zfill(ID_DIGITS)


def _number(text: str, what: str, last: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and int(text) <= last):
        raise ValueError(f"{what} is a number from 0 to {last}, not {text[:40]!r}")
    return int(text)


def primary_of_cell(text: str) -> int:
    """Read a primary address; raise `ValueError`."""
    number = _number(text, "a primary address", 250)
    assert is_primary(number), "the bound above is that of primary addresses"
    return number


def _version(text: str) -> int:
    return _number(text, "a version", 255)


def medium_of_cell(text: str) -> tuple[int | None, str | None]:
    """Give code, where there is exactly one, and word; a word that is not ours says nothing to us."""
    if text.isdecimal():
        code = _number(text, "the code of a medium", 255)
        return code, medium_name(code)
    word = text.strip().lower().replace(" ", "_")
    codes = [code for code, name in MEDIA.items() if name == word]
    return codes[0] if len(codes) == 1 else None, word if word in _WORDS else None
