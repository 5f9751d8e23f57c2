"""Somebody reads the bus of a gateway by way of a head-end: all as programs, over loopback."""

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from mbus.addressing import parse_address
from mbus.link.station import Stations
from mbus.procedures.read import read
from mbusheadend.roles import READER
from mbusheadend.tunnel import Tunnels
from mbusheadend.tunnel.relay import Limits
from mbushosting.tunnel import TunnelOffer
from mbusio import driver
from mbusio.errors import TransportClosedError, TransportOpenError
from mbusio.line import Line
from mbusio.shared import bus_of
from mbusio.transport import Transport, open_transport
from support.netfault import Way, line_to
from support.peers import Job, pymeterbus
from support.site import SERIAL
from support.tunnels import Scene, scene, secret_of

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]

END_SECONDS = 30


async def answering(url: str, addresses: list[str], times: int) -> dict[str, set[str]]:
    """Read meters again and again; give who answered, for each address."""
    line = Line(await open_transport(url))
    found: dict[str, set[str]] = {address: set() for address in addresses}
    try:
        bus, stations = bus_of(line), Stations()
        for _ in range(times):
            for address in addresses:
                reading = await driver.run(read(parse_address(address), stations), bus)
                found[address].add(str(reading.secondary))
    finally:
        await line.close()
    return found


async def end_of(transport: Transport) -> str:
    """Wait for the end of a transport, through which nothing comes; give the reason."""
    try:
        with pytest.raises(TransportClosedError) as error:
            async with asyncio.timeout(END_SECONDS):
                pytest.fail((await transport.read()).hex())
    finally:
        await transport.close()
    return str(error.value)


def who_answered(answer: Any) -> Any:
    """Give what a program of others says of the meter."""
    assert isinstance(answer, dict), answer
    return [answer["header"][name] for name in ("identification", "manufacturer", "medium", "version")]


async def refusal(here: Scene, url: str) -> str:
    with pytest.raises(TransportOpenError) as error:
        await open_transport(url)
    return str(error.value)


async def test_a_scan_through_a_slow_tunnel_finds_what_a_scan_at_the_gateway_finds(tmp_path: Path) -> None:
    async with scene(tmp_path) as here, line_to(here.web_port) as line:
        line.turn(Way.SLOW)
        _, out, _ = await here.mbus("scan", here.here.urls["tcp"], "--json")
        near = json.loads(out)["meters"]
        code, out, err = await here.mbus("scan", here.url("&reason=a+look", port=line.port), "--json")
        assert (code, err) == (0, "")
        far = json.loads(out)["meters"]
        assert [one["secondary_address"] for one in far] == [one["secondary_address"] for one in near]
        assert len(far) == len(here.here.offers["meters"])
        opened, ended = await here.audited(2)
        assert opened == f"{SERIAL}: opened: a look"
        assert "the operator's program closed the tunnel" in ended
        with contextlib.closing(sqlite3.connect(here.here.state / "access.db")) as log:
            entries = [row[0] for row in log.execute("SELECT detail FROM audit WHERE kind = 'hosting'")]
        assert "tunnel to bus main opened for olga from 127.0.0.1, as the head-end says: a look" in entries
        assert any(
            "tunnel to bus main ended for olga" in entry and "bytes here" in entry for entry in entries
        )


