"""The machine for the device test: one Debian, one installed package, and the moments kept of both.

These tests run only where they are asked for, `pytest -m device tests/device` (`make test-device`): they take minutes.
"""

import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from device.image import image
from device.machine import Machine, Result
from device.pc import Pc
from device.product import Site, build_package, bus_of_meters, install
from device.release_files import ReleaseMaker

BARE, INSTALLED, COMMISSIONED = "bare", "installed", "commissioned"
FIRST_RELEASE = 100


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


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> ReleaseMaker:
    """Whoever makes releases, with keys that our package trusts."""
    return ReleaseMaker(tmp_path_factory.mktemp("releases"))


@pytest.fixture(scope="session")
def package(releases: ReleaseMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our package, built from here."""
    return build_package(tmp_path_factory.mktemp("package"), FIRST_RELEASE, root=releases.root)


@pytest.fixture(scope="session")
def installation(one_machine: Machine, package: Path) -> Result:
    """What apt said; the machine has the moment `INSTALLED`."""
    _at(one_machine, BARE)
    said = install(one_machine, package)
    one_machine.run("systemctl is-system-running --wait", seconds=120, check=False)
    one_machine.keep(INSTALLED)
    return said


@pytest.fixture(scope="session")
def commissioning(one_machine: Machine, installation: Result) -> tuple[str, dict[str, str]]:
    """Token of the first user and lease of the PC; the machine has the moment `COMMISSIONED`."""
    _at(one_machine, INSTALLED)
    pc = Pc(one_machine)
    lease = pc.plug()
    pc.make_first_user()
    bus_of_meters(one_machine)
    one_machine.keep(COMMISSIONED)
    return pc.token, lease


@pytest.fixture
def bare(one_machine: Machine) -> Machine:
    """A Debian that has booted."""
    return _at(one_machine, BARE)


@pytest.fixture
def installed(one_machine: Machine, installation: Result) -> Machine:
    """A Debian on which ours was installed a moment ago."""
    return _at(one_machine, INSTALLED)


@pytest.fixture
def site(one_machine: Machine, commissioning: tuple[str, dict[str, str]]) -> Site:
    """A device in use."""
    token, lease = commissioning
    pc = Pc(_at(one_machine, COMMISSIONED))
    pc.token = token
    return Site(one_machine, pc, lease)


def _at(machine: Machine, moment: str) -> Machine:
    machine.power_cut()
    machine.start(moment=moment)
    return machine


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what the machine says of itself."""
    report = yield
    if report.failed and isinstance(machine := getattr(item, "funcargs", {}).get("one_machine"), Machine):
        report.sections.append(("machine", machine.evidence()))
    return report
