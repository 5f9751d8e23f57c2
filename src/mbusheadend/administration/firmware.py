"""``mbusheadend firmware``: releases that masters are offered, whether the head-end runs or not."""

import argparse
import asyncio
import json

from mbusheadend.firmware import Held, Shelf
from mbusheadend.firmware.overview import FirmwareOverview, firmware_overview
from mbusheadend.firmware.shared import SharedShelf
from mbusheadend.rollout.desk import RolloutDesk
from mbusheadend.settings import Settings
from mbusheadend.state import stored_in, utc_now


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Do what the action says. Raise `HeadEndError` or `StoreError`."""
    if settings.store is None and options.action != "list":
        await _do(Shelf(settings.state_folder), options)
        return
    async with stored_in(settings) as store:
        shelf = Shelf(settings.state_folder)
        if settings.store is not None:
            # Releases are in the store there: other processes have them too.
            shelf = shared = SharedShelf(settings.state_folder, store)
            await shared.follow()
        if options.action != "list":
            await _do(shelf, options)
            return
        words = await RolloutDesk(store, shelf, utc_now).words()
        overview = await firmware_overview(store, shelf, utc_now(), words)
    print(json.dumps(_plain(overview)) if options.json else _table(overview))


async def _do(shelf: Shelf, options: argparse.Namespace) -> None:
    match options.action:
        case "add":
            held = await asyncio.to_thread(
                shelf.add, options.file, utc_now(), root=options.root, groups=options.group
            )
            print(f"release {held.shown}, version {held.version}, for {', '.join(held.platforms)}: good")
            print(_who(held))
        case "offer":
            held = await asyncio.to_thread(
                shelf.offer, options.number, None if options.all else options.group
            )
            print(_who(held))
        case _:
            await asyncio.to_thread(shelf.remove, options.number)
            print(f"release {options.number:04d} is offered no more; masters that run it go on")


def _who(held: Held) -> str:
    return f"it is offered to {_groups(held)}, until {held.expires:%Y-%m-%d}"


def _groups(held: Held) -> str:
    return "all masters" if held.groups is None else f"masters of {', '.join(sorted(held.groups))}"


def _plain(overview: FirmwareOverview) -> list[dict[str, object]]:
    return [
        {
            "release": one.shown,
            "version": one.version,
            "platforms": one.platforms,
            "added": one.added.isoformat(),
            "expires": one.expires.isoformat(),
            "groups": None if one.groups is None else sorted(one.groups),
            "masters": overview.count(one.number),
        }
        for one in overview.releases
    ]


def _table(overview: FirmwareOverview) -> str:
    lines = [
        f"{one.shown}  version {one.version:<12}  until {one.expires:%Y-%m-%d}  {overview.count(one.number):>5} masters"
        f"  offered to {_groups(one)}"
        for one in overview.releases
    ]
    return "\n".join(lines) or "There are no releases here."
