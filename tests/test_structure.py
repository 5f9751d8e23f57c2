"""The cut of the project: who may import whom, and what a user relies on."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.needs import PROJECT

SOURCE = PROJECT / "src"
NEEDS_NO_WORD = {"__init__.py", "__main__.py", "errors.py"}


def test_a_package_that_lists_its_modules_lists_all_of_them_and_no_others() -> None:
    wrong = {}
    for package in SOURCE.rglob("__init__.py"):
        listed = set(re.findall(r"\b(\w+\.py)\b", ast.get_docstring(ast.parse(package.read_text())) or ""))
        there = {file.name for file in package.parent.glob("*.py")}
        if listed and listed - there | there - listed - NEEDS_NO_WORD:
            wrong[str(package.parent.relative_to(SOURCE))] = (listed - there, there - listed - NEEDS_NO_WORD)
    assert not wrong, "(not there, not listed)"


def test_no_import_points_up_or_across() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout


def test_the_protocol_library_imports_nothing_beyond_the_standard_library() -> None:
    code = (
        "import sys, pkgutil, importlib, mbus\n"
        "for module in pkgutil.walk_packages(mbus.__path__, 'mbus.'): importlib.import_module(module.name)\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "third = {t for t in tops if t not in sys.stdlib_module_names and not t.startswith(('_', 'mbus'))}\n"
        "doors = tops & {'socket', 'asyncio', 'serial', 'serialx', 'ssl', 'subprocess'}\n"
        "print(sorted(third | doors))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


@pytest.mark.process
def test_a_head_end_on_one_machine_imports_nothing_that_only_a_big_one_needs(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").touch()
    places = ["--config", str(tmp_path / "settings.toml"), "--state", str(tmp_path / "state")]
    listens = ["--listen", "127.0.0.1:0", "--web-listen", "http://127.0.0.1:0"]
    code = (
        "import sys\n"
        "from mbusheadend.cli import main\n"
        "status = main(sys.argv[1:])\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "print(status, sorted(tops & {'psycopg', 'nats', 'pyarrow', 'numpy', 'pandas'}))"
    )
    command = [sys.executable, "-c", code, "serve", "--json", *places, *listens]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("{"), "it is ready"
        finally:
            process.terminate()
        assert process.stdout.read().strip() == "0 []"
