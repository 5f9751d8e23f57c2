"""Erases all data of this master: users, logins, tokens, audit log, meters, readings, keys, certificates, logs, traces, settings.

A running gateway has its files open, so it only writes a mark (`Eraser.request`) and restarts; what starts next erases before
it opens anything (`erase_if_asked`). The mark is on the disk before anything is gone, and goes last: after a power cut the next
start goes on. What stays is what belongs to the machine: the last known time, addresses of the network, serial number, place of
the set-up pages, lamps and button, and the wiring of a bus that is on a local port. Files in the folder that are none of ours
stay too.

Files are removed, not overwritten: flash memory writes elsewhere in any case, and may keep old copies until it needs the room.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from mbusio.files import sync_folder, write_atomically
from mbusio.transport import parse_url
from mbusmaster.errors import MasterError
from mbusmaster.settings import Settings
from mbusmaster.settings.assign import put
from mbusmaster.settings.service import values
from mbusmaster.settings.store import Store
from mbusmaster.settings.tree import spot

MARK: Final = "erase-all"
FOLDERS: Final = ("trust", "hosting", "log", "spool", "fetched")
FILES: Final = ("access.db", "meters.db", "hosting.db", "before-update.json")
"""In the state folder, with what stands beside them under such a name: side files, damaged and half written ones."""
KEPT: Final = ("time.json", "time", "updates")
"""The last known time, without which an old certificate could pass for a good one, what the time service is told of this machine,
and which releases were trusted last, without which an older one could pass for new; they say nothing of anybody."""
_NETWORK: Final = "ethernet."
"""Settings that say how the system is connected, which stays so."""
_WIRING: Final = ("url", "parity", "line")
"""What a bus on a local port keeps: how its converter is connected."""

_log = logging.getLogger(__name__)


class EraseError(MasterError):
    """Data cannot be erased; says which, and why."""


class Eraser:
    """Takes the wish of somebody at a running gateway.

    :param state: its state folder.
    """

    def __init__(self, state: Path) -> None:
        self._state = state

    def request(self) -> None:
        """Write the mark: from now on the next start erases, however this run ends. Raise `EraseError`."""
        try:
            write_atomically(self._state / MARK, b"All data of this gateway is erased when it starts.\n")
        except OSError as error:
            raise EraseError(f"cannot write {self._state / MARK}: {error.strerror or error}") from error

    def foreign(self) -> tuple[str, ...]:
        """Give names in the state folder that are none of ours, and stay."""
        return tuple(name for name in _names(self._state) if not is_ours(name) and name not in (*KEPT, MARK))


def is_ours(name: str) -> bool:
    """Tell whether a name in the state folder is of a file or folder that is erased."""
    plain = name.removeprefix(".")
    return name in FOLDERS or any(plain == one or plain.startswith((f"{one}.", f"{one}-")) for one in FILES)


def erase_if_asked(state: Path, store: Store, *, step: Callable[[str], object] = lambda name: None) -> bool:
    """Erase all data if somebody asked for it before; tell so. Call it before anything in the folder is opened.

    :param store: of the settings; load them again afterwards.
    :param step: is told what is erased next.

    Raise `EraseError` or `SettingsError`; the next start tries again.
    """
    if not (state / MARK).exists():
        return False
    try:
        for name in _names(state):
            if is_ours(name):
                step(name)
                _remove(state / name)
        step("state")
        sync_folder(state)
        step("settings")
        store.begin_anew(settings_of_machine(store.load().settings))
        step("mark")
        (state / MARK).unlink()
        sync_folder(state)
    except OSError as error:
        raise EraseError(
            f"cannot erase {error.filename or state}: {error.strerror or error}; the next start tries again"
        ) from error
    _log.warning("all data was erased, as somebody had asked")
    return True


def hold(state: Path) -> int | None:
    """Mark the state folder as in use until this process ends, or executes another program; None where somebody else uses it."""
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(folder)
        return None
    return folder


def settings_of_machine(settings: Settings) -> Settings:
    """Give defaults with what belongs to the machine."""
    tables = Settings().model_dump(mode="json")
    buses = [
        {name: value for name, value in bus.model_dump(mode="json").items() if name in _WIRING}
        for bus in settings.buses
        if parse_url(bus.url).kind == "serial"
    ]
    for number, bus in enumerate(buses, 1):
        bus["name"] = "main" if number == 1 else f"bus{number}"
        _drop_addresses(bus)
    if buses:
        tables["buses"] = buses
    plain = Settings.model_validate(tables)
    for path, value in values(settings).items():
        here = spot(path)
        is_kept = path.startswith(_NETWORK) or (here is not None and here.of_machine)
        if is_kept and not path.startswith("buses."):
            put(tables, path, value)
    try:
        return Settings.model_validate(tables)
    except ValidationError:
        # A port of the machine that a default wants too, perhaps: rather no place of the pages than no gateway.
        return plain.model_copy(update={"state_folder": settings.state_folder})


def _drop_addresses(table: dict[str, Any]) -> None:
    """Take out what leads to another machine: it is of this building."""
    for name, value in list(table.items()):
        if isinstance(value, dict):
            _drop_addresses(value)
        elif isinstance(value, str) and value.startswith("tcp://"):
            del table[name]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
