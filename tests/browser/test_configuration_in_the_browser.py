"""Configuration as people do it (guide 3.1.2 to 3.1.9)."""

import re
import zipfile
from pathlib import Path

from playwright.async_api import Browser, expect

from mbusmaster.users import RULES
from mbusweb.access import add_user_offline
from support.browser import Visit, Words, factory_site, visit

CONFIGURATION = "/configuration"


async def test_dhcp_greys_out_all_other_addresses(user: Visit) -> None:
    await user.open(f"{CONFIGURATION}/ethernet")
    by_hand = [user.field(name) for name in ("IP address", "Netmask", "Gateway", "DNS1", "DNS2")]
    await expect(user.field("DHCP")).to_be_checked()
    for field in by_hand:
        await expect(field).to_be_disabled()
    await user.field("DHCP").uncheck()
    for field in by_hand:
        await expect(field).to_be_enabled()
    user.may_answer = {422}
    await user.button("Save").click()
    for label in ("IP address", "Netmask"):
        await expect(user.problem_at(label)).to_have_text(user.words("is needed where there is no DHCP"))
    await user.field("DHCP").check()
    await expect(by_hand[0]).to_be_disabled()


async def test_hosting_is_switched_on_and_off(user: Visit) -> None:
    await user.open(f"{CONFIGURATION}/hosting")
    await expect(user.field("Hosting")).not_to_be_checked()
    await user.field("Hosting").check()
    await user.button("Save").click()
    await user.says(user.words("Saved."))
    await expect(user.field("Hosting")).to_be_checked()
    await user.field("Hosting").uncheck()
    await user.button("Save").click()
    await expect(user.field("Hosting")).not_to_be_checked()


async def test_while_only_secure_communication_is_allowed_unsecured_tcp_is_refused(user: Visit) -> None:
    await user.open(f"{CONFIGURATION}/security")
    secured, unsecured = user.main.get_by_role("group").first, user.field("Enable unsecured TCP at Port")
    await expect(user.field("Enable secured TCP at Port")).to_be_checked()
    await expect(secured).to_contain_text(user.words("Secured TCP"))
    await expect(unsecured).to_be_checked()
    await user.field("Secure communication only").check()
    user.may_answer = {422}
    await user.button("Save").click()
    await expect(user.problem_at("Enable unsecured TCP at Port")).to_have_text(
        user.words("cannot be switched on while only secure communication is allowed")
    )
    await expect(user.problem_at("Enable RFC 2217 at Port")).to_be_visible()
    # Nothing was stored.
    await user.open(f"{CONFIGURATION}/security")
    await expect(user.field("Secure communication only")).not_to_be_checked()


async def test_an_unsecured_channel_is_opened_only_after_a_warning(user: Visit) -> None:
    words = user.words
    await user.open(f"{CONFIGURATION}/security")
    await user.field("Enable unsecured TCP at Port").uncheck()
    await user.button("Save").click()
    await user.says(words("Saved. A restart is needed."))
    await user.field("Enable unsecured TCP at Port").check()
    await user.button("Save").click()
    await expect(user.title("Open a channel without encryption?")).to_be_visible()
    await user.button("Switch on without encryption").click()
    await expect(user.field("Enable unsecured TCP at Port")).to_be_checked()
    await user.says(words("Saved."))


async def test_baud_rates_that_do_not_rise_are_refused_at_the_field(user: Visit) -> None:
    await user.open(f"{CONFIGURATION}/mbus")
    await user.field("Min. baud rate").select_option("9600")
    user.may_answer = {422}
    await user.button("Save").click()
    await expect(user.problem_at("Min. baud rate")).to_have_text(
        user.words.braces(
            "the baud rates must rise: min. {min_baud}, default {default_baud}, max. {max_baud} do not",
            min_baud=9600,
            default_baud=2400,
            max_baud=19200,
        )
    )
    # What was chosen is still there to be put right.
    await expect(user.field("Min. baud rate")).to_have_value("9600")
    await expect(user.field("Min. baud rate")).to_have_attribute("aria-invalid", "true")


async def test_changed_mbus_settings_wait_for_a_restart(user: Visit) -> None:
    words = user.words
    await user.open(f"{CONFIGURATION}/mbus")
    for label, options in (
        ("Min. baud rate", ["300", "2400", "9600", "19200"]),
        ("Default baud rate", ["300", "2400", "9600", "19200"]),
        ("Max. baud rate", ["300", "2400", "9600", "19200"]),
        ("Timeout [seconds]", ["1", "2", "3"]),
        ("Max retries", ["1", "2", "3"]),
    ):
        await expect(user.field(label).locator("option")).to_have_text(options)
    changed = await change_timeout(user)
    notice = user.page.locator(".banner.warning").filter(has_text=words("Timeout [seconds]"))
    await expect(notice).to_contain_text(
        words.count("%(num)s change waits for a restart:", "%(num)s changes wait for a restart:", 1)
    )
    await notice.get_by_role("link", name=words("Restart")).click()
    row = user.main.get_by_role("row").filter(has_text=words("Timeout [seconds]"))
    await expect(row.get_by_role("cell").last).to_have_text(changed)
    await user.button("Restart").click()
    await expect(user.title("Restart the master?")).to_be_visible()
    await user.button("Cancel").or_(user.link("Cancel")).click()
    # Back to what it was: nothing waits any more.
    await user.open(f"{CONFIGURATION}/mbus")
    await user.field("Timeout [seconds]").select_option("2")
    await user.button("Save").click()
    await user.says(words("Saved."))
    await expect(notice).to_have_count(0)


