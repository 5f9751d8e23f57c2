"""Local reading from a real gateway in front of a simulated bus, as processes: by TCP, by TLS and by its serial port."""

import csv
import hashlib
import io
import json
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

import pytest

from mbus.procedures.persistent import ReadOutcome
from mbusheadend.decoding.keys import Vault
from mbusheadend.jobs import Job, Jobs, JobState
from mbusheadend.local import (
    NO_CREDENTIALS,
    Credentials,
    add_master,
    delete_master,
    import_list,
    start_reading,
)
from mbusheadend.state import KEY_FILE
from mbusheadend.store import Store, UnknownError
from mbusheadend.store.postgres.store import PostgresStore
from mbushosting.readings import Outcome
from mbusio.listreading import Patience
from mbusmaster.channels.trust import Trust
from support.certificates import Authority
from support.postgres import shared_server
from support.site import Site, site
from support.system import running

pytestmark = pytest.mark.process

METERS = 5
CHANNELS = ("tcp", "tls", "serial")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("gateway"), meters=METERS) as made:
        yield made


@pytest.fixture
async def jobs() -> AsyncIterator[Jobs]:
    jobs = Jobs(_now)
    yield jobs
    await jobs.close()


def _now() -> datetime:
    return datetime.now(UTC)


def _list(gateway: Site) -> bytes:
    rows = [f"{one['secondary']},{one['primary']}" for one in gateway.offers["meters"]]
    return "\n".join(["secondary_address,primary_address", *rows, ""]).encode()


def _bundle(gateway: Site) -> bytes:
    return (gateway.folder / "client.pem").read_bytes() + (gateway.folder / "ca.pem").read_bytes()


def _pin(gateway: Site) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    pem = ssl.get_server_certificate(("127.0.0.1", gateway.ports["secured_tcp"]))
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def _url(gateway: Site, channel: str) -> str:
    if channel == "serial":
        return os.path.realpath(gateway.urls["serial"])
    return gateway.urls[channel].partition("?")[0]


async def _read(
    gateway: Site, store: Store, jobs: Jobs, url: str, credentials: Credentials = NO_CREDENTIALS
) -> tuple[str, Job]:
    serial = await add_master(store, name="cellar", url=url, now=_now(), credentials=credentials)
    await import_list(store, serial, _list(gateway), _now())
    job = start_reading(jobs, store, await store.master(serial), "ann", _now)
    await jobs.wait(job.id)
    return serial, job


@pytest.mark.parametrize("channel", CHANNELS)
async def test_every_meter_of_a_gateway_is_read_into_the_store(
    gateway: Site, store: Store, jobs: Jobs, channel: str
) -> None:
    credentials = Credentials(_bundle(gateway)) if channel == "tls" else NO_CREDENTIALS
    serial, job = await _read(gateway, store, jobs, _url(gateway, channel), credentials)
    assert (job.state, str(job.outcome)) == (JobState.DONE, f"All {METERS} meters were read")
    meters = await store.meters(serial)
    latest = await store.latest(meter.id for meter in meters)
    assert len(latest) == METERS
    for reading in latest.values():
        assert (reading.outcome, reading.baud, reading.attempts) == (Outcome.OK, 2400, 1)
        assert reading.telegrams
        assert any(telegram.values for telegram in reading.decoded)


async def test_a_gateway_with_a_pinned_certificate_is_read(
    gateway: Site, store: Store, jobs: Jobs, tmp_path: Path
) -> None:
    # The authority that is named has no part in it.
    client = Credentials(
        (gateway.folder / "client.pem").read_bytes(), authority=Authority(tmp_path).pem.read_bytes()
    )
    url = f"{_url(gateway, 'tls')}?fingerprint={_pin(gateway)}"
    _, job = await _read(gateway, store, jobs, url, client)
    assert job.state is JobState.DONE, job.outcome
    _, job = await _read(gateway, store, jobs, f"{url[:-4]}0000", client)
    assert job.state is JobState.FAILED
    assert "the certificate there is another one" in str(job.outcome)


