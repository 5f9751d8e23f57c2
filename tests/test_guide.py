"""The table of the user guide tells the truth about what there is: its modules, its pages and its tests."""

import ast
import re
from dataclasses import dataclass
from functools import cache

import pytest

from support.needs import PROJECT

PAGE = PROJECT / "docs" / "guide.md"
SECTIONS = "1.2 1.3.2 2.1.3 3 3.1 3.1.1 3.1.2 3.1.3 3.1.4 3.1.5 3.1.6 3.1.7 3.1.8 3.1.9 3.2.1 3.3 3.3.1 4 5.1 5.2 5.3"
"""Those of the guide that demand something of the software."""
WARNINGS = ("Pull the USB cable when it is not in use", "no port forwarding", "network of its own")


@dataclass(frozen=True, slots=True)
class Row:
    section: str
    demand: str
    where: str
    shown_by: str

    @property
    def numbers(self) -> list[int]:
        return [int(number) for number in re.findall(r"\[(\d+)\]", self.shown_by)]


def rows() -> list[Row]:
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text("utf-8").splitlines()
        if re.match(r"\| \d", line)
    ]
    return [Row(*cell) for cell in cells]


def evidence() -> dict[int, str]:
    found = re.findall(r"^(\d+)\. `(tests/\S+)`$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len({number for number, _ in found}) == len(found), "each number once"
    return {int(number): name for number, name in found}


@cache
def collected_from(file: str) -> frozenset[str]:
    """Give the names of the tests that pytest would collect at the top of a file."""
    tree = ast.parse((PROJECT / file).read_text("utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def test_each_section_that_demands_something_has_a_row() -> None:
    assert {row.section for row in rows()} == set(SECTIONS.split())


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.section} {row.demand}")
def test_what_a_row_claims_has_a_place_and_a_test(row: Row) -> None:
    named = re.findall(r"`([^`]+)`", row.where)
    for name in named:
        roots = {"docs": PROJECT, "mbusweb": PROJECT / "src", "mbusreleases": PROJECT / "src"}
        root = roots.get(name.partition("/")[0], PROJECT / "src" / "mbusmaster")
        assert (root / name).is_file(), name
    assert named, "what is there is somewhere"
    assert row.numbers, "what is there is shown by a test"
    assert set(row.numbers) <= evidence().keys()


@pytest.mark.parametrize("name", evidence().values())
def test_each_named_test_is_there(name: str) -> None:
    file, _, function = name.partition("::")
    assert function in collected_from(file)


def test_each_named_test_shows_something() -> None:
    assert evidence().keys() == {number for row in rows() for number in row.numbers}


def test_the_warnings_of_the_guide_stand_in_the_page_on_set_up() -> None:
    text = " ".join((PROJECT / "docs" / "web.md").read_text("utf-8").split())
    assert [warning for warning in WARNINGS if warning not in text] == []
