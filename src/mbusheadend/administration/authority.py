"""``mbusheadend authority``: what every process of a head-end needs in its state folder and no store may have."""

import argparse
import json
from pathlib import Path
from typing import Final

from mbusheadend.administration.passphrase import new_passphrase, passphrase_for
from mbusheadend.authority import AUTHORITY
from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Settings
from mbusheadend.state import AUTHORITY_FOLDER, KEY_FILE, authority_of, vault_of
from mbusio.files import write_atomically
from mbusio.keyfiles import read_pair
from mbusio.sealing import SealError, data_of, seal, text_of, unseal

MAX_SIZE: Final = 1 << 20
_KIND: Final = "mbusheadend authority"
_AUTHORITY: Final = "authority"
_KEYS: Final = "meter_keys"


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Do what the action says. Raise `HeadEndError`."""
    try:
        if options.action == "export":
            _export(settings.state_folder, options.file, new_passphrase())
            print(f"{options.file} has the keys: bring it to the other machines, then delete it")
        else:
            _import(settings.state_folder, options.file)
            print(f"{settings.state_folder} has the authority and the key file of {options.file} now")
    except OSError as error:
        raise HeadEndError(f"{error.filename or options.file}: {error.strerror or error}") from error


def _export(state: Path, file: Path, passphrase: str) -> None:
    # Where there are none they are made.
    authority_of(state)
    vault_of(state)
    if file.exists():
        raise HeadEndError(f"there is a file {file} already: it is not overwritten")
    content = {
        _AUTHORITY: text_of((state / AUTHORITY_FOLDER / AUTHORITY).read_bytes()),
        _KEYS: text_of((state / KEY_FILE).read_bytes()),
    }
    try:
        sealed = seal({"kind": _KIND}, json.dumps(content).encode(), passphrase)
    except SealError as error:
        raise HeadEndError(str(error)) from None
    write_atomically(file, json.dumps(sealed).encode())


def _import(state: Path, file: Path) -> None:
    folder = state / AUTHORITY_FOLDER
    for path in (folder / AUTHORITY, state / KEY_FILE):
        if path.exists():
            raise HeadEndError(f"there is {path} already: import into a state folder that was never used")
    with file.open("rb") as opened:
        data = opened.read(MAX_SIZE)
    try:
        fields = json.loads(data)
        if not isinstance(fields, dict) or fields.get("kind") != _KIND:
            raise HeadEndError(f"{file} is no export of an authority")
        content = json.loads(unseal(fields, passphrase_for(file)))
        authority, keys = data_of(content[_AUTHORITY]), data_of(content[_KEYS])
    except SealError as error:
        raise HeadEndError(f"{file}: {error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise HeadEndError(f"{file} is damaged") from error
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(state / KEY_FILE, keys)
    # Last: what is there then is whole.
    write_atomically(folder / AUTHORITY, authority)
    read_pair(folder / AUTHORITY)
