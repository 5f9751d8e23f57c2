"""The package, built once in a run of tests, and its life on a machine that is gone afterwards."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.needs import PROJECT, missing

HERE = Path(__file__).parent
EPOCH = "1795392000"
RELEASE = 7


@contextmanager
def once(folder: Path) -> Iterator[None]:
    """Let one of the processes that run tests work in a folder at a time."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def shared(factory: pytest.TempPathFactory) -> Path:
    """Give the folder that all processes of this run of tests have."""
    base = factory.getbasetemp()
    return (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "package"


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as a file."""
    if not Path("/usr/lib/python3.11").is_dir() or shutil.which("dpkg-deb") is None:
        missing("the package is for Debian 12 and is built there")
    folder = shared(tmp_path_factory)
    with once(folder):
        if not list(folder.glob("*.deb")):
            command = [str(PROJECT / "packaging/build-deb.sh"), "--release", str(RELEASE), str(folder)]
            subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH})
        return next(folder.glob("*.deb"))


@pytest.fixture(scope="session")
def tree(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, unpacked."""
    folder = tmp_path_factory.mktemp("tree")
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
    return folder


@pytest.fixture(scope="session")
def life(package: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What was printed in each part of the package's life: installed, used, installed again, removed, purged."""
    if os.geteuid() != 0:
        missing("only root installs a package")
    result = package.parent / "life.json"
    with once(package.parent):
        if not result.exists():
            result.write_text(json.dumps(_live(package, tmp_path_factory.mktemp("life"))))
    known: dict[str, list[str]] = json.loads(result.read_text())
    return known


def _live(package: Path, folder: Path) -> dict[str, list[str]]:
    for file in (package, *(HERE / name for name in ("life.sh", "imports.py", "first_run.py"))):
        shutil.copy(file, folder)
    (folder / "installed").touch()
    (folder / "fake").mkdir()
    (folder / "fake/sleep").write_text('#!/bin/sh\necho "pause $1"\n')
    (folder / "fake/sleep").chmod(0o755)
    script = ["sh", str(HERE / "throwaway-root.sh"), str(folder), "life.sh"]
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", *script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    parts: dict[str, list[str]] = {}
    lines = parts.setdefault("", [])
    for line in done.stdout.splitlines():
        if line.startswith("== "):
            lines = parts.setdefault(line.removeprefix("== "), [])
        else:
            lines.append(line)
    if "end" not in parts:
        pytest.fail(f"the package's life broke off:\n{done.stdout}")
    return parts
