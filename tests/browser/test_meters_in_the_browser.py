"""The meter list as an installer uses it (guide 3.1), without a password on the setup interface."""

import csv
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import expect

from support.browser import Visit

LINES = """\
secondary_address,identification,manufacturer,version,medium,primary_address,baud_rate,note
111111112D2C3504,,,,,11,2400,"cellar, left"
222222222D2C3504,,,,,12,2400,=SUM(A1)
333333332D2C3504,,,,,13,9600,Žluťoučký kůň
"""


async def test_a_scan_shows_its_progress_and_what_it_finds_at_once_in_every_window(
    guests: Sequence[Visit],
) -> None:
    await clear(guests[0])
    for guest in guests:
        await guest.open("/meters")
        await expect(guest.field("Baud rate")).to_have_value("2400")
    await guests[0].button("Scan M-Bus master").click()
    for guest in guests:
        job = guest.main.locator("[data-running=true]")
        await expect(job).to_contain_text(
            guest.words("Scan by secondary address at %(baud)d baud", baud=2400)
        )
        await expect(job.get_by_role("progressbar")).to_be_visible()
        await expect(guest.button("Cancel")).to_be_visible()
    # The first meter is in the list before the scan is over.
    await expect(guests[0].main.locator("tr[data-meter]").first).to_be_visible()
    await expect(guests[0].main.locator("[data-running=true]")).to_be_visible()
    for guest in guests:
        job = guest.main.locator("[data-running=false]")
        await expect(job).to_contain_text(
            guest.words.around("Finished %(time)s after %(duration)s."), timeout=90_000
        )
        await expect(guest.main.locator("tr[data-meter]")).to_have_count(6)
        await expect(guest.main.locator("tr[data-meter] .status").first).to_contain_text(
            guest.words("Answers")
        )


async def test_a_scan_is_cancelled_and_what_was_found_stays(guest: Visit) -> None:
    await guest.open("/meters")
    await guest.field("Addresses").select_option("primary")
    await guest.button("Scan M-Bus master").click()
    job = guest.main.locator("[data-job]")
    await expect(job).to_contain_text(guest.words("Scan by primary address at %(baud)d baud", baud=2400))
    await guest.button("Cancel").click()
    await expect(job).to_contain_text(
        guest.words.around("Cancelled %(time)s after %(duration)s. What was found stays in the list.")
    )
    await expect(guest.button("Scan M-Bus master")).to_be_enabled()


async def test_the_list_goes_out_as_a_file_and_comes_back(guest: Visit, tmp_path: Path) -> None:
    words = guest.words
    made, first, second = (tmp_path / name for name in ("made.csv", "first.csv", "second.csv"))
    made.write_text(LINES, "utf-8")
    await clear(guest)
    await take_in(guest, made)
    await guest.says(words("Imported: %(added)d meters added, %(updated)d updated, %(unchanged)d unchanged.",
                           added=3, updated=0, unchanged=0))  # fmt: skip
    rows = guest.main.locator("tr[data-meter]")
    await expect(rows).to_have_count(3)
    await expect(rows.filter(has_text="cellar, left")).to_contain_text("11111111")
    await download(guest, first)
    await clear(guest)
    await take_in(guest, first)
    await expect(rows).to_have_count(3)
    await download(guest, second)
    assert first.read_bytes() == second.read_bytes()
    notes = [row["note"] for row in csv.DictReader(first.read_text("utf-8-sig").splitlines())]
    # Nothing that a spreadsheet would take for a formula.
    assert notes == ["cellar, left", "'=SUM(A1)", "Žluťoučký kůň"]


async def test_a_file_with_bad_lines_is_shown_before_anything_is_taken(guest: Visit, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("secondary_address,primary_address\n444444442D2C3504,4\nnonsense,5\n", "utf-8")
    await clear(guest)
    guest.may_answer = {422}
    await take_in(guest, bad)
    await expect(guest.title("Import: some lines cannot be taken")).to_be_visible()
    await expect(guest.main.get_by_role("row").nth(1)).to_contain_text("3")
    await guest.main.get_by_role("button", name=guest.words.around(
        "Take the %(num)s good line")).click()  # fmt: skip
    await expect(guest.main.locator("tr[data-meter]")).to_have_count(1)


async def test_the_list_is_filtered_sorted_and_loses_one_meter(guest: Visit, tmp_path: Path) -> None:
    words = guest.words
    made = tmp_path / "made.csv"
    made.write_text(LINES, "utf-8")
    await clear(guest)
    await take_in(guest, made)
    rows = guest.main.locator("tr[data-meter]")
    await expect(rows).to_have_count(3)
    heading = guest.main.get_by_role("columnheader", name=words("Primary address"))
    for order in ("ascending", "descending"):
        await heading.get_by_role("link").click()
        await expect(heading).to_have_attribute("aria-sort", order)
    await expect(rows.first).to_contain_text("33333333")
    await guest.main.get_by_label(words("Contains"), exact=True).fill("cellar")
    await guest.button("Show").click()
    await expect(rows).to_have_count(1)
    await rows.get_by_role("link", name=words.around("Remove: %(meter)s")).click()
    await expect(guest.title("Remove this meter?")).to_be_visible()
    await guest.button("Remove").click()
    await guest.says(words.around("Meter %(address)s is removed."))
    await guest.open("/meters")
    await expect(rows).to_have_count(2)


async def test_expected_meters_that_are_missing_are_named(guest: Visit, tmp_path: Path) -> None:
    expected = tmp_path / "expected.csv"
    expected.write_text(LINES, "utf-8")
    await guest.open("/meters/commissioning")
    await guest.main.get_by_label(guest.words("CSV file")).set_input_files(expected)
    await guest.button("Import").click()
    await guest.says(guest.words.count(
        "The list has %(added)d expected meter now.", "The list has %(added)d expected meters now.", 3,
        added=3))  # fmt: skip
    await expect(guest.main.locator("tbody tr").filter(has_text="22222222")).to_be_visible()
    await guest.button("Report to print").or_(guest.link("Report to print")).click()
    await expect(guest.title("Commissioning report")).to_be_visible()


async def clear(guest: Visit) -> None:
    await guest.open("/meters")
    await guest.button("Clear the list").or_(guest.link("Clear the list")).click()
    await guest.button("Clear the list").click()
    await guest.says(guest.words("The meter list is empty."))


async def take_in(guest: Visit, file: Path) -> None:
    await guest.main.get_by_text(guest.words("Import a CSV file"), exact=True).click()
    await guest.field("CSV file").set_input_files(file)
    await guest.button("Import").click()


async def download(guest: Visit, target: Path) -> None:
    async with guest.page.expect_download() as waiting:
        await guest.button("Download CSV").or_(guest.link("Download CSV")).click()
    await (await waiting.value).save_as(target)
