"""Programs that nobody here wrote read the simulated bus, through the gateway and straight over a pty."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.needs import shared_telegrams
from support.peers import SIX_METERS, TIMEOUT, Job, Peer, libmbus, pymeterbus
from support.system import running

pytestmark = [pytest.mark.peers, pytest.mark.process, pytest.mark.timeout(400)]

SECONDARY = {
    "nzr_dhz_5_63": "30100608523B0102",
    "EFE_Engelmann-WaterStar": "04990254C5140006",
    "SLB_CF-Compact-Integral-MK-MaXX": "11817314824D0604",
    "elv_temp_humid": "5400083496153200",
    "kamstrup_382_005": "148391202D2C0102",
    "sen_pollucom_e": "63940045AE4C0804",
}
ALL = sorted(SECONDARY.values())
READS: list[Job] = [["read", 11], ["read", 5], ["read", 0], ["read", ALL[-1]]]
LIBMBUS_JOBS: list[Job] = [["scan"], *READS, ["read", 120]]
PYMETERBUS_JOBS: list[Job] = [["search"], ["ping", 120], ["ping", 249], *READS, ["read", 120], *READS, *READS]


@pytest.fixture(scope="module")
def six_meters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("six")
    for name in SIX_METERS:
        shutil.copy(shared_telegrams() / "good" / f"{name}.hex", folder)
    return folder


@contextmanager
def gateway(meters: Path) -> Iterator[int]:
    options = ("--meters", "0", "--replay", meters, "--baud", "9600", "--no-head-end", "--json")
    with running("mbusmaster", "demo", *options) as demo:
        yield int(demo.offers["tcp"].rpartition(":")[2])


def _libmbus(port: int) -> Peer:
    return libmbus({"host": "127.0.0.1", "port": port, "timeout": int(TIMEOUT * 1000)}, LIBMBUS_JOBS)


def _pymeterbus(port: int) -> Peer:
    return pymeterbus(f"socket://127.0.0.1:{port}", PYMETERBUS_JOBS)


def test_two_programs_at_once_get_what_each_gets_alone(six_meters: Path) -> None:
    with gateway(six_meters) as one, gateway(six_meters) as another:
        # Each has a bus for itself, at the same time: nearly all of it is waiting for meters that are not there.
        alone = _libmbus(one), _pymeterbus(another)
        libmbus_alone, pymeterbus_alone = alone[0].results(), alone[1].results()
        both = _libmbus(one), _pymeterbus(one)
        assert (both[0].results(), both[1].results()) == (libmbus_alone, pymeterbus_alone)
    assert sorted(libmbus_alone['["scan"]']) == ALL
    assert sorted(pymeterbus_alone['["search"]']) == ALL
    assert (pymeterbus_alone['["ping", 120]'], pymeterbus_alone['["ping", 249]']) == (True, False)
    assert all(isinstance(answer, dict | list | bool) for answer in libmbus_alone.values()), libmbus_alone


@pytest.fixture
def pty(six_meters: Path, tmp_path: Path) -> Iterator[str]:
    link = tmp_path / "bus"
    with running(
        "mbussim", "serve", "--meters", "0", "--replay", six_meters, "--pty", link, "--speed", "fast"
    ):
        yield str(link)


def test_libmbus_scans_and_reads_over_the_simulated_serial_line(pty: str) -> None:
    results = libmbus({"serialPort": pty, "serialBaudRate": 9600}, [["scan"], ["read", 120]]).results()
    assert sorted(results['["scan"]']) == ALL
    assert _identification(results['["read", 120]']) == 14839120


def test_pymeterbus_searches_pings_and_reads_over_the_simulated_serial_line(pty: str) -> None:
    results = pymeterbus(pty, [["search"], ["ping", 120], ["read", 120]]).results()
    assert sorted(results['["search"]']) == ALL
    assert results['["ping", 120]'] is True
    assert results['["read", 120]']["header"]["manufacturer"] == "KAM"


def _identification(answer: dict[str, Any]) -> int:
    return int(answer["SlaveInformation"]["Id"])