async def test_one_process_is_told_the_keys_of_a_gateway_and_another_one_reads_it(
    gateway: Site, jobs: Jobs, tmp_path: Path
) -> None:
    url, states = shared_server().database(), (tmp_path / "one", tmp_path / "two")
    for state in states:
        state.mkdir()
        # What processes of one head-end have in common in their state folders.
        (state / KEY_FILE).write_bytes(bytes(range(32)))
    vaults = [Vault.from_file(state / KEY_FILE) for state in states]
    with (
        closing(PostgresStore(url, vault=vaults[0])) as told,
        closing(PostgresStore(url, vault=vaults[1])) as other,
    ):
        place, credentials = _url(gateway, "tls"), Credentials(_bundle(gateway))
        serial = await add_master(told, name="cellar", url=place, now=_now(), credentials=credentials)
        await import_list(told, serial, _list(gateway), _now())
        job = start_reading(jobs, other, await other.master(serial), "ann", _now)
        await jobs.wait(job.id)
        assert str(job.outcome) == f"All {METERS} meters were read"
        await delete_master(told, serial, _now())
        with pytest.raises(UnknownError):
            await other.local_keys(serial)
    assert {file.name for state in states for file in state.rglob("*")} == {KEY_FILE}


@pytest.mark.parametrize("form", ["pem", "pkcs12"])
async def test_the_bundle_that_a_gateway_gives_out_is_all_that_tls_needs(
    gateway: Site, store: Store, jobs: Jobs, form: str
) -> None:
    trust = Trust(gateway.state / "trust")
    issued = trust.issue(f"head-end {token_hex(4)}", "a long passphrase")
    trust.close()
    bundle = issued.pem() if form == "pem" else issued.pkcs12()
    credentials = Credentials(bundle, "a long passphrase")
    _, job = await _read(gateway, store, jobs, _url(gateway, "tls"), credentials)
    assert job.state is JobState.DONE, job.outcome


async def test_a_gateway_that_does_not_know_us_is_not_read(gateway: Site, store: Store, jobs: Jobs) -> None:
    authority = Credentials(authority=(gateway.folder / "ca.pem").read_bytes())
    serial, job = await _read(gateway, store, jobs, _url(gateway, "tls"), authority)
    assert job.state is JobState.FAILED
    assert "certificate" in str(job.outcome)
    assert await store.latest(meter.id for meter in await store.meters(serial)) == {}


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_terminal_reads_the_same_list_into_a_csv(gateway: Site, tmp_path: Path, channel: str) -> None:
    path = tmp_path / "meters.csv"
    path.write_bytes(_list(gateway))
    output = tmp_path / "readings.csv"
    done = gateway.mbus("read", gateway.urls[channel], str(path), "--csv", "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert [line.split("  ")[0] for line in done.stderr.splitlines()] == [
        f"{number} of {METERS}" for number in range(1, METERS + 1)
    ]
    rows = list(csv.DictReader(io.StringIO(output.read_text())))
    assert {row["secondary_address"] for row in rows} == {
        one["secondary"] for one in gateway.offers["meters"]
    }
    assert all(row["outcome"] == "ok" for row in rows)
    moment = datetime.fromisoformat(rows[0]["time"])
    assert abs(moment - _now()) < timedelta(days=1)


def test_a_meter_that_is_not_there_is_silent_by_the_word_of_the_gateway(
    gateway: Site, tmp_path: Path
) -> None:
    path = tmp_path / "meters.csv"
    path.write_bytes(b"secondary_address\n0000000155551234\n" + _list(gateway).splitlines()[1].split(b",")[0])
    done = gateway.mbus("read", gateway.urls["tcp"], str(path), "--json", "--retries", "1")
    assert done.returncode == 1
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["outcome"], first["attempts"], first["telegrams"]) == (ReadOutcome.SILENT, 2, [])
    assert second["outcome"] == ReadOutcome.OK


@pytest.fixture
def slow_meters(tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Serve meters that hear 9600 baud only, on a serial port."""
    link = tmp_path / "bus"
    arguments = ["--meters", "2", "--pty", str(link), "--baud", "9600", "--speed", "fast"]
    with running("mbussim", "serve", *arguments) as simulator:
        yield link.resolve(), [one["secondary"] for one in simulator.offers["meters"]]


async def test_on_a_serial_port_silent_meters_are_asked_at_other_rates(
    slow_meters: tuple[Path, list[str]], store: Store, jobs: Jobs
) -> None:
    port, addresses = slow_meters
    serial = await add_master(
        store, name="bus", url=str(port), now=_now(), patience=Patience(timeout=0.1, retries=0)
    )
    await import_list(store, serial, "\n".join(["secondary_address", *addresses]).encode(), _now())
    job = start_reading(jobs, store, await store.master(serial), "ann", _now)
    await jobs.wait(job.id)
    assert str(job.outcome) == "All 2 meters were read"
    latest = await store.latest(meter.id for meter in await store.meters(serial))
    assert [(one.baud, one.attempts) for one in latest.values()] == [(9600, 2), (9600, 2)]
