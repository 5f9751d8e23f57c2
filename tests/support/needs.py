"""What a test needs from the machine: absent, it is skipped here and a failure in CI."""

import os
import shutil
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SHARED = PROJECT.parent / "shared"


def missing(reason: str) -> None:
    """Skip the running test for a stated reason; fail it where `CI` is set, so that nothing goes unnoticed there."""
    if os.environ.get("CI"):
        pytest.fail(f"in CI this must be there: {reason}")
    pytest.skip(reason)


def shared_telegrams() -> Path:
    """Give the folder of recorded telegrams that lies beside the project."""
    folder = SHARED / "telegrams"
    if not folder.is_dir():
        missing(f"no recorded telegrams at {folder}")
    return folder


def program(name: str, package: str) -> str:
    """Give the path of an executable that comes with a Debian package."""
    path = shutil.which(name)
    if path is None:
        missing(f"{name} is not installed (Debian package {package})")
        raise AssertionError("unreachable")
    return path
