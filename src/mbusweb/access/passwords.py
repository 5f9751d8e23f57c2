"""Which passwords are good enough: long, not the name, not one that is tried first.

A password is worth a point for each character, but what a list or a habit covers is worth one point as a whole, however long: a
well-known word (with the usual signs for letters), a row of the keyboard, letters or digits that follow each other, a year. What
comes again is worth nothing.
"""

import re
import unicodedata
from functools import cache
from importlib import resources
from typing import Final

from mbusweb.access.errors import Problem, UserError
from mbusweb.access.names import key_of

SHORTEST: Final = 12
LONGEST: Final = 128
LONGEST_BYTES: Final = 512
LEAST_POINTS: Final = 6
_LEAST_BESIDE_NAME: Final = 8
_SHORTEST_NAME: Final = 3
_SHORTEST_RUN: Final = 3
_MIXED: Final = str.maketrans("013457@$!", "oieastasi")
_ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "qsdfghjklm",
    "zxcvbnm",
    "yxcvbnm",
    "wxcvbn",
    "!@#$%^&*()_+",
    '!"§$%&/()=?',
    '!"#¤%&/()=?',
)
_YEAR: Final = re.compile(r"(19|20)\d\d")
_REPEATED: Final = re.compile(r"(.{1,6}?)\1+", re.DOTALL)


def normal_password(text: str) -> str:
    """Give the form that is hashed (NFC): the same word typed on different machines is the same password."""
    return unicodedata.normalize("NFC", text)


def could_be_password(text: str) -> bool:
    """Tell whether a text has the size and the characters of one; what has not is not even hashed."""
    return len(text) <= LONGEST and not any(map(_is_control, text)) and len(text.encode()) <= LONGEST_BYTES


def check_password(name: str, text: str) -> str:
    """Give a password in the form that is hashed; raise `UserError` where it is not good enough for the user of this name.

    At least 12 characters, at most 128, no control characters.
    """
    if len(text) > LONGEST:
        raise _bad(f"a password has at most {LONGEST} characters", Problem.PASSWORD_LONG)
    password = normal_password(text)
    if any(map(_is_control, password)):
        raise _bad("a password has no control characters", Problem.PASSWORD_CHARACTERS)
    if len(password) < SHORTEST:
        raise _bad(f"a password has at least {SHORTEST} characters", Problem.PASSWORD_SHORT)
    if not could_be_password(password):
        raise _bad(f"a password has at most {LONGEST_BYTES} bytes", Problem.PASSWORD_LONG)
    if _is_made_of_name(key_of(name), password.casefold()):
        raise _bad("a password is not the name", Problem.PASSWORD_NAME)
    if points(password) < LEAST_POINTS:
        raise _bad("this password is one of those that are tried first", Problem.PASSWORD_KNOWN)
    return password


def points(password: str) -> int:
    """Count what is not covered by a list or a habit."""
    text = password.casefold()
    plain = (text, _without_repetition(text))
    return min(_points_of(way) for way in (*plain, *(way.translate(_MIXED) for way in plain)))


def _points_of(text: str) -> int:
    """Cover the text from left to right, each time with the longest piece that fits."""
    place = count = 0
    seen: set[str] = set()
    while place < len(text):
        length = max(_word_at(text, place), _run_at(text, place), _year_at(text, place), 1)
        piece = text[place : place + length]
        # The same piece once more adds nothing.
        count += piece not in seen
        seen.add(piece)
        place += length
    return count


def _without_repetition(text: str) -> str:
    """Write once what stands there several times in a row."""
    return _REPEATED.sub(lambda found: found[1], text)


def _word_at(text: str, place: int) -> int:
    words = _words()
    for length in range(min(_longest_word(), len(text) - place), _SHORTEST_RUN - 1, -1):
        if text[place : place + length] in words:
            return length
    return 0


def _run_at(text: str, place: int) -> int:
    """Give the length of the piece of a row, forwards or backwards, that starts here."""
    longest = 0
    for row in (*_ROWS, *(row[::-1] for row in _ROWS)):
        length = 0
        start = row.find(text[place])
        while start >= 0 and text[place : place + length + 1] == row[start : start + length + 1]:
            if place + length == len(text) or start + length == len(row):
                break
            length += 1
        longest = max(longest, length)
    return longest if longest >= _SHORTEST_RUN else 0


def _year_at(text: str, place: int) -> int:
    return 4 if _YEAR.match(text, place) else 0


def _is_made_of_name(name: str, password: str) -> bool:
    """Tell whether little is left of a password without the name, forwards and backwards."""
    if len(name) < _SHORTEST_NAME:
        return False
    rest = password
    for part in (name, name[::-1]):
        if len(rest.replace(part, "")) < _LEAST_BESIDE_NAME and part in rest:
            return True
        rest = rest.replace(part, "")
    return False


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs")


def _bad(message: str, kind: Problem) -> UserError:
    return UserError(message, kind, "password")


@cache
def _words() -> frozenset[str]:
    text = resources.files(__package__).joinpath("well_known.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def _longest_word() -> int:
    return max(map(len, _words()))
