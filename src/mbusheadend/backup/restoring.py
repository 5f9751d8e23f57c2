"""Bringing a backup back into an empty state folder."""

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from mbusheadend.authority import AUTHORITY
from mbusheadend.backup.manifest import (
    MANIFEST,
    PLACES,
    SECRET,
    SECRETS,
    SETTINGS,
    SMALL,
    BackupError,
    Entry,
    Manifest,
    manifest_of,
)
from mbusheadend.state import AUTHORITY_FOLDER, DATABASE, KEY_FILE, USERS, check_store, note_restored, utc_now
from mbusheadend.store import StoreError
from mbusio.files import sync_folder
from mbusio.sealing import SealError, data_of, unseal

CHUNK: Final = 1 << 20
SPARE: Final = 64 << 20
"""Bytes that stay free on the disk."""
_WORK: Final = ".restoring"
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back.

    :ivar has_keys: whether the key file was in it; without it, keys of meters have to be imported again.
    :ivar settings: the settings file of then, to look at; None where there was none.
    """

    manifest: Manifest
    has_keys: bool
    settings: Path | None


def inspect(backup: Path) -> Manifest:
    """Give what a backup says of itself; raise `BackupError`. Nothing in it is checked yet."""
    with _opened(backup) as tar:
        return _manifest(tar)


def restore(
    backup: Path, state: Path, passphrase: Callable[[], str], now: Callable[[], datetime] = utc_now
) -> Restored:
    """Bring a backup back, after all of it was checked. Raise `BackupError`.

    Broken off, it can be done again. No head-end may run over the folder.

    :param state: a folder without store and authority.
    :param passphrase: is asked for one where the backup needs it.
    """
    work = state / _WORK
    _check_empty(state, work)
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        manifest = _unpack(backup, work)
        if manifest.is_sealed:
            _open_secrets(work, passphrase())
        check_store(work / DATABASE)
        note_restored(work / DATABASE, manifest.made_at, now())
        _put_in_place(work, state)
    except StoreError as error:
        raise BackupError(f"{backup}: {error}") from error
    except OSError as error:
        raise BackupError(f"cannot restore into {state}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    settings = state / PLACES[SETTINGS]
    return Restored(manifest, (state / KEY_FILE).exists(), settings if settings.exists() else None)


def _check_empty(state: Path, work: Path) -> None:
    there = [name for name in (DATABASE, USERS, f"{AUTHORITY_FOLDER}/{AUTHORITY}") if (state / name).exists()]
    # The store comes last: what is there without it was left by a restoring that was broken off.
    if there and (DATABASE in there or not work.exists()):
        raise BackupError(
            f"there is a head-end in {state} already ({', '.join(there)}): name an empty folder with --state, "
            "or move this one away"
        )


@contextmanager
def _opened(backup: Path) -> Iterator[tarfile.TarFile]:
    try:
        with backup.open("rb") as file:
            mode = "r|gz" if file.read(2) == _GZIP else "r|"
            file.seek(0)
            with tarfile.open(fileobj=file, mode=mode) as tar:  # type: ignore[call-overload]
                yield tar
    except OSError as error:
        raise BackupError(f"cannot read {backup}: {error.strerror or error}") from error
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BackupError(f"{backup} is no backup of a head-end, or is damaged: {error}") from None


def _manifest(tar: tarfile.TarFile) -> Manifest:
    info = tar.next()
    if info is None or info.name != MANIFEST or not info.isreg() or info.size > SMALL:
        raise BackupError("this is no backup of a head-end: its first member is no manifest")
    return manifest_of(_content(tar, info).read(SMALL))


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(info)
    assert content is not None, "it is a regular file"
    return content


def _unpack(backup: Path, work: Path) -> Manifest:
    """Unpack what the manifest names, and check it."""
    with _opened(backup) as tar:
        manifest = _manifest(tar)
        if shutil.disk_usage(work).free < manifest.size + SPARE:
            raise BackupError(f"the backup needs {manifest.size >> 20} MiB, and there is no room for that")
        left = {entry.name: entry for entry in manifest.files}
        while (info := tar.next()) is not None:
            entry = left.pop(info.name, None)  # type: ignore[call-overload]
            if entry is None or not info.isreg() or info.size != entry.size:
                raise BackupError(f"{backup} holds {info.name[:80]!r}, which its manifest does not name so")
            _copy(_content(tar, info), work / entry.name, entry)
        if left:
            raise BackupError(f"{backup} ends too early: {', '.join(left)} is missing")
    return manifest


def _copy(content: IO[bytes], path: Path, entry: Entry) -> None:
    digest = hashlib.sha256()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != entry.sha256:
        raise BackupError(f"{entry.name} in the backup was altered or is damaged")


def _open_secrets(work: Path, passphrase: str) -> None:
    try:
        fields = json.loads((work / SECRETS).read_bytes())
        contents = json.loads(unseal(fields, passphrase))
        for name in SECRET:
            path = work / name
            path.write_bytes(data_of(contents[name]))
            path.chmod(0o600)
    except SealError as error:
        raise BackupError(str(error)) from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BackupError("the secrets in the backup are damaged") from error
    (work / SECRETS).unlink()


def _put_in_place(work: Path, state: Path) -> None:
    (state / AUTHORITY_FOLDER).mkdir(mode=0o700, exist_ok=True)
    for name, place in PLACES.items():
        if name != DATABASE and (work / name).exists():
            os.replace(work / name, state / place)
    sync_folder(state / AUTHORITY_FOLDER)
    os.replace(work / DATABASE, state / PLACES[DATABASE])
    sync_folder(state)
