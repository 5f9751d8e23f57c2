"""The page about the gateway tells the settings that there are."""

import tomllib

from mbusmaster.settings import Settings
from mbusmaster.settings.migrations import migrate
from mbusmaster.settings.reference import markdown
from mbusmaster.settings.tree import settings
from support.needs import PROJECT

PAGE = PROJECT / "docs" / "gateway.md"


def test_the_page_has_the_table_that_the_schema_gives() -> None:
    assert markdown() in PAGE.read_text("utf-8"), (
        "put the output of `python -m mbusmaster.settings.reference` into docs/gateway.md"
    )


def rows() -> dict[str, list[str]]:
    found, section = {}, ""
    for line in markdown().splitlines():
        if line.startswith("`["):
            section = line.strip("`[]") + "."
        elif line.startswith("| `"):
            cells = line.strip("| ").split(" | ")
            found[section + cells[0].strip("`")] = cells
    return found


def test_every_setting_of_the_schema_has_a_row_with_its_meaning() -> None:
    told = {path.replace("buses.", "buses.0.") for path in rows()} - {"version"}
    assert told == {
        spot.path.rpartition(".")[0] if "led_names" in spot.path else spot.path
        for spot, _ in settings(Settings().model_dump(mode="json"))
    }
    assert all(len(cells) == 5 and cells[-1] for cells in rows().values())


def test_the_table_says_what_is_allowed_and_what_needs_a_restart() -> None:
    table = rows()
    assert table["buses.timeout"][1:4] == ["2", "1 to 3", "yes"]
    assert table["hosting.enabled"][1:4] == ["false", "true, false", "–"]
    assert table["channels.plain_tcp.interfaces"][1:3] == ["–", "a list of up to 16"]
    assert table["ethernet.address"][1:3] == ["–", "an IP address"]
    assert table["panel.led_names"][1:3] == [
        "–",
        "`power_red` to `ethernet_green` = text",
    ]


def test_the_settings_file_on_the_page_is_one_that_works() -> None:
    examples = [part.partition("```")[0] for part in PAGE.read_text("utf-8").split("```toml\n")[1:]]
    assert examples
    for example in examples:
        Settings.model_validate(migrate(tomllib.loads(example)))
