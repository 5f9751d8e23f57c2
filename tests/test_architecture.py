"""The page on the architecture: its pictures are drawn anew when they change, its tests are there."""

import re
import runpy

from support.needs import PROJECT

PAGE = PROJECT / "docs/architecture.md"
SCRIPT = PROJECT / "tools/architecture_pictures.py"
LARGEST = 30_000


def test_the_pictures_are_those_that_their_source_says_and_stand_on_the_page() -> None:
    program = runpy.run_path(str(SCRIPT))
    drawn = program["pictures"](SCRIPT.with_suffix(".txt").read_text("utf-8"))
    page = PAGE.read_text("utf-8")
    assert drawn
    for name, svg in drawn.items():
        assert (PROJECT / "docs/images" / name).read_text("utf-8") == svg
        assert len(svg.encode()) <= LARGEST
        assert f"](images/{name})" in page


def test_each_test_that_the_page_names_is_there_and_each_number_has_one() -> None:
    page = PAGE.read_text("utf-8")
    named = dict(re.findall(r"^\[(\d+)\]: (\S+)$", page, re.MULTILINE))
    assert {*re.findall(r"\[(\d+)\](?!:)", page)} == named.keys()
    assert not [path for path in named.values() if not (PAGE.parent / path).is_file()]
