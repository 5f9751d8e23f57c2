"""The configuration as a file, and back again."""

import asyncio
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from pydantic import JsonValue
from starlette.responses import Response

from mbusmaster.settings.backup import restore
from mbusmaster.web.actions.backup import (
    changes_to_come,
    clients_in,
    make_backup,
    restore_clients,
    restore_settings,
    restore_users,
    users_in,
)
from mbusmaster.web.api.settings import ChangedSetting, changed
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling, require_program
from mbusweb.api.models import Answer, Given, Switch, as_json, download
from mbusweb.api.problems import declared

CHECK: Final = require_program
_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The file", "content": {"application/json": {"schema": {"type": "object"}}}}
}


class BackupGiven(Given):
    """With a passphrase the file is encrypted and has users and trusted clients too; without one neither keys nor passwords."""

    passphrase: str | None = None


class RestoreGiven(Given):
    """A file as it was downloaded; `dry_run` only tells what would happen.

    `users` puts its users in the place of all, `clients` its trusted clients and the keys of its authority.
    """

    file: dict[str, JsonValue]
    passphrase: str | None = None
    users: Switch = False
    clients: Switch = False
    dry_run: Switch = False


class BackupOrigin(Answer):
    """What a file says of itself."""

    made_at: datetime
    name: str
    serial_number: str
    is_encrypted: bool


class Restored(Answer):
    """What was restored, or would be; `users` are those in the file, `clients` how many it trusts, null where it has no keys."""

    origin: BackupOrigin
    changes: tuple[ChangedSetting, ...]
    needs_restart: bool
    users: tuple[str, ...]
    users_restored: bool
    clients: int | None
    clients_restored: bool


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["settings"])

    @routes.post("/backup", response_class=Response, responses={**_FILE, **declared(503)})
    async def create_backup(given: BackupGiven, calling: Calling) -> Response:
        """Download the configuration."""
        name, data = await make_backup(services, calling, given.passphrase)
        return download(data, "application/json", name)

    @routes.post("/restore", responses=declared(503))
    async def restore_backup(given: RestoreGiven, calling: Calling) -> Restored:
        """Restore the configuration from a file; what belongs to this machine stays. Restored users end all tokens."""
        file = await asyncio.to_thread(restore, as_json(given.file).encode(), given.passphrase or None)
        users, clients = users_in(file), clients_in(file)
        if given.dry_run:
            changes = changes_to_come(services.settings.stored, file.settings)
        else:
            changes = await restore_settings(services, calling, file)
        needs_restart = any(one.needs_restart for one in changes)
        with_clients = given.clients and clients is not None and not given.dry_run
        if with_clients:
            needs_restart |= restore_clients(services, calling, file)
        with_users = given.users and bool(users) and not given.dry_run
        if with_users:
            await restore_users(services, calling, file)
        return Restored(
            origin=BackupOrigin.of(file.header),
            changes=changed(changes),
            needs_restart=needs_restart,
            users=users,
            users_restored=with_users,
            clients=clients,
            clients_restored=with_clients,
        )

    return routes
