"""The settings file: read with a fall-back to the last good one, written so that no power cut leaves half of it.

A write goes to a temporary file in the same folder, is flushed to the disk, takes the place of the old one in one step, and the
folder is flushed too. The file that was good until then stays beside it as ``*.backup``. A file that cannot be used, perhaps
after somebody's hand slipped, stays as ``*.damaged`` when a new one takes its place. A file of another layout stays as
``*.layout-N``: a release that is taken back finds the settings as it left them.
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tomli_w
from pydantic import ValidationError

from mbusio.files import sync_folder, temporary_path, write_atomically
from mbusmaster.settings.errors import SettingsError
from mbusmaster.settings.migrations import layout, migrate
from mbusmaster.settings.problems import problems_of
from mbusmaster.settings.schema import VERSION, Settings

MAX_SIZE: Final = 1 << 20
"""A settings file is a few kilobytes; a bigger one is something else."""
BACKUP_SUFFIX: Final = ".backup"
DAMAGED_SUFFIX: Final = ".damaged"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was read.

    :ivar settings: what is in force.
    :ivar source: the file they came from; None where there is none and the defaults are in force.
    :ivar problem: why the file proper could not be used; empty when it could.
    """

    settings: Settings
    source: Path | None
    problem: str = ""


class Store:
    """Reads and writes one settings file.

    :param path: the file; its folder must exist before the first write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.backup_path = path.with_name(path.name + BACKUP_SUFFIX)
        self.damaged_path = path.with_name(path.name + DAMAGED_SUFFIX)

    def load(self) -> Loaded:
        """Give the settings; without a file the defaults, from a damaged file the backup.

        Raise `SettingsError` when the file cannot be used and there is no usable backup.
        """
        try:
            return Loaded(self._read(self.path), self.path)
        except FileNotFoundError:
            problem = f"{self.path} does not exist"
            missing = True
        except SettingsError as error:
            problem = str(error)
            missing = False
        before = self.copy_of(VERSION)
        if not missing and self._layout() > VERSION and before.is_file():
            return Loaded(self._read(before), before, problem)
        try:
            return Loaded(self._read(self.backup_path), self.backup_path, problem)
        except FileNotFoundError:
            if missing:
                return Loaded(Settings(), None)
            raise SettingsError(f"{problem}; there is no backup {self.backup_path}") from None
        except SettingsError as error:
            raise SettingsError(f"{problem}; the backup is no better: {error}") from None

    def copy_of(self, version: int) -> Path:
        """Give the file that is kept of another layout."""
        return self.path.with_name(f"{self.path.name}.layout-{version}")

    def _layout(self) -> int:
        """Give the layout of the file; 0 where it says none."""
        try:
            return layout(tomllib.loads(self._bytes(self.path).decode()))
        except (OSError, ValueError, RecursionError, SettingsError):
            return 0

    def save(self, settings: Settings) -> None:
        """Write the settings; keep the file before, as the backup if it was good. Raise `SettingsError` if the disk refuses."""
        text = tomli_w.dumps(settings.model_dump(mode="json", exclude_none=True))
        try:
            self._keep_what_was()
            write_atomically(self.path, text.encode())
        except OSError as error:
            raise SettingsError(f"cannot write {self.path}: {error.strerror or error}") from error

    def begin_anew(self, settings: Settings) -> None:
        """Write settings and leave nothing of what was before: neither backup nor damaged file. Raise `SettingsError`."""
        text = tomli_w.dumps(settings.model_dump(mode="json", exclude_none=True))
        try:
            owner = self.path.stat() if self.path.exists() else None
            write_atomically(self.path, text.encode())
            if owner is not None and os.geteuid() == 0:
                # A gateway that is not root must still be able to read and write it.
                os.chown(self.path, owner.st_uid, owner.st_gid)
            copies = self.path.parent.glob(f"{self.path.name}.layout-*")
            for old in (self.backup_path, self.damaged_path, *copies):
                old.unlink(missing_ok=True)
                temporary_path(old).unlink(missing_ok=True)
            sync_folder(self.path.parent)
        except OSError as error:
            raise SettingsError(f"cannot write {self.path}: {error.strerror or error}") from error

    def read(self) -> Settings:
        """Give what the file proper says; raise `SettingsError`, or `FileNotFoundError` where there is none."""
        return self._read(self.path)

    def _keep_what_was(self) -> None:
        try:
            data = self._bytes(self.path)
        except (FileNotFoundError, SettingsError):
            return
        found = self._layout()
        if found and found != VERSION:
            write_atomically(self.copy_of(found), data)
        try:
            self._understood(self.path, data)
        except SettingsError:
            if found <= VERSION:
                write_atomically(self.damaged_path, data)
        else:
            write_atomically(self.backup_path, data)

    def _read(self, path: Path) -> Settings:
        return self._understood(path, self._bytes(path))

    def _bytes(self, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_SIZE + 1)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise SettingsError(f"cannot read {path}: {error.strerror or error}") from error
        if len(data) > MAX_SIZE:
            raise SettingsError(f"{path} is bigger than {MAX_SIZE} bytes: that is no settings file")
        return data

    def _understood(self, path: Path, data: bytes) -> Settings:
        try:
            tables = tomllib.loads(data.decode())
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"{path} is damaged: {error}") from error
        try:
            return Settings.model_validate(migrate(tables))
        except ValidationError as error:
            raise SettingsError(f"{path} cannot be used", problems_of(error)) from error
        except SettingsError as error:
            raise SettingsError(f"{path}: {error}") from error
