"""Making a backup."""

import asyncio
import hashlib
import io
import json
import os
import tarfile
import tempfile
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from mbusheadend.authority import AUTHORITY, Authority
from mbusheadend.backup.manifest import (
    MANIFEST,
    SECRET,
    SECRETS,
    SETTINGS,
    SMALL,
    BackupError,
    Entry,
    Manifest,
    stamp,
)
from mbusheadend.state import AUTHORITY_FOLDER, DATABASE, KEY_FILE, USERS, copy_users
from mbusheadend.store import Store
from mbusio.files import sync_folder, temporary_path
from mbusio.sealing import SealError, seal, text_of

_TOO_OFTEN: Final = "there is a file {path} already: a backup overwrites nothing"


async def make_backup(
    store: Store,
    authority: Authority,
    state: Path,
    target: Path,
    now: datetime,
    *,
    settings_file: Path | None = None,
    passphrase: str | None = None,
) -> Path:
    """Make a backup while the head-end serves; give its path. Raise `BackupError` and `StoreError`.

    :param target: new file (``.tar``, or ``.tar.gz`` to be compressed), or a folder, where it gets a name of its own.
    :param settings_file: is added where there is such a file.
    :param passphrase: protects the authority's key, and lets the key file of meters come along.
    """
    path = await asyncio.to_thread(_path, target, now)
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=path.parent) as name:
            folder = Path(name)
            await store.back_up(folder / DATABASE)
            await asyncio.to_thread(_gather, folder, state, settings_file)
            secrets = await asyncio.to_thread(_secrets, state, passphrase)
            for secret, data in secrets.items():
                (folder / secret).write_bytes(data)
            await asyncio.to_thread(_pack, folder, path, authority, now)
    except OSError as error:
        raise BackupError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _path(target: Path, now: datetime) -> Path:
    path = target / f"mbusheadend-{stamp(now.astimezone(UTC))}.tar" if target.is_dir() else target
    if path.exists():
        raise BackupError(_TOO_OFTEN.format(path=path))
    return path


def _gather(folder: Path, state: Path, settings_file: Path | None) -> None:
    """Put what is no secret beside the copy of the store."""
    copy_users(state, folder / USERS)
    if settings_file is not None and settings_file.is_file():
        (folder / SETTINGS).write_bytes(settings_file.read_bytes()[:SMALL])


def _secrets(state: Path, passphrase: str | None) -> dict[str, bytes]:
    """Give the members with what must stay secret, by name."""
    authority = (state / AUTHORITY_FOLDER / AUTHORITY).read_bytes()
    if passphrase is None:
        return {AUTHORITY: authority}
    contents = dict(zip(SECRET, (authority, (state / KEY_FILE).read_bytes()), strict=True))
    content = json.dumps({name: text_of(data) for name, data in contents.items()}).encode()
    try:
        return {SECRETS: json.dumps(seal({"kind": "mbusheadend secrets"}, content, passphrase)).encode()}
    except SealError as error:
        raise BackupError(str(error)) from None


def _pack(folder: Path, path: Path, authority: Authority, now: datetime) -> None:
    files = sorted(folder.iterdir())
    manifest = Manifest(
        made_at=now,
        software=_software(),
        authority=authority.fingerprint.hex(),
        files=tuple(
            Entry.model_validate({"name": file.name, "size": file.stat().st_size, "sha256": _digest(file)})
            for file in files
        ),
    )
    temporary = temporary_path(path)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(temporary, flags, 0o600), "wb") as out:
            mode = "w|gz" if path.suffix in (".gz", ".tgz") else "w|"
            with tarfile.open(fileobj=out, mode=mode, format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
                said = manifest.model_dump_json(indent=1).encode()
                tar.addfile(_info(MANIFEST, len(said), now), io.BytesIO(said))
                for file in files:
                    info = _info(file.name, file.stat().st_size, now)
                    with file.open("rb") as content:
                        tar.addfile(info, content)
            out.flush()
            os.fsync(out.fileno())
        # A second name never takes the place of a file that appeared meanwhile.
        os.link(temporary, path)
    except FileExistsError:
        raise BackupError(_TOO_OFTEN.format(path=path)) from None
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _info(name: str, size: int, now: datetime) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, int(now.timestamp()), 0o600
    return info


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _software() -> str:
    try:
        return version("mbusmaster")
    except PackageNotFoundError:
        return "?"
