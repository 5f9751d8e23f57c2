"""The page about the gateway tells the settings that there are."""

import tomllib

from mbusmaster.settings import Settings
from mbusmaster.settings.migrations import migrate
from mbusmaster.settings.reference import markdown
from support.needs import PROJECT

PAGE = PROJECT / "docs" / "gateway.md"


def test_the_page_has_the_table_that_the_schema_gives() -> None:
    assert markdown() in PAGE.read_text("utf-8"), (
        "put the output of `python -m mbusmaster.settings.reference` into docs/gateway.md"
    )


def test_every_setting_of_the_schema_has_a_row_with_its_meaning() -> None:
    rows = [line.split(" | ") for line in markdown().splitlines() if line.startswith("| `")]
    assert {"| `url`", "| `port`", "| `level`", "| `state_folder`"} <= {row[0] for row in rows}
    assert all(row[-1].removesuffix(" |") for row in rows)


def test_the_settings_file_on_the_page_is_one_that_works() -> None:
    examples = [part.partition("```")[0] for part in PAGE.read_text("utf-8").split("```toml\n")[1:]]
    assert examples
    for example in examples:
        Settings.model_validate(migrate(tomllib.loads(example)))
