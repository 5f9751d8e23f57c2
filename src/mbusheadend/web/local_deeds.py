"""What operators do to masters that are read locally, and the audit log of it."""

from collections.abc import Collection

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.jobs import Job
from mbusheadend.local import (
    Credentials,
    ListImport,
    add_master,
    change_master,
    delete_master,
    import_list,
    start_check,
    start_reading,
)
from mbusheadend.store import Master, UnknownError
from mbusheadend.web.services import Services
from mbusio.listreading import Patience
from mbusweb.actor import Actor


async def find_local(services: Services, serial: str) -> Master:
    """Find a master that is read locally; raise `UnknownError` for any other."""
    master = await services.store.master(serial)
    if master.local is None:
        raise UnknownError(f"the master {serial} is not read locally")
    return master


async def save_master(
    services: Services, who: Actor, serial: str, name: str, url: str, patience: Patience, files: Credentials
) -> str:
    """Add a local master, or change the one of this serial number; give its serial number. Raise `LocalError`, `StoreError`."""
    store = services.store
    if serial:
        await change_master(store, serial, name=name, url=url, patience=patience, credentials=files)
    else:
        if services.limits is not None:
            await services.limits.see_room_for_local_master(serial)
        serial = await add_master(
            store, name=name, url=url, now=services.now(), patience=patience, credentials=files
        )
    given = [
        word
        for word, there in (("key and certificate", files.bundle), ("authority", files.authority))
        if there is not None
    ]
    new = f", new {' and '.join(given)}" if given else ""
    _record(services, who, AuditKind.MASTER_CHANGED, f"{serial}: read locally over {url}{new}")
    return serial


async def delete_local(services: Services, who: Actor, serial: str) -> None:
    """Forget a local master and its keys; what was read there stays. Raise `LocalError`, `StoreError`."""
    await delete_master(services.store, serial, services.now())
    _record(services, who, AuditKind.MASTER_DELETED, serial)


async def take_list(services: Services, who: Actor, serial: str, data: bytes, bus: str | None) -> ListImport:
    """Take the list of a local master. Raise `LocalError`, `StoreError`."""
    done = await import_list(services.store, serial, data, services.now(), bus=bus)
    if done.report.taken:
        detail = f"{serial}: list imported, {len(done.new)} new, {len(done.elsewhere)} stay elsewhere"
        _record(services, who, AuditKind.METERS_IMPORTED, detail)
    return done


def begin_reading(services: Services, who: Actor, master: Master, which: Collection[int]) -> Job:
    """Begin to read all meters of a local master, or these. Raise `JobError`."""
    job = start_reading(services.jobs, services.store, master, who.user, services.now, which=which)
    said = f"{len(which)} meters" if which else "all meters"
    _record(services, who, AuditKind.LOCAL_READING, f"{master.serial}: {said}")
    return job


def begin_check(services: Services, who: Actor, master: Master) -> Job:
    """Begin to see whether a local master can be reached. Raise `JobError`."""
    return start_check(services.jobs, services.store, master, who.user)


def _record(services: Services, who: Actor, kind: str, detail: str) -> None:
    services.audit.record(kind, who=who.user, source=who.source, detail=detail)
