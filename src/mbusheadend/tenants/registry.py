"""Which tenants there are. Every call blocks: for a thread."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Settings
from mbusheadend.tenants.tenant import MAIN_ID, NAME, THE_ONLY_ONE, Quota, Tenant
from mbusio.files import write_atomically

FILE: Final = "tenants.json"
FOLDER: Final = "tenants"
"""In the state folder: one folder for each tenant but the main one, named by its number."""
MOST: Final = 500
MAX_SIZE: Final = 1 << 20


class TenantError(HeadEndError):
    """A tenant cannot be added, changed or deleted; nothing has changed."""


class Tenants(Protocol):
    """The registry. All raise `HeadEndError` where it cannot be used."""

    def all(self) -> tuple[Tenant, ...]:
        """Give all, the main one first."""

    def add(self, name: str) -> Tenant:
        """Add one. Raise `TenantError`."""

    def rename(self, id: int, name: str) -> Tenant:
        """Name one otherwise; its numbers stay. Raise `TenantError`."""

    def set_quota(self, id: int, quota: Quota) -> Tenant:
        """Say how much one may have. Raise `TenantError`."""

    def delete(self, id: int) -> None:
        """Forget one with all its data. Raise `TenantError`."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    next: int = MAIN_ID + 1
    tenants: tuple[Tenant, ...] = (THE_ONLY_ONE,)


class TenantsInFile:
    """`Tenants` of a head-end of one process: a file in the state folder, beside the folders of all but the main one."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._path = state / FILE

    def all(self) -> tuple[Tenant, ...]:
        """See the protocol."""
        return self._read().tenants

    def add(self, name: str) -> Tenant:
        """See the protocol."""
        with self._alone():
            kept = self._read()
            see_that_it_is_free(name, kept.tenants)
            tenant = Tenant(id=kept.next, name=name)
            self._write(_Kept(next=kept.next + 1, tenants=(*kept.tenants, tenant)))
        return tenant

    def rename(self, id: int, name: str) -> Tenant:
        """See the protocol."""
        see_that_it_is_free(name, self.all())
        return self._change(id, {"name": name})

    def set_quota(self, id: int, quota: Quota) -> Tenant:
        """See the protocol."""
        return self._change(id, {"quota": quota})

    def delete(self, id: int) -> None:
        """See the protocol."""
        see_that_it_may_go(id)
        with self._alone():
            kept = self._read()
            left = tuple(one for one in kept.tenants if one.id != id)
            self._write(kept.model_copy(update={"tenants": left}))
        try:
            shutil.rmtree(folder_of(self._state, id))
        except FileNotFoundError:
            return
        except OSError as error:
            raise TenantError(f"{error.filename} cannot be removed: {error.strerror or error}") from error

    def _change(self, id: int, facts: dict[str, object]) -> Tenant:
        with self._alone():
            kept = self._read()
            changed = tuple(one.model_copy(update=facts) if one.id == id else one for one in kept.tenants)
            self._write(kept.model_copy(update={"tenants": changed}))
        return next(one for one in changed if one.id == id)

    def _read(self) -> _Kept:
        try:
            with self._path.open("rb") as file:
                return _Kept.model_validate_json(file.read(MAX_SIZE))
        except FileNotFoundError:
            return _Kept()
        except OSError as error:
            raise HeadEndError(f"cannot read {self._path}: {error.strerror or error}") from error
        except ValidationError as error:
            raise HeadEndError(f"{self._path} is damaged: restore it from a backup") from error

    def _write(self, kept: _Kept) -> None:
        write_atomically(self._path, kept.model_dump_json(indent=1).encode())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self._state.mkdir(mode=0o750, parents=True, exist_ok=True)
            opened = os.open(self._state, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(opened, fcntl.LOCK_EX)
                yield
            finally:
                os.close(opened)
        except OSError as error:
            raise HeadEndError(f"cannot use {self._state}: {error.strerror or error}") from error


def registry_of(settings: Settings) -> Tenants:
    """Give the registry: in the state folder, or on the server of the store. Raise `HeadEndError`."""
    if settings.store is None:
        return TenantsInFile(settings.state_folder)
    from mbusheadend.tenants.on_server import TenantsOnServer

    return TenantsOnServer(settings.store, settings.state_folder)


def settings_of(settings: Settings, tenant: Tenant) -> Settings:
    """Give the settings of a tenant: its own folder, its own part of stream and archive."""
    if tenant.is_main:
        return settings
    called = f"tenant-{tenant.id}"
    changed: dict[str, object] = {
        "state_folder": folder_of(settings.state_folder, tenant.id),
        "installation": settings.state_folder,
        "archive": settings.archive.model_copy(update={"tenant": called}),
    }
    if settings.store is not None:
        changed["store"] = settings.store.model_copy(update={"tenant": tenant.id})
    if settings.stream is not None:
        changed["stream"] = settings.stream.model_copy(update={"tenant": called})
    return settings.model_copy(update=changed)


def folder_of(state: Path, id: int) -> Path:
    """Give the folder of a tenant that is not the main one."""
    return state / FOLDER / str(id)


def named(tenants: tuple[Tenant, ...], name: str) -> Tenant:
    """Give the tenant of a name; raise `TenantError`."""
    found = next((one for one in tenants if one.name == name), None)
    if found is None:
        raise TenantError(f"there is no tenant {name}: see `mbusheadend tenant list`")
    return found


def see_that_it_is_free(name: str, tenants: tuple[Tenant, ...]) -> None:
    """Refuse a name that is none, or another tenant's; raise `TenantError`."""
    if not re.fullmatch(NAME, name):
        raise TenantError("the name of a tenant has 1 to 32 small letters, digits and hyphens")
    if any(one.name == name for one in tenants):
        raise TenantError(f"there is a tenant {name} already")
    if len(tenants) >= MOST:
        raise TenantError(f"there are {MOST} tenants already")


def see_that_it_may_go(id: int) -> None:
    """Refuse to delete the main one; raise `TenantError`."""
    if id == MAIN_ID:
        raise TenantError("the main tenant is always there: it cannot be deleted")
