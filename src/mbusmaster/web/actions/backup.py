"""The configuration as a file, and back again."""

import asyncio
from datetime import UTC
from functools import partial
from typing import Final

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.channels.trust.backup import unpack as unpack_trust
from mbusmaster.settings import Change, Settings
from mbusmaster.settings.backup import Restored, save
from mbusmaster.settings.service import differences
from mbusmaster.settings.tree import spot
from mbusmaster.users import RULES
from mbusmaster.web.services import Services
from mbusmaster.web.setting_changes import audit_details
from mbusweb.access.backup import unpack
from mbusweb.actor import Actor

USERS: Final = "users"
"""Name of the secret with names and hashes of the users."""
CLIENTS: Final = "clients"
"""Name of the secret with the master's own authority and the list of trusted clients."""


async def make_backup(services: Services, who: Actor, passphrase: str | None) -> tuple[str, bytes]:
    """Give name and content of the file; raise `BackupError`, `AccessError` or `TrustError`.

    :param passphrase: encrypts it, and users and trusted clients go with it; None leaves them out.
    """
    now, serial_number = services.now(), services.identity.serial_number
    make = partial(
        save,
        services.settings.stored,
        made_at=now,
        serial_number=serial_number,
        passphrase=passphrase,
        secrets=None if passphrase is None else _secrets(services),
    )
    data = await asyncio.to_thread(make)
    name = f"mbusmaster-{serial_number}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.json"
    detail = name if passphrase is None else f"{name}, with users and keys"
    services.audit.record(AuditKind.BACKUP, who=who.user, source=who.source, detail=detail)
    return name, data


def _secrets(services: Services) -> dict[str, bytes]:
    secrets = {USERS: services.access.export_secrets()}
    if services.trust is not None:
        secrets[CLIENTS] = services.trust.export_secrets()
    return secrets


def users_in(restored: Restored) -> tuple[str, ...]:
    """Give the names of the users in a file; raise `AccessError` where they cannot be used."""
    data = restored.secrets.get(USERS)
    return tuple(user.name for user in unpack(data, RULES)) if data else ()


def clients_in(restored: Restored) -> int | None:
    """Tell how many trusted clients are in a file; None where it has none. Raise `TrustError` where they cannot be used."""
    data = restored.secrets.get(CLIENTS)
    if data is None:
        return None
    return sum(client.revoked is None for client in unpack_trust(data).clients)


def changes_to_come(stored: Settings, restored: Settings) -> tuple[Change, ...]:
    """Give what would change; what belongs to this machine stays as it is."""
    return tuple(
        change
        for change in differences(stored, restored)
        if (here := spot(change.path)) is None or not here.of_machine
    )


async def restore_settings(services: Services, who: Actor, restored: Restored) -> tuple[Change, ...]:
    """Put the settings of a file in force, or store them until the next start; give what differs. Raise `SettingsError`."""
    changes = await asyncio.to_thread(services.settings.replace, restored.settings)
    header = restored.header
    origin = f"file of {header.serial_number} made {header.made_at:%Y-%m-%d %H:%M}Z"
    for detail in (origin, *audit_details(changes)):
        services.audit.record(AuditKind.RESTORE, who=who.user, source=who.source, detail=detail)
    return changes


async def restore_users(services: Services, who: Actor, restored: Restored) -> None:
    """Put the users of a file in the place of all: every login and token ends. Raise `AccessError`."""
    await services.access.import_secrets(restored.secrets[USERS], who=who.user, source=who.source)


def restore_clients(services: Services, who: Actor, restored: Restored) -> bool:
    """Put authority and trusted clients of a file in the place of all; who is trusted no more is out at once.

    Tell whether that waits for a restart. Raise `TrustError`.
    """
    data = restored.secrets[CLIENTS]
    waits = services.trust is None
    if services.trust is not None:
        services.trust.import_secrets(data)
    elif services.repair_trust is not None:
        services.repair_trust(data)
    detail = f"trusted clients of {restored.header.serial_number}"
    services.audit.record(AuditKind.RESTORE, who=who.user, source=who.source, detail=detail)
    return waits
