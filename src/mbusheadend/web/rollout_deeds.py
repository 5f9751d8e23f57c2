"""What pages and API do with rollouts and settings of the fleet, and the audit log of it."""

from collections.abc import Iterable, Mapping

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.fleet.settings_order import SettingsForFleet
from mbusheadend.rollout.plan import Plan
from mbusheadend.rollout.state import Rollout
from mbusheadend.web.fleet_deeds import record
from mbusheadend.web.services import Services
from mbushosting.fleet_settings import Value
from mbusweb.actor import Actor


async def make_rollout(services: Services, who: Actor, plan: Plan) -> Rollout:
    """Make a draft. Raise `RolloutError`, `StoreError`."""
    rollout = await services.rollouts.make(plan, who.user)
    _record(services, who, rollout, f"made with {len(plan.rings)} rings")
    return rollout


async def start_rollout(services: Services, who: Actor, id: str) -> Rollout:
    """Begin. Raise `RolloutError`, `StoreError`."""
    rollout = await services.rollouts.start(id)
    _record(services, who, rollout, "started")
    return rollout


async def pause_rollout(services: Services, who: Actor, id: str) -> Rollout:
    """Tell no more masters. Raise `RolloutError`, `StoreError`."""
    rollout = await services.rollouts.pause(id)
    _record(services, who, rollout, "paused")
    return rollout


async def resume_rollout(services: Services, who: Actor, id: str) -> Rollout:
    """Go on after a pause. Raise `RolloutError`, `StoreError`."""
    rollout = await services.rollouts.resume(id)
    _record(services, who, rollout, "goes on after the pause")
    return rollout


async def stop_rollout(services: Services, who: Actor, id: str) -> Rollout:
    """Stop, and take back what was not begun. Raise `RolloutError`, `StoreError`."""
    rollout = await services.rollouts.stop(id, who.user)
    _record(services, who, rollout, "stopped")
    return rollout


async def go_on(services: Services, who: Actor, id: str, *, retry: bool) -> Rollout:
    """Go on after a stop. Raise `RolloutError`, `StoreError`."""
    rollout = await services.rollouts.go_on(id, retry=retry)
    _record(services, who, rollout, "goes on after the stop" + (", masters are told again" if retry else ""))
    return rollout


async def cancel_rollout(services: Services, who: Actor, id: str) -> Rollout:
    """End it for good. Raise `RolloutError`, `StoreError`."""
    rollout = await services.rollouts.cancel(id)
    _record(services, who, rollout, "cancelled")
    return rollout


async def delete_rollout(services: Services, who: Actor, id: str) -> None:
    """Forget one. Raise `RolloutError`, `StoreError`."""
    rollout = await services.store.rollout(id)
    await services.rollouts.delete(id)
    _record(services, who, rollout, "deleted")


async def offer_by_rollouts_only(services: Services, who: Actor, *, on: bool) -> None:
    """Offer releases by rollouts only, or also without. Raise `StoreError`."""
    await services.rollouts.set_rollouts_only(on=on)
    record(services, who, AuditKind.ROLLOUT, f"releases by rollouts only: {'on' if on else 'off'}")


async def try_settings(
    services: Services,
    who: Actor,
    values: Mapping[str, Value],
    masters: Iterable[str],
    *,
    groups: Iterable[str],
    everybody: bool,
    restart: bool,
    title: str,
) -> SettingsForFleet:
    """Have masters say what settings would change. Raise `StoreError`."""
    order = await services.fleet_settings.try_out(
        values, masters, groups=groups, everybody=everybody, restart=restart, title=title, who=who.user
    )
    said = ", ".join(f"{path} = {value}" for path, value in order.values.items())
    detail = f"{order.id}: dry run at {len(order.masters)} masters: {said}"
    record(services, who, AuditKind.FLEET_SETTINGS, detail[:500])
    return order


async def set_settings(
    services: Services, who: Actor, id: str, serials: Iterable[str] | None, most: int | None
) -> int:
    """Set what was tried, and say at how many masters. Raise `StoreError`."""
    count = await services.fleet_settings.set_for_good(id, serials, most)
    record(services, who, AuditKind.FLEET_SETTINGS, f"{id}: set at {count} masters")
    return count


def _record(services: Services, who: Actor, rollout: Rollout, what: str) -> None:
    record(services, who, AuditKind.ROLLOUT, f"{rollout.id}, release {rollout.plan.shown}: {what}")
