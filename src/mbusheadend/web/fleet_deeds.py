"""What pages and API do to the fleet, and the audit log of it: each deed that has worked is written there."""

from collections.abc import Iterable

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.fleet.enrolling import MadeToken, make_enrolment
from mbusheadend.fleet.imports import Effect, ImportPlan, import_meters
from mbusheadend.fleet.masters import ask_for_list
from mbusheadend.fleet.reading_now import cancel_read, read_master_now, read_meters_now
from mbusheadend.fleet.schedule_form import ScheduleForm, put_form
from mbusheadend.fleet.schedule_words import schedule_text
from mbusheadend.store import StoredSchedule, UnknownError
from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.services import Services
from mbusweb.actor import Actor
from mbusweb.locale import Preferences, speaking

MOST_IN_DETAIL = 8
"""Members that an entry names."""


def record(services: Services, who: Actor, kind: str, detail: str) -> None:
    """Write into the audit log."""
    services.audit.record(kind, who=who.user, source=who.source, detail=detail)


async def set_master(services: Services, who: Actor, serial: str, name: str, groups: Iterable[str]) -> None:
    """Name a master and put it into groups. Raise `StoreError`."""
    names = sorted(set(groups))
    await services.store.set_master(serial, name=name, groups=names)
    record(services, who, AuditKind.MASTER_CHANGED, f"{serial}: name {name or '-'}, groups {_named(names)}")


async def delete_master(services: Services, who: Actor, serial: str) -> None:
    """Forget a master; what was read there stays. Raise `StoreError`."""
    await services.store.delete_master(serial, services.now())
    record(services, who, AuditKind.MASTER_DELETED, serial)


async def revoke_certificate(services: Services, who: Actor, serial: str, number: int) -> None:
    """Trust a certificate of a master no more. Raise `StoreError`."""
    if number not in {one.number for one in await services.store.certificates(serial)}:
        raise UnknownError(f"the master {serial} has no certificate {number:x}")
    await services.store.revoke_certificate(number, services.now())
    record(services, who, AuditKind.CERTIFICATE_REVOKED, f"{serial}: certificate {number:x}")


async def revoke_master(services: Services, who: Actor, serial: str) -> int:
    """Trust no certificate of a master any more; say how many those were. Raise `StoreError`."""
    await services.store.master(serial)
    count = await services.store.revoke_master(serial, services.now())
    record(services, who, AuditKind.CERTIFICATE_REVOKED, f"{serial}: all certificates, {count}")
    return count


async def renew_list(services: Services, who: Actor, serial: str, id: str) -> None:
    """Let a master send its meter list again. Raise `StoreError`."""
    await ask_for_list(services.desk, serial, id)
    record(services, who, AuditKind.READ_ORDERED, f"{serial}: the meter list again")


async def cancel_command(services: Services, who: Actor, serial: str, id: str) -> None:
    """Want a command no more. Raise `StoreError`."""
    await services.store.cancel_command(serial, id, services.now())
    record(services, who, AuditKind.READ_CANCELLED, f"{serial}: {id}")


async def end_tunnel(services: Services, who: Actor, serial: str, id: str) -> None:
    """End a tunnel, whoever opened it. Raise `StoreError`."""
    await services.tunnels.end(serial, id, who.user)
    record(services, who, AuditKind.TUNNEL, f"{serial}: ended {id} by order")


async def make_token(services: Services, who: Actor, days: int, note: str) -> MadeToken:
    """Make an enrolment token. Raise `EnrolmentError`, `StoreError`."""
    made = await make_enrolment(services.desk, services.authority, days, note)
    detail = f"until {made.expires:%Y-%m-%d %H:%M}: {made.note or '-'}"
    record(services, who, AuditKind.ENROLMENT_TOKEN_MADE, detail)
    return made


async def delete_token(services: Services, who: Actor, hash: bytes) -> None:
    """Forget an enrolment token. Raise `UnknownError`, `StoreError`."""
    found = next((one for one in await services.store.tokens() if one.hash == hash), None)
    if found is None:
        raise UnknownError("there is no such enrolment token")
    await services.store.delete_token(hash)
    record(services, who, AuditKind.ENROLMENT_TOKEN_DELETED, found.note or "-")


async def set_meter(
    services: Services, who: Actor, number: int, name: str, note: str, groups: Iterable[str]
) -> None:
    """Name a meter, give it a note, put it into groups. Raise `StoreError`."""
    names = sorted(set(groups))
    identity = (await services.store.meter(number)).identity
    await services.store.set_meter(number, name=name, note=note, groups=names)
    detail = f"{identity}: name {name or '-'}, note {note or '-'}, groups {_named(names)}"
    record(services, who, AuditKind.METER_CHANGED, detail)


async def set_key(services: Services, who: Actor, number: int, key: bytes | None) -> None:
    """Set or forget the key of a meter; the log says that, never which. Raise `StoreError`."""
    identity = (await services.store.meter(number)).identity
    await services.store.set_key(number, key)
    record(services, who, AuditKind.KEY_CHANGED, f"{identity}: key {'forgotten' if key is None else 'set'}")


async def delete_meter(services: Services, who: Actor, number: int) -> None:
    """Forget a meter and all its readings. Raise `StoreError`."""
    identity = (await services.store.meter(number)).identity
    await services.store.delete_meter(number)
    record(services, who, AuditKind.METER_DELETED, f"{identity} with all its readings")


