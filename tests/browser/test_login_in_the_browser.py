"""First login, login and logout as people do them (guide 3, 3.3)."""

from pathlib import Path

from playwright.async_api import Browser, expect

from support.browser import FACTORY, Site, Visit, Words, factory_site, visit

ANNA = ("anna", "correct horse battery")


async def test_the_first_login_makes_ones_own_user_and_the_default_user_is_gone(
    browser: Browser, words: Words, tmp_path: Path
) -> None:
    with factory_site(tmp_path) as site:
        async with visit(browser, site, words) as guest:
            await guest.open("/config")
            await guest.page.locator("nav .wide").get_by_role("link", name=words("Ethernet")).click()
            await expect(guest.title("Log in")).to_be_visible()
            await guest.says_in_text("Log in with the default user to make your own user.")
            await guest.fill_in_login(*FACTORY)
            await expect(guest.title("First user")).to_be_visible()
            # The default user can do nothing else.
            await guest.open("/configuration/ethernet")
            await expect(guest.title("First user")).to_be_visible()
            guest.may_answer = {422}
            await fill_in_first_user(guest, "anna", "short", "short")
            await expect(guest.problem_at("Password")).to_have_text(
                words("A password has at least 12 characters.")
            )
            await fill_in_first_user(guest, "anna", ANNA[1], "correct horse")
            await expect(guest.problem_at("Password again")).to_have_text(words("The two passwords differ."))
            await fill_in_first_user(guest, *ANNA, ANNA[1])
            await guest.says(words("Your user is made, and the default user is deleted."))
            await expect(guest.page.locator("header.top")).to_contain_text("anna")
            await guest.log_out_button.click()
            await guest.says(words("You are logged out."))
            await guest.open("/login")
            guest.may_answer = {401}
            await guest.fill_in_login(*FACTORY)
            await guest.says(words("User name or password is wrong."))
            await guest.fill_in_login(*ANNA)
            await expect(guest.log_out_button).to_be_visible()


async def fill_in_first_user(guest: Visit, name: str, password: str, again: str) -> None:
    await guest.field("User name").fill(name)
    await guest.field("Password").fill(password)
    await guest.field("Password again").fill(again)
    await guest.button("Add user").click()


async def test_a_login_leads_to_the_page_that_was_asked_for(guest: Visit, demo: Site) -> None:
    words = guest.words
    await guest.open("/users")
    await expect(guest.title("Log in")).to_be_visible()
    guest.may_answer = {401}
    await guest.fill_in_login(demo.user, "not the password")
    await guest.says(words("User name or password is wrong."))
    await expect(guest.field("User name")).to_have_value(demo.user)
    await guest.fill_in_login(demo.user, demo.password)
    await expect(guest.title("User list")).to_be_visible()


async def test_a_logout_ends_the_login_on_the_server(guest: Visit) -> None:
    await guest.open("/status")
    await guest.log_in()
    cookies = await guest.page.context.cookies()
    await guest.log_out_button.click()
    await guest.says(guest.words("You are logged out."))
    # Who kept the cookie comes in no more.
    await guest.page.context.add_cookies(
        [{"name": one["name"], "value": one["value"], "url": guest.site.url} for one in cookies]
    )
    await guest.open("/users")
    await expect(guest.title("Log in")).to_be_visible()
