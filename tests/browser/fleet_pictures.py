"""The pages of a utility as they look: a rollout under way, and settings of many masters that are tried."""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from playwright.async_api import Browser

from mbusheadend.firmware import Shelf
from mbusheadend.fleet.settings_desk import SettingsDesk
from mbusheadend.rollout.desk import RolloutDesk
from mbusheadend.rollout.plan import Plan
from mbusheadend.rollout.runner import RolloutRunner
from mbushosting.contact import CommandResult
from mbushosting.fleet_settings import SettingChange, SettingsAnswer, Value
from support.browser import DESK, Visit, Words, visit
from support.headend_messages import contact, enrol
from support.headend_site import HeadEndSite, headend_site
from support.headend_web import NOW
from support.releases import ReleaseMaker

PAGES: Final = ("rollout", "fleet-settings")
MASTERS: Final = 40
OLD: Final = SettingChange(path="log.level", old="info", new="warning")
SLOW: Final = SettingChange(path="buses.main.timeout", old=2, new=3, needs_restart=True)
REFUSED: Final = SettingChange(path="buses.main.timeout", refused="this setting is not set from a head-end")


async def pictures_of_a_fleet(browser: Browser, wanted: set[str], save: Callable[[str, bytes], None]) -> None:
    """Take those that are wanted; all where none is named."""
    with tempfile.TemporaryDirectory() as folder:
        async with headend_site(Path(folder)) as site:
            paths = await _under_way(site, Path(folder))
            async with visit(browser, site.site, Words("en"), reduced_motion="reduce") as utility:
                await utility.open("/login")
                await utility.fill_in_login(site.site.user, site.site.password)
                await utility.logged_in()
                for name, path in zip(PAGES, paths, strict=True):
                    if not wanted or name in wanted:
                        save(name, await _picture(utility, path))


async def _picture(utility: Visit, path: str) -> bytes:
    await utility.page.set_viewport_size(DESK)
    await utility.open(path)
    height = min(1000, await utility.page.evaluate("document.documentElement.scrollHeight"))
    await utility.page.set_viewport_size({"width": DESK["width"], "height": max(300, height)})
    return await utility.page.screenshot(animations="disabled", caret="hide")


async def _under_way(site: HeadEndSite, folder: Path) -> tuple[str, str]:
    """Have a fleet with both; give where the pages are."""
    services, store = site.services, site.services.store
    maker = ReleaseMaker(folder / "made")
    shelf = Shelf(folder / "shelf", folder / "no package")
    shelf.add(maker.good(42), NOW, root=maker.root)
    object.__setattr__(services, "firmware", shelf)
    object.__setattr__(services, "rollouts", RolloutDesk(store, shelf, lambda: NOW))
    object.__setattr__(services, "fleet_settings", SettingsDesk(store, lambda: NOW))
    serials = [f"MB-{number:04}" for number in range(1, MASTERS + 1)]
    await enrol(store, *serials)
    for number, serial in enumerate(serials, 1):
        groups = ("workshop",) if number <= 4 else ()
        await store.set_master(serial, name=f"Mill Lane {number}", groups=groups)
        await store.note_contact(serial, contact(serial, release="0041", updates="on", settings="on"), NOW)
    rings = [{"groups": ["workshop"], "name": "our own"}, {"percent": 25}, {"percent": 100}]
    plan = Plan.model_validate({"title": "Autumn", "release": 42, "rings": rings})
    rollout = await services.rollouts.make(plan, "anna")
    await services.rollouts.start(rollout.id)
    await RolloutRunner(store, shelf, lambda: NOW).tick()
    for serial in serials[:2]:
        said = contact(serial, release="0042", updates="on", settings="on")
        await store.note_contact(serial, said, NOW + timedelta(minutes=7))
    await RolloutRunner(store, shelf, lambda: NOW + timedelta(minutes=8)).tick()
    order = await _tried(site, serials[4:12])
    return f"/rollouts/{rollout.id}", f"/fleet-settings/{order}"


async def _tried(site: HeadEndSite, serials: list[str]) -> str:
    store = site.services.store
    values: dict[str, Value] = {"log.level": "warning", "buses.*.timeout": 3}
    order = await site.services.fleet_settings.try_out(values, serials, title="Slow meters", who="anna")
    for number, serial in enumerate(serials[:-1]):
        changes = (OLD, REFUSED) if number == 2 else (OLD, SLOW)
        answer = SettingsAnswer(version="a1", changes=changes)
        outcome = "refused" if number == 2 else "done"
        results = tuple(
            CommandResult.model_validate({"id": one.id, "outcome": outcome, "detail": answer.as_detail()})
            for one in (await store.orders(serial, 0, "", NOW)).commands
        )
        said = contact(serial, settings="on", updates="on", release="0041", results=results)
        await store.note_contact(serial, said, NOW)
    return order.id