async def take_import(services: Services, who: Actor, serial: str, plan: ImportPlan) -> int:
    """Take what a file changes; say how many meters are new. Raise `StoreError`."""
    new = await import_meters(services.desk, serial, plan)
    completed, problems = plan.count(Effect.COMPLETED), plan.report.problem_count
    detail = f"{serial}: list imported, {new} new, {completed} completed, {problems} problems"
    record(services, who, AuditKind.METERS_IMPORTED, detail)
    return new


async def join_group(
    services: Services, who: Actor, kind: GroupKind, name: str, members: Iterable[str | int]
) -> int:
    """Put members into a group; say how many are new there. Raise `StoreError`."""
    wanted = list(members)
    count = await services.store.join_group(kind, name, wanted)
    record(services, who, AuditKind.GROUP_CHANGED, f"{kind} into {name}: {_named(map(str, wanted))}")
    return count


async def leave_group(
    services: Services, who: Actor, kind: GroupKind, name: str, members: Iterable[str | int]
) -> int:
    """Take members out of a group; say how many. Raise `StoreError`."""
    wanted = list(members)
    count = await services.store.leave_group(kind, name, wanted)
    record(services, who, AuditKind.GROUP_CHANGED, f"{kind} out of {name}: {_named(map(str, wanted))}")
    return count


async def rename_group(services: Services, who: Actor, kind: GroupKind, old: str, new: str) -> int:
    """Rename a group; say how many are in it. Raise `StoreError`."""
    count = await services.store.rename_group(kind, old, new)
    record(services, who, AuditKind.GROUP_CHANGED, f"group of {kind} {old} is called {new}")
    return count


async def dissolve_group(services: Services, who: Actor, kind: GroupKind, name: str) -> int:
    """Take everybody out of a group; say how many. Raise `UnknownError`, `StoreError`."""
    if name not in await services.store.groups(kind):
        raise UnknownError(f"there is no group {name}")
    if kind is GroupKind.MASTERS:
        members: list[str | int] = [
            one.serial for one in await services.store.masters() if name in one.groups
        ]
    else:
        members = [one.id for one in await services.store.meters(group=name)]
    count = await services.store.leave_group(kind, name, members)
    record(services, who, AuditKind.GROUP_CHANGED, f"group of {kind} {name} dissolved: {count} members")
    return count


async def put_schedule(services: Services, who: Actor, form: ScheduleForm) -> StoredSchedule:
    """Add or change a schedule. Raise `ScheduleFormError`, `StoreError`."""
    stored = await put_form(services.desk, form)
    record_schedule(services, who, stored)
    return stored


def record_schedule(services: Services, who: Actor, stored: StoredSchedule) -> None:
    """Write what a schedule says now."""
    schedule = stored.schedule
    state = "" if schedule.enabled else " (off)"
    with speaking(Preferences()):
        said = schedule_text(stored)
    detail = f"{schedule.title or schedule.id}, version {schedule.version}{state}: {said}"
    record(services, who, AuditKind.SCHEDULE_CHANGED, detail)


async def switch_schedule(services: Services, who: Actor, id: str, *, on: bool) -> StoredSchedule:
    """Let a schedule read, or not, and leave all else as it is. Raise `StoreError`."""
    found = await find_schedule(services, id)
    schedule = found.schedule.model_copy(update={"enabled": on})
    stored = await services.store.put_schedule(
        schedule, found.assignment, services.now(), found.schedule.version
    )
    record_schedule(services, who, stored)
    return stored


async def delete_schedule(services: Services, who: Actor, id: str) -> None:
    """Delete a schedule; what was read stays. Raise `StoreError`."""
    found = await find_schedule(services, id)
    await services.store.delete_schedule(id)
    record(services, who, AuditKind.SCHEDULE_DELETED, found.schedule.title or id)


async def find_schedule(services: Services, id: str) -> StoredSchedule:
    """Give a schedule. Raise `UnknownError`."""
    found = next((one for one in await services.store.schedules() if one.schedule.id == id), None)
    if found is None:
        raise UnknownError(f"there is no schedule {id}")
    return found


async def order_meters(
    services: Services, who: Actor, numbers: Iterable[int], *, application_reset: bool = False
) -> str:
    """Order that meters are read now; give the id of the order. Raise `ReadError`, `StoreError`."""
    wanted = list(numbers)
    id = await read_meters_now(services.desk, wanted, application_reset=application_reset)
    record(services, who, AuditKind.READ_ORDERED, f"{id}: meters {_named(map(str, wanted))}")
    return id


async def order_master(
    services: Services, who: Actor, serial: str, *, application_reset: bool = False
) -> str:
    """Order that all meters of a master are read now; give the id of the order. Raise `ReadError`, `StoreError`."""
    id = await read_master_now(services.desk, serial, application_reset=application_reset)
    record(services, who, AuditKind.READ_ORDERED, f"{id}: all meters of {serial}")
    return id


async def take_back(services: Services, who: Actor, id: str) -> int:
    """Take an order to read back; say at how many masters it was still open. Raise `StoreError`."""
    count = await cancel_read(services.desk, id)
    record(services, who, AuditKind.READ_CANCELLED, id)
    return count


def _named(names: Iterable[str]) -> str:
    several = list(names)
    shown = ", ".join(several[:MOST_IN_DETAIL]) or "-"
    return f"{shown} and {len(several) - MOST_IN_DETAIL} more" if len(several) > MOST_IN_DETAIL else shown