async def test_after_a_restart_the_page_comes_back_by_itself_and_changes_are_in_force(
    browser: Browser, tmp_path: Path
) -> None:
    with factory_site(tmp_path) as site:
        add_user_offline(tmp_path / "state", "anna", "correct horse battery", RULES)
        async with visit(browser, site, Words("de")) as user:
            await user.open(f"{CONFIGURATION}/mbus")
            await user.fill_in_login("anna", "correct horse battery")
            changed = await change_timeout(user)
            await user.open(f"{CONFIGURATION}/restart")
            await user.button("Restart").click()
            user.may_fail = True
            await user.button("Restart").click()
            await expect(user.title("The master is restarting")).to_be_visible()
            await expect(user.title("Status")).to_be_visible(timeout=60_000)
            # A restart ends all logins.
            await user.log_in("anna", "correct horse battery")
            await user.open(f"{CONFIGURATION}/restart")
            await user.says_in_text("Nothing: all settings are in force.")
            await user.open(f"{CONFIGURATION}/mbus")
            await expect(user.field("Timeout [seconds]")).to_have_value(changed)


async def change_timeout(user: Visit) -> str:
    """Choose another timeout on the page of the M-Bus settings; give it."""
    timeout = user.field("Timeout [seconds]")
    changed = {"1": "2", "2": "3", "3": "1"}[await timeout.input_value()]
    await timeout.select_option(changed)
    await user.button("Save").click()
    await user.says(user.words("Saved. A restart is needed."))
    return changed


async def test_the_time_comes_from_one_of_three(user: Visit) -> None:
    words = user.words
    await user.open(f"{CONFIGURATION}/time")
    server, picker = user.field("Time server"), user.field("Date and time (UTC)")
    await expect(user.field("Use time server")).to_be_checked()
    await expect(server).to_be_enabled()
    # The browser's own calendar.
    await expect(picker).to_have_attribute("type", "datetime-local")
    await user.field("Set time manually").check()
    await expect(user.field("Use time server")).not_to_be_checked()
    await expect(server).to_be_disabled()
    await user.field("Use PC time").check()
    await expect(user.field("Set time manually")).not_to_be_checked()
    await expect(user.main.locator("[data-clock=pc]")).to_have_text(re.compile(r"^\d{4} \d\d/\d\d "))
    await user.field("Use time server").check()
    await server.fill("no server")
    user.may_answer = {422}
    await user.button("Save").click()
    await expect(user.problem_at("Time server")).to_have_text(
        words.braces("{value} is no host name or address", value="no server")
    )
    await user.field("Time server").fill("nts.example.net")
    await user.button("Save").click()
    await user.says(words("Saved."))
    await user.field("Time server").fill("")
    await user.button("Save").click()
    await user.says(words("Saved."))
    await expect(user.field("Time server")).to_have_value("")


async def test_a_firmware_file_that_is_dropped_gets_an_honest_answer(user: Visit) -> None:
    await user.open(f"{CONFIGURATION}/firmware")
    area = user.main.locator("fieldset.drop")
    await area.evaluate(
        """area => {
            const data = new DataTransfer();
            data.items.add(new File(["x"], "MBMC2022_release_9999.tar"));
            for (const kind of ["dragenter", "dragover", "drop"])
                area.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));
        }"""
    )
    refusal = await user.main.locator(".banner.warning").inner_text()
    await expect(user.main.get_by_role("alert")).to_have_text(refusal)
    await expect(user.title("Firmware update")).to_be_visible()


async def test_the_log_is_filtered_and_downloaded_for_support(user: Visit, tmp_path: Path) -> None:
    await user.open(f"{CONFIGURATION}/log")
    await user.main.get_by_label(user.words("Contains")).fill("no line has this text")
    await user.button("Show").click()
    await user.says_in_text("There are no such messages.")
    async with user.page.expect_download() as waiting:
        await user.button("Download for support").click()
    download = await waiting.value
    await download.save_as(tmp_path / "support.zip")
    with zipfile.ZipFile(tmp_path / "support.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist()


async def test_a_backup_is_looked_at_before_it_is_restored(user: Visit, tmp_path: Path) -> None:
    words = user.words
    backup = tmp_path / "backup.json"
    await user.open(f"{CONFIGURATION}/backup")
    async with user.page.expect_download() as waiting:
        await user.button("Download the settings").click()
    await (await waiting.value).save_as(backup)
    await user.field("File").set_input_files(backup)
    await user.button("Look at the file").click()
    await user.says(words("The file has nothing that is not in force here already."))
    await user.open(f"{CONFIGURATION}/hosting")
    await user.field("Hosting").check()
    await user.button("Save").click()
    await user.says(words("Saved."))
    await user.open(f"{CONFIGURATION}/backup")
    await user.field("File").set_input_files(backup)
    await user.button("Look at the file").click()
    await expect(user.main.get_by_role("row").filter(has_text=words("Hosting"))).to_be_visible()
    await user.button("Restore").click()
    await user.says(words.count("%(count)d setting was restored.", "%(count)d settings were restored.", 1))
