"""The update server, asked by a program of its own, as it is and as it should not be."""

import asyncio
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mbusmaster.helper.protocol import Request, request_line
from mbusmaster.settings.schema import FirmwareSettings
from mbusmaster.system import update_child
from mbusmaster.system.update import UpdateStatus
from mbusmaster.system.update_server import TOO_SLOW, Offered, Patience, ServerError, UpdateServer
from mbusmaster.system.update_source import UpdateSource
from mbusreleases.errors import EXPIRED, SERVER_LACKS, WRONG_ROOT
from support.certificates import Authority, self_signed
from support.releases import ReleaseMaker
from support.settled import settled
from support.updates import updating
from support.updateserver import Manner, UpdateSite, update_site

pytestmark = pytest.mark.process

SHORT = Patience(answer=0.5, progress=10, whole=60)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> ReleaseMaker:
    maker = ReleaseMaker(tmp_path_factory.mktemp("made"), now=datetime.now(UTC).replace(microsecond=0))
    maker.good(42)
    return maker


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def site(made: ReleaseMaker, authority: Authority) -> Iterator[UpdateSite]:
    with update_site(made.server, authority.issue("updates")) as site:
        yield site


class Device:
    """A master that asks."""

    def __init__(
        self, folder: Path, made: ReleaseMaker, authority: Authority, patience: Patience = SHORT
    ) -> None:
        self.spool = folder / "spool"
        self.server = UpdateServer(folder / "store", self.spool, made.root, patience=patience)
        self.ca_file: Path | None = authority.pem
        self.told: list[tuple[str, int]] = []

    async def ask(self, url: str, *, installed: int = 41, fetch: bool = True) -> Offered:
        return await self.server.ask(
            UpdateSource(url, self.ca_file),
            installed=installed,
            fetch=fetch,
            told=lambda release, percent: self.told.append((release, percent)),
        )

    async def refusal(self, url: str) -> str:
        with pytest.raises(ServerError) as refused:
            await self.ask(url)
        assert not list(self.spool.glob("*"))
        return refused.value.text.template


@pytest.fixture
def device(tmp_path: Path, made: ReleaseMaker, authority: Authority) -> Device:
    return Device(tmp_path, made, authority)


async def test_a_newer_release_is_fetched_as_a_file_that_holds_all_that_proves_it(
    device: Device, site: UpdateSite
) -> None:
    offered = await device.ask(site.url)
    assert offered == Offered(42, "MBMC2022_release_0042.tar")
    assert [path.name for path in device.spool.iterdir()] == [offered.file]
    assert device.told[-1] == ("42", 100)


async def test_what_is_installed_is_not_fetched_again_and_nothing_is_fetched_that_is_not_wanted(
    device: Device, site: UpdateSite
) -> None:
    assert await device.ask(site.url, installed=42) == Offered(42)
    assert await device.ask(site.url, fetch=False) == Offered(42)
    assert not list(device.spool.glob("*"))
    assert not [path for path in site.asked if "/targets/" in path]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        (Manner.STALLS, update_child.SILENT),
        (Manner.MISSING, SERVER_LACKS),
        (Manner.REDIRECTS, update_child.REDIRECTS),
        (Manner.BROKEN, update_child.STATUS),
        (Manner.NO_HTTP, update_child.NOT_HTTP),
        (Manner.DRIPS, update_child.SILENT),
    ],
)
async def test_a_bad_server_is_left_with_a_reason(
    device: Device, site: UpdateSite, manner: Manner, reason: str
) -> None:
    site.manner = manner
    assert await device.refusal(site.url) == reason


async def test_a_server_that_sends_without_end_is_left(device: Device, site: UpdateSite) -> None:
    site.manner = Manner.ENDLESS
    assert await device.refusal(site.url)
    assert sum(path.stat().st_size for path in device.spool.parent.rglob("*") if path.is_file()) < 1_000_000


async def test_a_server_that_makes_no_progress_is_left_with_its_program(
    tmp_path: Path, made: ReleaseMaker, authority: Authority, site: UpdateSite
) -> None:
    site.manner = Manner.STALLS
    device = Device(tmp_path, made, authority, Patience(answer=60, progress=0.5, whole=60))
    assert await device.refusal(site.url) == TOO_SLOW


