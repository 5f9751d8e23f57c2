"""The cut of the project: who may import whom, and what a user relies on."""

import subprocess
import sys
from pathlib import Path

from support.needs import PROJECT


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
