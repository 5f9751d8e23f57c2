"""``mbusheadend tenant``: customers that never see each other."""

import argparse
import asyncio
import json
import sys
from typing import Final

from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Settings
from mbusheadend.state import stored_in, utc_now
from mbusheadend.tenants.limits import Limits, Use
from mbusheadend.tenants.registry import TenantError, Tenants, named, registry_of, settings_of
from mbusheadend.tenants.tenant import Quota, Tenant

_BOUNDS: Final = ("masters", "meters", "readings_per_day", "users")


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Do what the action says. Raise `HeadEndError` or `StoreError`."""
    registry = registry_of(settings)
    match options.action:
        case "list":
            await _list(settings, registry, as_json=options.json)
        case "add":
            tenant = await asyncio.to_thread(registry.add, options.name)
            print(f"tenant {tenant.name} added: a running head-end serves it within seconds")
            print(f"its first user: mbusheadend user add NAME --role admin --tenant {tenant.name}")
        case "rename":
            tenant = named(await asyncio.to_thread(registry.all), options.name)
            await asyncio.to_thread(registry.rename, tenant.id, options.new)
            print(f"tenant {options.name} is {options.new} now; its users choose that when they log in")
        case "quota":
            tenant = named(await asyncio.to_thread(registry.all), options.name)
            tenant = await asyncio.to_thread(registry.set_quota, tenant.id, _quota(tenant.quota, options))
            print(f"tenant {tenant.name}: {_words(tenant.quota)}")
        case _:
            await _delete(settings, registry, options)


def _quota(before: Quota, options: argparse.Namespace) -> Quota:
    """Change what is named; 0 is without a bound."""
    given = {name: getattr(options, name) for name in _BOUNDS if getattr(options, name) is not None}
    return before.model_copy(update={name: count or None for name, count in given.items()})


def _words(quota: Quota) -> str:
    bounds = [f"{getattr(quota, name)} {name.replace('_', ' ')}" for name in _BOUNDS if getattr(quota, name)]
    return f"at most {', '.join(bounds)}" if bounds else "without bounds"


async def _list(settings: Settings, registry: Tenants, *, as_json: bool) -> None:
    rows = [(tenant, await _use(settings, tenant)) for tenant in await asyncio.to_thread(registry.all)]
    if as_json:
        facts = [
            {
                "name": tenant.name,
                "id": tenant.id,
                "masters": use.masters,
                "meters": use.meters,
                "quota": tenant.quota.model_dump(exclude_none=True),
            }
            for tenant, use in rows
        ]
        print(json.dumps(facts))
        return
    for tenant, use in rows:
        print(f"{tenant.name:<32}  {use.masters:>6} masters  {use.meters:>8} meters  {_words(tenant.quota)}")


async def _use(settings: Settings, tenant: Tenant) -> Use:
    async with stored_in(settings_of(settings, tenant)) as store:
        return await Limits(store, lambda: tenant, utc_now).use()


async def _delete(settings: Settings, registry: Tenants, options: argparse.Namespace) -> None:
    tenant = named(await asyncio.to_thread(registry.all), options.name)
    use = await _use(settings, tenant)
    what = f"{use.masters} masters and {use.meters} meters with all their readings, users and releases"
    given = options.sure
    if given is None:
        if not sys.stdin.isatty():
            raise TenantError(f"this deletes {what}: say so with --sure {tenant.name}")
        print(f"This deletes {what} of the tenant {tenant.name}, for good.")
        if (await asyncio.to_thread(input, "Delete them? [y/N] ")).strip().lower() not in ("y", "yes"):
            raise HeadEndError("nothing was deleted")
        given = (await asyncio.to_thread(input, "Type the name of the tenant: ")).strip()
    if given != tenant.name:
        raise HeadEndError(f"{given!r} is not {tenant.name}: nothing was deleted")
    await asyncio.to_thread(registry.delete, tenant.id)
    print(f"tenant {tenant.name} deleted, with {what}")
