"""What the pages show is what happens: their Python runs, their commands print what stands below them."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.needs import PROJECT

PAGES = ("README.md", "docs/commands.md", "docs/library.md")
PROMPT = "$ "
DECODE = f"{PROMPT}.venv/bin/mbus decode"
WIDEST = 150


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    found: list[Block] = []
    lines: list[str] | None = None
    for line in (PROJECT / page).read_text("utf-8").splitlines():
        if not line.startswith("```"):
            if lines is not None:
                lines.append(line)
        elif lines is None:
            language, lines = line.removeprefix("```"), []
        else:
            found.append(Block(language, "\n".join(lines)))
            lines = None
    return found


def decode_examples() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in blocks(page):
            if block.text.startswith(DECODE):
                for example in block.text.removeprefix(PROMPT).split(f"\n{PROMPT}"):
                    command, _, shown = example.partition("\n")
                    yield command, shown


def words(text: str) -> list[str]:
    """Long lines are broken in a page, and tables end in blanks."""
    return text.split()


@pytest.mark.process
@pytest.mark.parametrize("page", ["README.md", "docs/library.md"])
def test_the_python_of_a_page_runs_and_prints_what_the_page_shows(page: str, tmp_path: Path) -> None:
    shown = blocks(page)
    programs = [block.text for block in shown if block.language == "python"]
    printed = [block.text for block in shown if block.language == "text"]
    finished = subprocess.run(
        [sys.executable, "-c", "\n".join(programs)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert words(finished.stdout) == words("\n".join(printed))


@pytest.mark.parametrize(("command", "shown"), [*decode_examples()])
def test_a_decode_command_prints_what_the_page_shows(command: str, shown: str) -> None:
    arguments = shlex.split(command.removeprefix(".venv/bin/mbus "))
    finished = subprocess.run(
        [sys.executable, "-m", "mbusio.cli", *arguments], capture_output=True, text=True, check=False
    )
    if "--json" in arguments:
        assert json.loads(finished.stdout) == json.loads(shown)
    else:
        assert words(finished.stdout + finished.stderr) == words(shown)


@pytest.mark.parametrize(
    "page", ["README.md", *(f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md"))]
)
def test_a_page_is_narrow_enough_and_its_links_lead_somewhere(page: str) -> None:
    text = (PROJECT / page).read_text("utf-8")
    wide = [line for line in text.splitlines() if len(line) > WIDEST]
    assert not wide
    targets = [part.partition(")")[0].partition("#")[0] for part in text.split("](")[1:]]
    gone = [
        target
        for target in targets
        if target and "://" not in target and not ((PROJECT / page).parent / target).exists()
    ]
    assert not gone
