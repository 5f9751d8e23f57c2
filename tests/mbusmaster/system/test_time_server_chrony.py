"""The time service with a real chronyd on both ends."""

import html
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mbusmaster.system import time_texts as texts
from mbusmaster.system.chronyd import Chronyd
from mbusmaster.system.clock import ClockBelief, ClockChange, ClockQuality, TimeStatus
from mbusmaster.system.time_keeper import TimeKeeper
from mbusmaster.system.time_memory import TimeMemory
from support.certificates import DAY, Authority
from support.timeservers import OPTIONS, Watched, time_servers, watching
from support.web import web_client


async def on_page(folder: Path, watched: Watched) -> str:
    """Give what the status page says of the time server, as text."""
    (folder / "pages").mkdir(exist_ok=True)
    async with web_client(folder / "pages", time=watched) as client:
        page = (await client.show("/status")).text
    row = re.search(r'<tr data-field="time_server_status">.*?<td>(.*?)</td>', page, re.DOTALL)
    assert row is not None
    return html.unescape(re.sub("<[^>]+>", "", row[1]))


pytestmark = pytest.mark.peers
TAKEN = TimeStatus.AUTHENTICATED


async def test_a_server_with_a_good_certificate_is_followed_and_its_offset_is_told(tmp_path: Path) -> None:
    with time_servers(tmp_path) as (server, service, authority):
        server.start(authority.issue("server"))
        async with watching(service, server) as watched:
            state = await watched.until(TAKEN)
            assert (state.server, state.is_reached, state.reason.template) == ("127.0.0.1", True, "")
            assert state.offset is not None
            assert abs(state.offset) < 1
            assert (await on_page(tmp_path, watched)).startswith("Synchronised, authenticated The clock is ")


async def test_a_clock_behind_the_server_has_a_negative_offset(tmp_path: Path) -> None:
    with time_servers(tmp_path) as (server, service, authority):
        server.start(authority.issue("server"))
        # chronyd takes the server for half a second ahead of what it says (chrony.conf(5), offset).
        async with watching(service, server, options=f"{OPTIONS} offset 0.5") as watched:
            state = await watched.states.until(lambda one: one.status is TAKEN and bool(one.offset))
            assert state.offset == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize(
    ("name", "end", "template"),
    [("127.0.0.1", -DAY / 2, texts.EXPIRED), ("127.0.0.2", DAY, texts.WRONG_NAME)],
    ids=["expired", "wrong name"],
)
async def test_a_certificate_that_does_not_hold_is_told_and_no_time_is_taken(
    tmp_path: Path, name: str, end: timedelta, template: str
) -> None:
    with time_servers(tmp_path) as (server, service, authority):
        server.start(authority.issue("server", end=end))
        async with watching(service, server, name) as watched:
            state = await watched.until(TimeStatus.NOT_AUTHENTICATED)
            assert (state.reason.template, state.offset) == (template, None)
            assert await on_page(tmp_path, watched) == f"Not authenticated {state.reason}"
            assert name in str(state.reason)
            assert TAKEN not in watched.states.seen


async def test_an_authority_that_nobody_knows_is_told_and_counts_once_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    with time_servers(tmp_path) as (server, service, _authority):
        server.start(other.issue("server"))
        async with watching(service, server) as watched:
            state = await watched.until(TimeStatus.NOT_AUTHENTICATED)
            assert state.reason.template == texts.UNKNOWN_AUTHORITY
            assert await on_page(tmp_path, watched) == f"Not authenticated {state.reason}"
            service.trust(other)
            await watched.until(TAKEN)


async def test_a_server_that_goes_is_unreachable_and_one_that_comes_back_is_followed(tmp_path: Path) -> None:
    with time_servers(tmp_path) as (server, service, authority):
        pem = authority.issue("server")
        server.start(pem)
        async with watching(service, server) as watched:
            await watched.until(TAKEN)
            server.stop()
            state = await watched.until(TimeStatus.UNREACHABLE)
            assert state.reason.template == texts.CLOSED
            assert await on_page(tmp_path, watched) == f"Not reachable {state.reason}"
            assert not state.is_reached
            server.start(pem)
            await watched.until(TAKEN)


