"""Which tenants there are, on the server of the store: known to every process."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import psycopg
from pydantic import ValidationError

from mbusheadend.errors import HeadEndError
from mbusheadend.store.errors import StoreError
from mbusheadend.store.postgres.connection import PostgresRow, Raw
from mbusheadend.store.postgres.migrating import migrate
from mbusheadend.store.postgres.server import Server
from mbusheadend.store.settings import StoreSettings
from mbusheadend.tenants.registry import folder_of, see_that_it_is_free, see_that_it_may_go
from mbusheadend.tenants.tenant import Quota, Tenant

T = TypeVar("T")
_COLUMNS: Final = "SELECT id, name, quota FROM tenant"
_TABLES: Final = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relrowsecurity AND n.nspname IN ('public', 'people')
"""
_WITHOUT_POLICY: Final = ("of_certificate", "of_token")


class TenantsOnServer:
    """`mbusheadend.tenants.registry.Tenants`."""

    def __init__(self, settings: StoreSettings, state: Path) -> None:
        self._server = Server(settings.url, settings.password_file)
        self._state = state
        self._is_there = False

    def all(self) -> tuple[Tenant, ...]:
        """See the protocol."""
        return self._do(
            lambda raw: tuple(_tenant(row) for row in raw.execute(f"{_COLUMNS} ORDER BY id".encode()))
        )

    def add(self, name: str) -> Tenant:
        """See the protocol."""

        def work(raw: Raw) -> Tenant:
            see_that_it_is_free(name, tuple(_tenant(row) for row in raw.execute(_COLUMNS.encode())))
            row = raw.execute("INSERT INTO tenant (name) VALUES ($1) RETURNING id, name, quota", (name,))
            return _one(row.fetchone())

        return self._do(work)

    def rename(self, id: int, name: str) -> Tenant:
        """See the protocol."""

        def work(raw: Raw) -> Tenant:
            see_that_it_is_free(name, tuple(_tenant(row) for row in raw.execute(_COLUMNS.encode())))
            row = raw.execute(
                "UPDATE tenant SET name = $1 WHERE id = $2 RETURNING id, name, quota", (name, id)
            )
            return _one(row.fetchone())

        return self._do(work)

    def set_quota(self, id: int, quota: Quota) -> Tenant:
        """See the protocol."""
        text = quota.model_dump_json(exclude_none=True)
        return self._do(
            lambda raw: _one(
                raw.execute(
                    "UPDATE tenant SET quota = $1 WHERE id = $2 RETURNING id, name, quota", (text, id)
                ).fetchone()
            )
        )

    def delete(self, id: int) -> None:
        """See the protocol."""
        see_that_it_may_go(id)
        self._do(lambda raw: _forget(raw, id))
        shutil.rmtree(folder_of(self._state, id), ignore_errors=True)

    def _do(self, work: Callable[[Raw], T]) -> T:
        try:
            if not self._is_there:
                migrate(self._server)
                self._is_there = True
            raw = self._server.reached()
            try:
                with self._server.telling():
                    return work(raw)
            finally:
                raw.close()
        except StoreError as error:
            raise HeadEndError(str(error)) from error


def _forget(raw: Raw, id: int) -> None:
    """Delete all rows of a tenant in one transaction, then the tenant; each table after those that point to it."""
    raw.execute("BEGIN")
    raw.execute(f"SET LOCAL mbus.tenant = {id:d}".encode())
    left = [row["name"] for row in raw.execute(_TABLES.encode())]
    while left:
        again = []
        for name in left:
            raw.execute("SAVEPOINT one")
            try:
                # The policy lets only rows of this tenant be seen.
                raw.execute(f"DELETE FROM {name} WHERE tenant = {id:d}".encode())  # noqa: S608 - names of the catalogue
            except psycopg.errors.ForeignKeyViolation:
                raw.execute("ROLLBACK TO SAVEPOINT one")
                again.append(name)
        if len(again) == len(left):
            raise StoreError(f"the rows of a tenant hold each other: {', '.join(again)}")
        left = again
    for name in _WITHOUT_POLICY:
        raw.execute(f"DELETE FROM {name} WHERE tenant = {id:d}".encode())  # noqa: S608 - names of the catalogue
    raw.execute("DELETE FROM tenant WHERE id = $1", (id,))
    raw.execute("COMMIT")


def _one(row: PostgresRow | None) -> Tenant:
    if row is None:
        raise HeadEndError("there is no such tenant any more")
    return _tenant(row)


def _tenant(row: PostgresRow) -> Tenant:
    try:
        return Tenant(id=row["id"], name=row["name"], quota=Quota.model_validate_json(row["quota"]))
    except ValidationError as error:
        raise HeadEndError(f"what the store knows of tenant {row['id']} cannot be read") from error
