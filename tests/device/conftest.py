"""The machine for the device test: one Debian, one installed package, and the moments kept of both.

These tests run only where they are asked for, `pytest -m device tests/device` (`make test-device`): they take minutes.
"""

import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from device.image import image
from device.machine import Machine

BARE = "bare"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--power-cuts", type=int, default=3, help="how often the power is cut (device test)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "device: drives a machine under qemu, for minutes")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the device test out of every other run."""
    return True if config.option.markexpr != "device" else None


@pytest.fixture(scope="session")
def one_machine() -> Iterator[Machine]:
    """The machine of all tests, with the moment `BARE`: Debian has booted, ours is not there."""
    with tempfile.TemporaryDirectory(prefix="dev") as folder, Machine(image(), Path(folder)) as machine:
        state = machine.boot()
        assert state == "running", machine.evidence()
        machine.keep(BARE)
        yield machine


@pytest.fixture
def bare(one_machine: Machine) -> Machine:
    """A Debian that has booted."""
    one_machine.power_cut()
    one_machine.start(moment=BARE)
    return one_machine


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what the machine says of itself."""
    report = yield
    if report.failed and isinstance(machine := getattr(item, "funcargs", {}).get("one_machine"), Machine):
        report.sections.append(("machine", machine.evidence()))
    return report
