"""A head-end over loopback; masters are connections in the test's hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from mbushosting.contact import CommandKind
from mbushosting.tunnel import TUNNEL
from mbusio.errors import TransportClosedError, TransportOpenError
from mbusio.transport import Transport, open_transport
from mbusio.tunnel.end import TunnelEnd, TunnelEndedError
from mbusio.tunnel.streaming import RefusedError, Streaming
from mbusmaster.hosting.link_errors import HeadEndRefusedError
from support.headend import Site, call, running
from support.proxy import proxied
from support.tunnels import WEB, access_of, secret_of

OFFERS: dict[str, Any] = {"tunnel": "on", "buses": [{"name": "main", "state": "idle"}]}


@asynccontextmanager
async def head_end(folder: Path, **settings: Any) -> AsyncIterator[Site]:
    """Run one that knows M1 and M2."""
    async with running(folder, web_listen=WEB, **settings) as site:
        for serial in ("M1", "M2"):
            await site.enrol(serial)
        (folder / "token").write_text(await secret_of(access_of(site)))
        yield site


async def calls(site: Site, serial: str = "M1", **facts: Any) -> None:
    """Let a master call, as one that offers tunnels."""
    await site.store.note_contact(serial, call(serial, **{**OFFERS, **facts}), site.clock())


async def wanted(site: Site, serial: str = "M1") -> str:
    """Wait until a tunnel is ordered; give its id."""
    with site.store.changes.watch(serial) as news:
        async with asyncio.timeout(10):
            while True:
                news.clear()
                orders = await site.store.orders(serial, 0, "", site.clock())
                ids = [one.id for one in orders.commands if one.kind is CommandKind.TUNNEL]
                if ids:
                    return ids[0]
                await news.wait()


async def dial(site: Site, id: str, serial: str | None = "M1") -> TunnelEnd:
    """Dial as a master does. Raise `RefusedError`."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", site.port, ssl=site.context(serial), server_hostname="127.0.0.1"
    )
    streaming = Streaming(reader, writer)
    end = TunnelEnd(streaming)
    try:
        await streaming.ask("127.0.0.1", f"{TUNNEL}/{id}", {}, 20)
    except RefusedError:
        await end.close()
        raise
    end.start()
    await end.greet()
    return end


def asking(site: Site, more: str = "") -> asyncio.Task[Transport]:
    """Ask for a tunnel to M1."""
    place = site.head_end.web_url.removeprefix("http://")
    return asyncio.create_task(
        open_transport(f"hosted://{place}/M1{more}?tls=off&token-file={site.folder}/token")
    )


async def status(site: Site, id: str, serial: str | None) -> int:
    with pytest.raises(RefusedError) as error:
        await dial(site, id, serial)
    return error.value.status


async def test_only_the_master_that_is_meant_can_dial_and_only_once(tmp_path: Path) -> None:
    async with head_end(tmp_path) as site:
        await calls(site)
        opening = asking(site)
        id = await wanted(site)
        assert await status(site, id, "M2") == 404
        assert await status(site, id, None) == 403
        assert await status(site, "tunnel-other", "M1") == 404
        master = await dial(site, id)
        operator = await opening
        assert await status(site, id, "M1") == 409
        await operator.write(b"\x10\x5b\x01\x5c\x16")
        assert await master.read() == b"\x10\x5b\x01\x5c\x16"
        await master.write(b"\xe5")
        assert await operator.read() == b"\xe5"
        await operator.close()
        with pytest.raises(TunnelEndedError):
            await master.read()
        await master.close()
        async with asyncio.timeout(10):
            await site.head_end.tunnels._empty.wait()
        assert await status(site, id, "M1") == 404


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"tunnel": ""}, "knows no tunnels"),
        ({"tunnel": "off"}, "hosting.allow_tunnel is off"),
        ({"hosting": False}, "hosting is switched off"),
        ({"buses": []}, "has no bus main"),
        (None, "is not connected: it has never called"),
    ],
)
async def test_why_there_is_none_is_said_at_once(tmp_path: Path, facts: Any, why: str) -> None:
    async with head_end(tmp_path) as site:
        if facts is not None:
            await calls(site, **facts)
        with pytest.raises(TransportOpenError, match=why):
            await asking(site, "/main")
        assert not await site.head_end.tunnels.list("M1")


