import doctest
import subprocess
import sys

import pytest

import mbus
from mbus import errors


def test_the_example_of_the_package_is_true() -> None:
    assert doctest.testmod(mbus) == doctest.TestResults(failed=0, attempted=3)


@pytest.mark.parametrize("name", mbus.__all__)
def test_every_name_of_the_package_is_the_one_of_its_module(name: str) -> None:
    value = getattr(mbus, name)
    home = getattr(value, "__module__", "")
    assert home.startswith("mbus.") or name == "Frame"
    assert name in dir(mbus)


def test_every_error_is_a_name_of_the_package() -> None:
    for name, value in vars(errors).items():
        if isinstance(value, type):
            assert getattr(mbus, name) is value


def test_another_name_is_no_name_of_the_package() -> None:
    assert not hasattr(mbus, "decode_everything")


def test_the_package_loads_nothing_before_it_is_asked_for() -> None:
    code = "import sys, mbus; print([name for name in sys.modules if name.startswith('mbus.')])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
