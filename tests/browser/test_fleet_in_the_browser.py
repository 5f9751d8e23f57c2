"""The fleet as people see it: live, on a phone and on a desk, light and dark, without barriers."""

import re
from collections.abc import AsyncIterator
from typing import Final, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from mbus.addressing import SecondaryAddress
from mbusheadend.store.browsing import GroupKind
from mbushosting.contact import CommandResult
from support.browser import Visit, expect_no_barriers, logged_in
from support.headend_fleet import settle
from support.headend_messages import batch, contact, reading
from support.headend_meters import telegram
from support.headend_site import HeadEndSite, headend_site
from support.headend_web import NOW

PAGES: Final = (
    *("/overview", "/masters", "/masters/SN1000", "/meters", "/meters/1", "/groups", "/schedules"),
    *("/schedules/new", "/schedules/hourly/edit", "/enrolment", "/masters/SN1000/delete"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def head_end(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HeadEndSite]:
    async with headend_site(tmp_path_factory.mktemp("fleet")) as site:
        await settle(site.services.store, NOW, 3, 5, 3)
        await site.services.store.join_group(GroupKind.METERS, "Heat", [1, 5])
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def admin(browser: Browser, head_end: HeadEndSite) -> AsyncIterator[Visit]:
    """A window of an administrator; nothing may go wrong behind it."""
    async with logged_in(browser, head_end.site) as this:
        yield this


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_fits_and_has_no_barriers(admin: Visit, scheme: Literal["light", "dark"]) -> None:
    await expect_no_barriers(admin, PAGES, scheme)


async def test_a_reading_appears_on_the_overview_as_it_comes(admin: Visit, head_end: HeadEndSite) -> None:
    store = head_end.services.store
    await admin.open("/overview")
    meter = await store.meter(2)
    await expect(admin.main.get_by_text("4,242 kWh")).to_have_count(0)
    address = SecondaryAddress.from_text(meter.identity)
    sound = reading(4242, meter.identity, [telegram(address, 4242)], taken=NOW, slot=NOW)
    await store.take("SN1000", batch(sound, serial="SN1000"), NOW)
    await expect(admin.main.get_by_text("4,242 kWh")).to_be_visible()


async def test_read_now_shows_live_how_far_it_is(admin: Visit, head_end: HeadEndSite) -> None:
    store = head_end.services.store
    await admin.open("/meters/3")
    await admin.button("Read now").click()
    order = admin.main.locator(".order")
    await expect(order).to_contain_text("The master is not connected")
    await expect(order).to_contain_text("Waits")
    id = admin.page.url.rpartition("/")[2]
    await store.orders("SN1000", 0, "1", NOW)
    await expect(order).to_contain_text("The master is reading.")
    meter = await store.meter(3)
    sound = reading(
        777, meter.identity, [telegram(SecondaryAddress.from_text(meter.identity))], schedule=id, taken=NOW
    )
    await store.take("SN1000", batch(sound, serial="SN1000"), NOW)
    result = CommandResult(id=id, outcome="done", detail="1 of 1 meters answered")
    await store.note_contact("SN1000", contact("SN1000", time=NOW, results=(result,)), NOW)
    await expect(order).to_contain_text("The meter was read.")
    await expect(order).to_have_attribute("data-over", "true")
    await expect(admin.button("Take the order back")).to_have_count(0)


async def test_the_form_of_a_schedule_shows_at_once_what_it_would_do(admin: Visit) -> None:
    await admin.open("/schedules/new")
    preview = admin.main.locator(".preview")
    await expect(admin.field("Unit")).to_be_hidden()
    await admin.field("Times").fill("02:30")
    await admin.field("Time zone").fill("Europe/Copenhagen")
    await expect(preview).to_contain_text("Every day at 02:30, Europe/Copenhagen", ignore_case=True)
    await expect(preview).to_contain_text("That day it reads at 03:00.")
    await admin.field("Times").fill("25:00")
    await expect(preview).to_contain_text("Give times of day")
    await admin.field("Rule").select_option("every")
    await expect(admin.field("Unit")).to_be_visible()
    await expect(admin.field("Times")).to_be_hidden()
    await expect(preview).to_contain_text("Every hour", ignore_case=True)
    await admin.field("At all masters, also those to come").uncheck()
    await admin.main.get_by_label("Mill Lane 3").check()
    await admin.field("Title").fill("Mill Lane")
    await admin.button("Save").click()
    await admin.says(re.compile("“Mill Lane” is saved"))
    await expect(admin.main.locator(".schedules")).to_contain_text("at master SN1000")


async def test_all_meters_of_a_page_are_chosen_at_once_and_put_into_a_group(
    admin: Visit, head_end: HeadEndSite
) -> None:
    await admin.open("/meters?master=SN1002")
    await admin.main.get_by_label("All on this page").check()
    await admin.main.get_by_placeholder("Group").fill("North")
    await admin.button("Put in").click()
    await admin.says("5 were put into the group North.")
    assert (await head_end.services.store.groups(GroupKind.METERS))["North"] == 5
    assert "master=SN1002" in admin.page.url


async def test_an_enrolment_token_is_copied(admin: Visit) -> None:
    await admin.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await admin.open("/enrolment")
    await admin.field("Note").fill("Mill Lane")
    await admin.button("Make a token").click()
    await admin.button("Copy").click()
    await expect(admin.button("Copied")).to_be_visible()
    copied = await admin.page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"mbusmaster enrol https://\S+ mbus1-\w+", copied)


async def test_the_lists_work_on_a_phone(admin: Visit) -> None:
    await admin.page.set_viewport_size({"width": 360, "height": 800})
    await admin.open("/masters")
    await admin.field("Show").select_option("overdue")
    await admin.button("Filter").click()
    await expect(admin.main.get_by_text("No master fits this filter.")).to_be_visible()
    await admin.link("Show all").click()
    card = admin.main.locator('[data-master="SN1000"]')
    await expect(card).to_contain_text("of 115")
    box = await card.bounding_box()
    assert box is not None
    assert box["width"] > 300
    await card.get_by_role("link", name="Mill Lane 3").click()
    await expect(admin.title("Mill Lane 3")).to_be_visible()