async def test_a_server_with_a_bad_certificate_is_not_believed(
    device: Device, made: ReleaseMaker, tmp_path: Path
) -> None:
    with update_site(made.server, self_signed(tmp_path, "stranger")) as site:
        assert await device.refusal(site.url) == update_child.BAD_CERTIFICATE
        assert not site.asked


async def test_a_server_that_cannot_be_reached_says_so(device: Device, site: UpdateSite) -> None:
    assert await device.refusal("https://127.0.0.1:1") == update_child.UNREACHABLE
    device.ca_file = Path("/nonexistent")
    assert await device.refusal(site.url) == update_child.NO_CA_FILE


async def test_metadata_that_expired_or_whose_keys_nobody_signed_is_refused(
    device: Device, made: ReleaseMaker, authority: Authority, tmp_path: Path
) -> None:
    old = ReleaseMaker(tmp_path / "old", now=datetime(2024, 1, 1, tzinfo=UTC))
    old.good(50)
    with update_site(old.server, authority.issue("old")) as site:
        device.server = UpdateServer(tmp_path / "other", device.spool, old.root, patience=SHORT)
        assert await device.refusal(site.url) == EXPIRED
    other = ReleaseMaker(tmp_path / "evil", now=made.now)
    other.rotated(50)
    stolen = tmp_path / "stolen"
    shutil.copytree(other.server, stolen)
    with update_site(stolen, authority.issue("evil")) as site:
        device.server = UpdateServer(tmp_path / "third", device.spool, made.root, patience=SHORT)
        assert await device.refusal(site.url) == WRONG_ROOT


async def test_a_question_that_is_given_up_leaves_no_program(device: Device, site: UpdateSite) -> None:
    site.manner = Manner.STALLS
    task = asyncio.create_task(device.ask(site.url))
    await asyncio.to_thread(site.was_asked.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_lies_in_the_folder_of_the_gateway_is_no_part_of_the_program_that_asks(
    tmp_path: Path, device: Device, site: UpdateSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tuf.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    assert (await device.ask(site.url)).release == 42


async def test_a_disk_that_refuses_meanwhile_is_no_more_than_a_server_that_was_not_reached(
    device: Device, site: UpdateSite
) -> None:
    site.manner = Manner.STALLS
    task = asyncio.create_task(device.ask(site.url))
    await asyncio.to_thread(site.was_asked.wait)
    device.spool.rmdir()
    device.spool.touch()
    with pytest.raises(ServerError):
        await task
    device.spool.unlink()


async def test_a_release_of_the_server_is_checked_again_by_the_helper_and_installed(
    tmp_path: Path, made: ReleaseMaker, authority: Authority, site: UpdateSite
) -> None:
    async with updating(tmp_path, made) as gateway:
        gateway.settings = FirmwareSettings(server=site.url, ca_file=authority.pem)
        await gateway.service.check()
        await settled(lambda: gateway.service.state.server.waiting == "0042")
        assert gateway.service.state.server_reached
        await gateway.service.install_offered()
        assert await gateway.ended() is UpdateStatus.INSTALLED
        gateway.machine.start()
        assert gateway.machine.runs() == "release 42"
    assert not list((tmp_path / "fetched").glob("*"))


async def test_the_program_ends_when_whoever_asked_is_gone(
    tmp_path: Path, made: ReleaseMaker, authority: Authority, site: UpdateSite
) -> None:
    site.manner = Manner.STALLS
    arguments = {
        **UpdateSource(site.url, authority.pem).arguments(),
        "root": str(made.root),
        "store": str(tmp_path / "store"),
        "folder": str(tmp_path),
        "installed": 1,
        "fetch": True,
        "images": False,
        "timeout": 60,
    }
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mbusmaster.system.update_child", stdin=pipe, stdout=pipe
    )
    said, _ = await child.communicate(request_line(Request(update_child.VERB, arguments)))
    assert (child.returncode, said) == (1, b"")
