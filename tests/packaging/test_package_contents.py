"""What is in the package."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from support.needs import PROJECT, program

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]

PLACE = "usr/lib/mbusmaster"


def files(tree: Path) -> list[Path]:
    return [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]


def test_all_belongs_to_root_and_nobody_else_may_write_it(package: Path) -> None:
    listing = subprocess.run(
        ["dpkg-deb", "--contents", package], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert {line.split()[1] for line in listing} == {"root/root"}
    assert {line.split()[0] for line in listing} <= {"drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx"}


def test_no_file_names_where_it_was_built(tree: Path, package: Path) -> None:
    places = [str(PROJECT).encode(), str(package.parent).encode(), b"/tree/usr/lib/mbusmaster"]
    named = [str(path) for path in files(tree) if any(place in path.read_bytes() for place in places)]
    assert named == []


def test_commands_run_the_python_of_their_own_environment(tree: Path) -> None:
    for name in ("mbus", "mbussim", "mbusmaster"):
        first = (tree / PLACE / "bin" / name).read_bytes().splitlines()[0]
        assert first == b"#!/usr/lib/mbusmaster/bin/python"
    assert os.readlink(tree / PLACE / "bin/python") == "/usr/bin/python3"
    assert "home = /usr/bin\n" in (tree / PLACE / "pyvenv.cfg").read_text()


def test_neither_installers_nor_tests_nor_caches_are_inside(tree: Path) -> None:
    names = {path.name for path in (tree / PLACE / "lib/python3.11/site-packages").iterdir()}
    assert not names & {"pip", "setuptools", "wheel", "pytest", "tests"}
    inside = {path.name for path in (tree / PLACE).rglob("*")}
    assert not inside & {"tests", "direct_url.json", "uv_cache.json", "activate"}


def test_every_module_has_its_bytecode(tree: Path) -> None:
    modules = list((tree / PLACE).rglob("*.py"))
    assert len(modules) > 500
    for module in modules:
        assert (module.parent / "__pycache__" / f"{module.stem}.cpython-311.pyc").is_file(), module


def test_it_says_which_release_it_is_and_when_it_was_made(tree: Path) -> None:
    about = json.loads((tree / "usr/share/mbusmaster/release.json").read_text())
    assert about["release"] == 7
    assert about["date"] == "2026-11-23T00:00:00Z"
    made = tree / PLACE / "lib/python3.11/site-packages/mbusmaster/release-date"
    assert made.read_text() == "2026-11-23T00:00:00+00:00\n"


def test_no_file_of_the_settings_is_one_that_dpkg_asks_about(tree: Path) -> None:
    assert (tree / "DEBIAN/conffiles").read_text().splitlines() == ["/etc/apparmor.d/mbusmaster-time"]
    assert not (tree / "etc/mbusmaster").exists()


def test_the_licence_of_each_package_of_others_is_named(tree: Path) -> None:
    said = (tree / "usr/share/doc/mbusmaster/copyright").read_text()
    for name in ("cryptography", "uvloop", "pydantic", "zeroconf", "tuf"):
        assert re.search(rf"^ {name} [0-9.]+: \S", said, re.MULTILINE), name


def test_lintian_finds_nothing(package: Path) -> None:
    lintian = program("lintian", "lintian")
    done = subprocess.run(
        [lintian, "--allow-root", "--tag-display-limit", "0", package],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""


def test_dhcp_offers_addresses_and_no_way_out(tree: Path) -> None:
    settings = (tree / "usr/share/mbusmaster/setup-dhcp.conf").read_text().splitlines()
    assert {"dhcp-option=3", "dhcp-option=6", "port=0", "interface=usb0"} <= set(settings)


@pytest.mark.parametrize(
    "arguments", [[], ["--release", "seven", "out"], ["--root", "nowhere", "out"], ["a", "b"]]
)
def test_wrong_arguments_build_nothing(arguments: list[str], tmp_path: Path) -> None:
    command = [str(PROJECT / "packaging/build-deb.sh"), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("build-deb.sh: ")
    assert list(tmp_path.iterdir()) == []