async def test_a_master_that_was_not_heard_for_long_is_not_waited_for(tmp_path: Path) -> None:
    async with head_end(tmp_path) as site:
        await calls(site)
        site.clock.ahead += timedelta(minutes=5)
        with pytest.raises(TransportOpenError, match="M1 is not connected: last heard"):
            await asking(site)


async def test_what_the_master_says_against_it_is_passed_on_soon(tmp_path: Path) -> None:
    async with head_end(tmp_path) as site:
        await calls(site)
        opening = asking(site)
        id = await wanted(site)
        await calls(site, results=[{"id": id, "outcome": "refused", "detail": "4 tunnels are open already"}])
        with pytest.raises(TransportOpenError, match="the master M1 says: 4 tunnels are open already"):
            await opening


async def test_there_are_no_more_than_the_settings_allow(tmp_path: Path) -> None:
    async with head_end(tmp_path, tunnel={"most": 2, "most_per_master": 1}) as site:
        await calls(site)
        opening = asking(site)
        master = await dial(site, await wanted(site))
        operator = await opening
        with pytest.raises(TransportOpenError, match="1 tunnels to this master"):
            await asking(site)
        await operator.close()
        await master.close()
    async with head_end(tmp_path / "none", tunnel={"most": 0}) as site:
        await calls(site)
        with pytest.raises(TransportOpenError, match="opens no tunnels"):
            await asking(site)


async def test_of_many_that_ask_at_once_no_more_get_one_than_the_settings_allow(tmp_path: Path) -> None:
    async with head_end(tmp_path, tunnel={"most_per_master": 1}) as site:
        await calls(site)
        opening = [asking(site) for _ in range(6)]
        waiting = set(opening)
        async with asyncio.timeout(20):
            while len(waiting) > 1:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            while waiting and not any(one.done() for one in waiting):
                stored = await site.store.commands("M1")
                if any(one.state.is_open for one in stored):
                    break
        refused = [str(one.exception()) for one in opening if one not in waiting]
        assert all("1 tunnels to this master" in one for one in refused)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_tunnels_are_listed_and_ended_over_the_api(tmp_path: Path) -> None:
    async with head_end(tmp_path) as site:
        await calls(site)
        opening = asking(site)
        master = await dial(site, await wanted(site))
        operator = await opening
        headers = {"Authorization": f"Bearer {(tmp_path / 'token').read_text()}"}
        async with httpx.AsyncClient(base_url=site.head_end.web_url, headers=headers) as client:
            path = "/api/v1/masters/M1/tunnels"
            (listed,) = (await client.get(path)).json()
            assert (listed["master"], listed["who"], listed["source"]) == ("M1", "olga", "127.0.0.1")
            assert (await client.delete(f"{path}/{listed['id']}")).status_code == 204
            for reading, error in ((operator.read, TransportClosedError), (master.read, TunnelEndedError)):
                with pytest.raises(error, match="olga ended it at the head-end"):
                    await reading()
            assert (await client.delete(f"{path}/{listed['id']}")).status_code == 404
            assert (await client.get(path)).json() == []
        await operator.close()
        await master.close()


async def test_the_master_s_own_way_of_dialling_goes_through_its_proxy(tmp_path: Path) -> None:
    async with head_end(tmp_path) as site, proxied() as proxy:
        await calls(site)
        site.proxy = proxy.url
        opening = asking(site)
        id = await wanted(site)
        async with site.link("M2") as link:
            with pytest.raises(HeadEndRefusedError, match="no such tunnel"):
                await link.dial(id)
        async with site.link() as link:
            master = TunnelEnd(await link.dial(id))
        assert set(proxy.asked) == {f"CONNECT 127.0.0.1:{site.port} HTTP/1.1"}
        master.start()
        await master.greet()
        operator = await opening
        await operator.write(b"\xe5")
        assert await master.read() == b"\xe5"
        await operator.close()
        await master.close()


async def test_a_head_end_that_stops_says_so(tmp_path: Path) -> None:
    async with head_end(tmp_path) as site:
        await calls(site)
        opening = asking(site)
        master = await dial(site, await wanted(site))
        operator = await opening
    for end in (operator, master):
        with pytest.raises((TransportClosedError, TunnelEndedError), match="being stopped"):
            await end.read()
        await end.close()