async def test_a_server_that_hands_out_keys_but_no_time_is_unreachable(tmp_path: Path) -> None:
    with time_servers(tmp_path) as (server, service, authority):
        server.start(authority.issue("server"), gives_time=False)
        async with watching(service, server) as watched:
            state = await watched.until(TimeStatus.UNREACHABLE)
            assert state.reason.template == texts.NO_TIME
            assert await on_page(tmp_path, watched) == f"Not reachable {state.reason}"
            assert str(server.port) in str(state.reason)


async def test_a_repaired_server_is_followed_soon_although_it_has_failed_before(tmp_path: Path) -> None:
    with time_servers(tmp_path) as (server, service, authority):
        server.start(authority.issue("expired", end=-DAY / 2))
        async with watching(service, server) as watched:
            await watched.until(TimeStatus.NOT_AUTHENTICATED)
            server.stop()
            server.start(authority.issue("good"))
            await watched.until(TAKEN)


async def test_server_and_source_change_without_a_restart(tmp_path: Path) -> None:
    with time_servers(tmp_path) as (server, service, authority):
        server.start(authority.issue("server"))
        async with watching(service, server, "127.0.0.2") as watched:
            await watched.until(TimeStatus.NOT_AUTHENTICATED)
            watched.choose(server="localhost")
            state = await watched.until(TAKEN)
            assert state.server == "localhost"
            watched.choose(source="manual")
            await watched.until(TimeStatus.NOT_USED)
            assert await on_page(tmp_path, watched) == "Not used"
            assert Chronyd(service.run).source() == ""
            assert not (await Chronyd(service.run).facts()).has_address
            watched.choose(source="server", server=None, standard_server="127.0.0.1")
            assert (await watched.until(TAKEN)).server == "127.0.0.1"


async def test_a_time_service_that_ends_is_told_and_gets_its_server_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    with time_servers(tmp_path) as (server, service, authority):
        server.start(authority.issue("server"))
        async with watching(service, server) as watched:
            await watched.until(TAKEN)
            service.stop()
            state = await watched.until(TimeStatus.NOT_AVAILABLE)
            assert await on_page(tmp_path, watched) == f"Not available {state.reason}"
            (service.run / "sources.d" / "mbusmaster.sources").unlink()
            service.start()
            await watched.until(TAKEN)


async def test_without_a_folder_of_authorities_one_is_made_for_chronyd_fails_without(tmp_path: Path) -> None:
    with time_servers(tmp_path) as (server, service, authority):
        shutil.rmtree(service.authorities)
        server.start(authority.issue("server"))
        async with watching(service, server) as watched:
            state = await watched.until(TimeStatus.NOT_AUTHENTICATED)
            assert state.reason.template == texts.UNKNOWN_AUTHORITY
            service.trust(authority)
            await watched.until(TAKEN)


async def test_keeper_server_and_setter_work_together_as_the_gateway_wires_them(tmp_path: Path) -> None:
    with time_servers(tmp_path) as (server, service, authority):
        server.start(authority.issue("server"))
        now = datetime.now(UTC)
        keeper = TimeKeeper(TimeMemory(tmp_path), now=lambda: now, has_battery=False, boot="this")
        assert keeper.belief.is_doubtful or keeper.belief.quality is ClockQuality.SYSTEM
        async with watching(service, server, told=keeper.heard) as watched:
            keeper.watch(watched.time)
            await watched.until(TAKEN)
            assert keeper.belief == ClockBelief(ClockQuality.SYNCHRONISED, now.replace(microsecond=0))
            # Set while a server is followed: the server has the last word.
            keeper.was_set(ClockChange(now, now + timedelta(hours=1)))
            await watched.until(TAKEN)
            assert keeper.state.is_reached
            watched.choose(source="manual")
            await watched.until(TimeStatus.NOT_USED)
            assert keeper.state.status is TimeStatus.NOT_USED
            assert not keeper.belief.is_doubtful
