"""Alarms, notifications, gaps, local reading, backup and firmware as people see them: live, on a phone and on a desk."""

import re
from collections.abc import AsyncIterator
from typing import Final, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from mbus.addressing import SecondaryAddress
from mbusheadend.alarms.alarm import AlarmKey, Raised
from mbusheadend.alarms.kinds import AlarmKind
from mbusheadend.alarms.rules import Rule, Webhook
from mbusheadend.filling.gaps import FillState, GapFill
from mbusheadend.local import add_master, import_list
from mbusio.listreading import Patience
from mbusweb.texts import Text
from support.browser import Visit, expect_no_barriers, logged_in
from support.headend_fleet import settle
from support.headend_site import HeadEndSite, headend_site
from support.headend_web import NOW
from support.scripted_bus import ScriptedBus, ScriptedMeter, scripted_bus

HEAT: Final = SecondaryAddress.from_text("852467982D2C3504")
SILENT: Final = AlarmKey(AlarmKind.MASTER_SILENT, "SN1000")
PAGES: Final = (
    "/alarms", "/alarms?show=all&severity=error", "/notifications", "/notifications/rules/hook", "/notifications/server",
    "/notifications/rules/new?kind=mail", "/notifications/limits", "/gaps", "/readings/1/judgments", "/local", "/local/new",
    "/jobs", "/backup", "/upkeep", "/time-service", "/about", "/firmware",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def head_end(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HeadEndSite]:
    async with headend_site(tmp_path_factory.mktemp("watch")) as site:
        store = site.services.store
        await settle(store, NOW, 2, 3, 3)
        lasting = [SILENT, AlarmKey(AlarmKind.METER_STATUS, "SN1001", 4, "power_low")]
        await store.note_alarms([Raised(key, Text("It is wrong.")) for key in lasting], [], NOW)
        hook = Webhook(url="https://127.0.0.1:9/hook")
        await store.put_alarm_rule(Rule(id="hook", title="Tickets", target=hook), "a secret of a hook")
        left = GapFill(1, "hourly", NOW, NOW, 1, FillState.LEFT, 2, 0, None, "", "", NOW)
        await store.put_fills([left], [])
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def admin(browser: Browser, head_end: HeadEndSite) -> AsyncIterator[Visit]:
    """A window of an administrator; nothing may go wrong behind it."""
    async with logged_in(browser, head_end.site) as this:
        yield this


async def local_master(head_end: HeadEndSite, bus: ScriptedBus) -> str:
    """Add a local master with a meter that answers and many that do not; give the path of its page."""
    services = head_end.services
    url = f"tcp://127.0.0.1:{bus.port}?baud=19200&allowance=0.05&gap=0.05"
    serial = await add_master(
        services.store,
        name="Cellar",
        url=url,
        now=NOW,
        patience=Patience(timeout=0.3),
    )
    silent = "".join(f"{number:08}FFFFFFFF\n" for number in range(1, 40))
    await import_list(services.store, serial, f"secondary_address\n{HEAT}\n{silent}".encode(), NOW)
    return f"/local/{serial}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_fit_and_have_no_barriers(admin: Visit, scheme: Literal["light", "dark"]) -> None:
    await expect_no_barriers(admin, PAGES, scheme)


async def test_an_alarm_is_acknowledged_and_the_number_in_the_menu_falls(admin: Visit) -> None:
    await admin.open("/alarms")
    entry = admin.page.locator("nav.side .wide").get_by_role("link", name="Alarms")
    await expect(entry.locator(".count")).to_contain_text("2")
    await admin.main.get_by_role("checkbox", name=re.compile("Master silent")).check()
    await admin.field("Note").fill("the fitter is there")
    await admin.button("Acknowledge the chosen ones").click()
    await admin.says("1 alarm is acknowledged.")
    await expect(admin.main.get_by_text("“the fitter is there”")).to_be_visible()
    await expect(entry.locator(".count")).to_contain_text("1")


async def test_a_local_reading_shows_live_how_far_it_is_goes_on_and_is_cancelled(
    admin: Visit, head_end: HeadEndSite
) -> None:
    with scripted_bus(ScriptedMeter(5, HEAT)) as bus:
        path = await local_master(head_end, bus)
        await admin.open(path)
        await admin.button("Check the connection").click()
        await admin.says(re.compile("The master takes the connection"))
        await admin.button("Read all meters").click()
        bar = admin.main.get_by_role("progressbar")
        await expect(bar).to_be_visible()
        await expect(admin.main.locator(".tag.error").first).to_have_text("Silent")
        await admin.open("/jobs")
        await expect(bar).to_be_visible()
        await admin.open(path)
        await admin.button("Cancel").click()
        await expect(admin.main.get_by_text(re.compile("Cancelled after"))).to_be_visible()
        await expect(admin.button("Read all meters")).to_be_visible()


async def test_a_list_is_looked_into_before_it_is_taken(admin: Visit, head_end: HeadEndSite) -> None:
    with scripted_bus() as bus:
        await admin.open(await local_master(head_end, bus))
        await admin.field("CSV file").set_input_files(
            {"name": "list.csv", "mimeType": "text/csv", "buffer": b"secondary_address\n00000077FFFFFFFF\n"}
        )
        await admin.button("Look into it").click()
        await expect(admin.main.get_by_text(re.compile("1 meter is new"))).to_be_visible()
        await admin.button("Take it over").click()
        await admin.says("1 meter is new.")


async def test_the_form_of_a_local_master_shows_the_fields_of_the_way_that_is_chosen(admin: Visit) -> None:
    await admin.open("/local/new")
    await expect(admin.field("Serial port")).to_be_hidden()
    await admin.field("How it is reached").select_option("tls")
    await expect(admin.field("Passphrase of this file")).to_be_visible()
    await admin.field("How it is reached").select_option("serial")
    await expect(admin.field("Serial port")).to_be_visible()
    await expect(admin.field("Name or IP address")).to_be_hidden()


async def test_a_test_message_that_does_not_arrive_says_why(admin: Visit) -> None:
    await admin.open("/notifications")
    await admin.button("Send a test message").click()
    await admin.says(re.compile("the receiver 127.0.0.1"))


async def test_a_backup_is_made_and_downloaded(admin: Visit) -> None:
    await admin.open("/backup")
    await admin.field("Your own password").fill(admin.site.password)
    await admin.button("Make a backup").click()
    async with admin.page.expect_download() as fetched:
        await admin.main.get_by_role("button", name="Download").or_(admin.link("Download")).click()
    download = await fetched.value
    assert re.fullmatch(r"mbusheadend-\w+\.tar", download.suggested_filename)
