"""Passphrases: from the environment, else typed at a terminal."""

import os
import sys
from getpass import getpass
from pathlib import Path

from mbusheadend.administration.arguments import PASSPHRASE_VARIABLE
from mbusheadend.errors import HeadEndError


def new_passphrase() -> str:
    """Give one to protect something with; raise `HeadEndError` where nobody is there to type it."""
    found = os.environ.get(PASSPHRASE_VARIABLE)
    if found:
        return found
    first = _typed("Passphrase: ")
    if _typed("Again: ") != first:
        raise HeadEndError("these were two different passphrases")
    return first


def passphrase_for(file: Path) -> str:
    """Give that of a file; raise `HeadEndError` where nobody is there to type it."""
    return os.environ.get(PASSPHRASE_VARIABLE) or _typed(f"Passphrase of {file}: ")


def _typed(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise HeadEndError(f"a passphrase is needed: give it in ${PASSPHRASE_VARIABLE}")
    return getpass(prompt)
