"""Gateways as programs say what settings would change, and set them, as their head-end says."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from mbusheadend.fleet.settings_desk import Progress, SettingsDesk
from mbusheadend.fleet.settings_order import SettingsForFleet
from mbushosting.fleet_settings import Value
from mbusmaster.settings import Settings, Store
from support.headend import running
from support.site import Site, site

VALUES: dict[str, Value] = {"time.server": "nts.example.org", "buses.*.timeout": 3}

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


def settings_of(here: Site) -> Settings:
    return Store(here.folder / "master.toml").read()


async def comes_to(desk: SettingsDesk, order: SettingsForFleet, *wanted: Progress) -> None:
    """Wait until every master is this far."""
    async with asyncio.timeout(60):
        while True:
            found = [one.progress for one in await desk.progress(order)]
            if found == list(wanted):
                return
            assert not any(one is Progress.REFUSED for one in found) or Progress.REFUSED in wanted, found
            await asyncio.sleep(0.2)


async def test_settings_are_tried_at_two_gateways_and_set_where_nobody_was_faster(tmp_path: Path) -> None:
    async with running(tmp_path) as there:
        desk = SettingsDesk(there.store, there.clock)
        with ExitStack() as stack:
            sites = []
            for serial in ("A", "B"):
                folder = tmp_path / serial
                folder.mkdir()
                here = await asyncio.to_thread(
                    stack.enter_context,
                    site(folder, meters=1, trusted=False, hosting={"enabled": True}, serial=serial),
                )
                await asyncio.to_thread(here.enrol, there.url, await there.token())
                sites.append(here)
            async with asyncio.timeout(60):
                while any(one.contact is None for one in await there.store.masters()):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            order = await desk.try_out(VALUES, (), everybody=True, restart=True)
            await comes_to(desk, order, Progress.TRIED, Progress.TRIED)
            (at_a, _) = await desk.progress(order)
            assert at_a.answer is not None
            assert [(one.path, one.old, one.new, one.needs_restart) for one in at_a.answer.changes] == [
                ("buses.0.timeout", 2, 3, True),
                ("time.server", None, "nts.example.org", False),
            ]
            assert settings_of(sites[0]).time.server is None

            def change() -> None:
                with sites[1].browser() as browser:
                    csrf = browser.get("/configuration/time").text.split('name="csrf" value="')[1]
                    form = {
                        "csrf": csrf.split('"')[0],
                        "time.source": "server",
                        "time.server": "own.example.org",
                    }
                    assert browser.post("/configuration/time", data=form).status_code == 200

            await asyncio.to_thread(change)
            assert settings_of(sites[1]).time.server == "own.example.org"
            assert await desk.set_for_good(order.id, None) == 2
            await comes_to(desk, order, Progress.SET, Progress.CHANGED)
            stored = settings_of(sites[0])
            assert (stored.time.server, stored.buses[0].timeout) == ("nts.example.org", 3)
            assert settings_of(sites[1]).time.server == "own.example.org"
            started = next(one for one in await there.store.masters() if one.serial == "A").contact
            assert started is not None
            # The gateway restarts by itself, for the timeout needs it.
            async with asyncio.timeout(90):
                while True:
                    now = (await there.store.master("A")).contact
                    if now is not None and now.started > started.started:
                        break
                    await asyncio.sleep(0.5)