async def test_two_tunnels_and_a_client_over_tls_share_the_bus(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        addresses = sorted(one["secondary"] for one in here.here.offers["meters"])
        one, other, secured = await asyncio.gather(
            answering(here.url(), addresses, 2),
            answering(here.url(), addresses, 2),
            answering(here.here.urls["tls"], addresses, 2),
        )
        assert one == other == secured == {address: {address} for address in addresses}


@pytest.mark.peers
async def test_a_program_of_others_reads_through_a_port_of_this_computer(tmp_path: Path) -> None:
    async with scene(tmp_path) as here, here.port(here.url()) as place:
        jobs: list[Job] = [["read", one["primary"]] for one in here.here.offers["meters"]]
        far = await asyncio.to_thread(pymeterbus(f"socket://{place}", jobs).results)
        direct = here.here.urls["tcp"].replace("tcp", "socket")
        near = await asyncio.to_thread(pymeterbus(direct, jobs).results)
        assert {job: who_answered(answer) for job, answer in far.items()} == {
            job: who_answered(answer) for job, answer in near.items()
        }


async def test_a_tunnel_ends_when_somebody_ends_it_or_may_not_use_it_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, meters=1) as here:
        tunnels, web = here.there.head_end.tunnels, here.here
        opened = await here.open()
        (listed,) = await tunnels.list(SERIAL)
        await tunnels.end(SERIAL, listed.command.id, "anna")
        assert "anna ended it at the head-end" in await end_of(opened)

        opened = await here.open()
        with web.browser() as browser:
            (listed,) = await tunnels.list(SERIAL)
            assert "olga" in browser.get("/configuration/hosting").text
            assert "tunnel of olga" in browser.get("/monitor/counters").text
            page = browser.get(f"/configuration/hosting/tunnels/{listed.command.id}/end").text
            form = {"csrf": page.split('name="csrf" value="')[1].split('"')[0]}
            assert browser.post(
                f"/configuration/hosting/tunnels/{listed.command.id}/end", data=form
            ).is_success
        assert "ended it at the master" in await end_of(opened)

        opened = await here.open()
        access = here.access
        for token in access.tokens("olga"):
            await access.revoke_token("olga", token.id)
        assert "the token was revoked" in await end_of(opened)
        here.token_file.write_text(await secret_of(access))

        opened = await here.open()
        here.set(enabled=True, allow_tunnel=False)
        assert "hosting.allow_tunnel was switched off" in await end_of(opened)
        await here.is_offered(TunnelOffer.OFF)
        assert "hosting.allow_tunnel is off" in await refusal(here, here.url())
        here.set(enabled=True, allow_tunnel=True)
        await here.is_offered(TunnelOffer.ON)

        with monkeypatch.context() as patched:
            patched.setattr(Tunnels, "_limits", lambda self, asked: Limits(2.0, 2.0))
            opened = await here.open()
        assert "minutes" in await end_of(opened)

        opened = await here.open()
        await here.there.store.revoke_master(SERIAL, here.there.clock())
        assert "trusts this master no more" in await end_of(opened)
        async with asyncio.timeout(END_SECONDS):
            await tunnels._empty.wait()
        assert not await tunnels.list(SERIAL)


async def test_when_the_gateway_dies_its_clients_get_an_end_and_others_an_answer(tmp_path: Path) -> None:
    async with scene(tmp_path, meters=3) as here:
        addresses = sorted(one["secondary"] for one in here.here.offers["meters"])
        reading = asyncio.create_task(answering(here.url(), addresses, 1000))
        await here.audited(1)
        transport = await here.open()
        here.here.kill()
        assert "gone" in await end_of(transport)
        with pytest.raises(TransportClosedError):
            async with asyncio.timeout(END_SECONDS):
                await reading
        text = await refusal(here, here.url())
        assert f"the master {SERIAL}" in text


async def test_who_may_not_or_names_something_wrong_is_told_so(tmp_path: Path) -> None:
    async with scene(tmp_path, meters=1) as here:
        url = here.url()
        for name, content, said in (
            ("none", "", "needs a token"),
            ("bad", "nonsense", "does not take the token"),
            ("reader", await secret_of(here.access, READER, "rita"), "needs the role operator"),
        ):
            (tmp_path / name).write_text(content)
            assert said in await refusal(here, here.url(token=str(tmp_path / name)))
        assert "does not know this master" in await refusal(here, url.replace(SERIAL, "OTHER"))
        assert "has no bus cellar; its buses: main" in await refusal(
            here, url.replace(SERIAL, f"{SERIAL}/cellar")
        )
        port = here.there.head_end.web_url.rpartition(":")[2]
        assert "nobody listens there" in await refusal(here, url.replace(f":{port}/", ":1/"))
        code, out, err = await here.mbus("read", url.replace(SERIAL, "OTHER"), "1")
        assert (code, out, err.count("\n")) == (1, "", 1)
        secret = here.token_file.read_text()
        assert secret not in err
