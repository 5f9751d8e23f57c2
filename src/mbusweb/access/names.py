"""Names of users: letters of any language, told apart without regard to case."""

import unicodedata
from typing import Final

from mbusweb.access.errors import Problem, UserError

LONGEST: Final = 32
_LONGEST_INPUT: Final = 128
_KINDS: Final = ("L", "M", "Nd")
_SIGNS: Final = "._-"


def normal_name(text: str, reserved: str = "") -> str:
    """Give the form in which a name is kept (NFKC); raise `UserError` for what cannot be a name.

    1 to 32 letters, digits, dots, underlines and hyphens, a letter or digit first.

    :param reserved: the name of the default user, which stays with it; empty where there is none.
    """
    name = unicodedata.normalize("NFKC", text) if len(text) <= _LONGEST_INPUT else text
    if not 1 <= len(name) <= LONGEST:
        raise UserError(f"a name has 1 to {LONGEST} characters", Problem.NAME_LENGTH, "name")
    if name[0] in _SIGNS or unicodedata.category(name[0]).startswith("M") or not all(map(_is_allowed, name)):
        raise UserError(
            "a name is made of letters, digits, and . _ - after the first character",
            Problem.NAME_CHARACTERS,
            "name",
        )
    if reserved and key_of(name) == key_of(reserved):
        raise UserError(
            f"the name {reserved} belongs to the default user; choose another one",
            Problem.NAME_RESERVED,
            "name",
        )
    return name


def key_of(text: str) -> str:
    """Give what two spellings of one name have in common; for any text, bounded."""
    folded = unicodedata.normalize("NFKC", text[:_LONGEST_INPUT]).casefold()
    return unicodedata.normalize("NFKC", folded)[:_LONGEST_INPUT]


def _is_allowed(character: str) -> bool:
    return character in _SIGNS or unicodedata.category(character).startswith(_KINDS)
