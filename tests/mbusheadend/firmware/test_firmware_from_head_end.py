"""A gateway's updater finds and fetches releases from a real head-end over TLS, known by the certificate of its enrolment."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mbusheadend.firmware import Shelf
from mbusheadend.firmware.overview import firmware_overview
from mbushosting.firmware import FIRMWARE
from mbusmaster.head_end import source_at
from mbusmaster.hosting.places import Proxy, read_proxy
from mbusmaster.system import update_child
from mbusmaster.system.update import UpdateStatus
from mbusmaster.system.update_source import NOBODY, UpdateSource
from support.headend import Site, call, running
from support.hosted_web import hosted_web
from support.proxy import proxied
from support.releases import ReleaseMaker
from support.settled import settled
from support.updates import Updating, updating

pytestmark = pytest.mark.process

SERIAL = "M1"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path) as site:
        await site.enrol(SERIAL)
        yield site


@pytest.fixture
def maker(tmp_path: Path) -> ReleaseMaker:
    return ReleaseMaker(tmp_path / "made", now=datetime.now(UTC).replace(microsecond=0))


def shelf_of(site: Site) -> Shelf:
    return Shelf(site.folder / "head-end")


def source(site: Site, proxy: Proxy | None = None) -> UpdateSource:
    enrolled = site.credentials(SERIAL).load()
    assert enrolled is not None
    return source_at(enrolled, site.folder / SERIAL, proxy)


async def checked(gateway: Updating) -> None:
    """Ask, and wait for what comes of it."""
    last = gateway.service.state.server.last
    await gateway.service.check()
    await settled(lambda: gateway.service.state.server.last not in (last, None))


async def test_an_enrolled_master_finds_fetches_and_installs_what_its_head_end_offers(
    tmp_path: Path, site: Site, maker: ReleaseMaker
) -> None:
    await asyncio.to_thread(shelf_of(site).add, maker.good(42), site.clock(), root=maker.root)
    async with updating(tmp_path, maker) as gateway:
        gateway.head_end = source(site)
        await checked(gateway)
        assert gateway.service.state.server.waiting == "0042"
        assert gateway.service.state.server_reached
        await gateway.service.install_offered()
        assert await gateway.ended() is UpdateStatus.INSTALLED
        gateway.machine.start()
        assert gateway.machine.runs() == "release 42"


async def test_a_head_end_that_offers_nothing_is_reached_all_the_same(
    tmp_path: Path, site: Site, maker: ReleaseMaker
) -> None:
    async with updating(tmp_path, maker) as gateway:
        gateway.head_end = source(site)
        await checked(gateway)
        last = gateway.service.state.server.last
        assert last is not None
        assert (last.reached, last.offers) == (True, "")


async def test_a_release_goes_first_to_the_groups_that_were_chosen(
    tmp_path: Path, site: Site, maker: ReleaseMaker
) -> None:
    shelf = shelf_of(site)
    shelf.add(maker.good(42), site.clock(), root=maker.root)
    shelf.add(maker.good(43), site.clock(), groups=["pilot"])
    await site.store.note_contact(SERIAL, call(SERIAL, release="0042"), site.clock())
    async with updating(tmp_path, maker) as gateway:
        gateway.settings = gateway.settings.model_copy(update={"automatic": False})
        gateway.head_end = source(site)
        await checked(gateway)
        assert gateway.service.state.server.last is not None
        assert gateway.service.state.server.last.offers == "0042"
        await site.store.set_master(SERIAL, name="", groups=["pilot"])
        await checked(gateway)
        assert gateway.service.state.server.last.offers == "0043"
    overview = await firmware_overview(site.store, shelf, site.clock())
    assert (overview.groups, overview.count(42)) == (("pilot",), 1)
    (one,) = overview.masters
    assert one.is_behind


async def test_a_master_that_is_trusted_no_more_gets_nothing_and_says_so(
    tmp_path: Path, site: Site, maker: ReleaseMaker
) -> None:
    shelf_of(site).add(maker.good(42), site.clock(), root=maker.root)
    await site.store.revoke_master(SERIAL, site.clock())
    async with updating(tmp_path, maker) as gateway:
        gateway.head_end = source(site)
        await checked(gateway)
        last = gateway.service.state.server.last
        assert last is not None
        assert (last.reached, last.problem.template) == (False, update_child.STATUS)
    async with site.client() as stranger:
        assert (await stranger.get(f"{FIRMWARE}/metadata/timestamp.json")).status_code == 403


async def test_it_is_fetched_through_the_proxy_that_hosting_uses(
    tmp_path: Path, site: Site, maker: ReleaseMaker
) -> None:
    shelf_of(site).add(maker.good(42), site.clock(), root=maker.root)
    header = "proxy-authorization: Basic YW5uYTpzZWNyZXQ="
    async with updating(tmp_path, maker) as gateway, proxied(header) as between:
        gateway.head_end = source(site, read_proxy(between.url.replace("//", "//anna:secret@")))
        await checked(gateway)
        assert gateway.service.state.server.waiting == "0042"
        assert {line.rpartition(" ")[0] for line in between.asked} == {f"CONNECT 127.0.0.1:{site.port}"}


async def test_the_head_end_is_asked_while_hosting_is_on_and_the_master_is_enrolled(
    tmp_path: Path, site: Site
) -> None:
    folder = tmp_path / "gateway"
    folder.mkdir()
    async with hosted_web(folder) as (client, hosted):
        assert hosted.update_source == NOBODY
        await hosted.enrol(site.url, await site.token())
        assert hosted.update_source == NOBODY
        client.services.settings.change({"hosting.enabled": True})
        asked = hosted.update_source
        assert (asked.url, asked.is_head_end) == (f"{site.url}{FIRMWARE}", True)
        assert asked.authority.encode() == site.authority_pem
        await hosted.leave()
        assert hosted.update_source == NOBODY


async def test_only_files_of_releases_are_served(site: Site, maker: ReleaseMaker) -> None:
    held = shelf_of(site).add(maker.good(42), site.clock(), root=maker.root)
    async with site.client(SERIAL) as client:
        answer = await client.get(f"{FIRMWARE}/metadata/timestamp.json")
        assert json.loads(answer.content)["signed"]["_type"] == "timestamp"
        for path in ("metadata/..%2fheld.json", "metadata/held.json", "targets/x", "held.json", "metadata/"):
            assert (await client.get(f"{FIRMWARE}/{path}")).status_code in (404, 405)
    assert held.number == 42
