"""Masters that announce themselves, and who finds them; all of it on loopback."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from mbusio import discovery as finding
from mbusio.cli import main
from mbusio.discovery import SERVICE_TYPE, DiscoveredMaster, discover
from mbusmaster.channels import discovery
from mbusmaster.channels.discovery import Announcer

HERE = ("127.0.0.1",)
ANY = (("0.0.0.0", 1445), ("::", 1445))
PATIENCE = 20.0


def announcer(**changes: Any) -> Announcer:
    settings: dict[str, Any] = {
        "name": "Boiler house",
        "serial": "MB-7",
        "version": "1.2",
        "offers": {"tls": ANY, "tcp": (("127.0.0.1", 2445),), "rfc2217": ()},
        "interfaces": HERE,
    }
    return Announcer(**settings | changes)


@contextlib.asynccontextmanager
async def announced(**changes: Any) -> AsyncIterator[Announcer]:
    this = announcer(**changes)
    this.start()
    try:
        async with asyncio.timeout(PATIENCE):
            await this.announced.wait()
        yield this
    finally:
        await this.stop()


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is on loopback, so that nobody must be given time to object to a name."""
    monkeypatch.setattr(discovery, "NAME_MILLISECONDS", 10)
    monkeypatch.setattr("zeroconf._core._CHECK_TIME", 10)
    monkeypatch.setattr("zeroconf._core._PROBE_RANDOM_DELAY_INTERVAL", (1, 2))
    monkeypatch.setattr("zeroconf._core._REGISTER_TIME", 10)
    monkeypatch.setattr("zeroconf._core._UNREGISTER_TIME", 10)


async def found(count: int = 1) -> list[DiscoveredMaster]:
    return await discover(PATIENCE, interfaces=HERE, enough=count)


@pytest.mark.usefixtures("quickly")
async def test_masters_of_the_same_name_are_all_found_and_gone_after_their_goodbyes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with announced():
        # Only who comes second needs time to hear what the first says.
        monkeypatch.setattr(discovery, "NAME_MILLISECONDS", 3000)
        async with announced(offers={"tcp": (("127.0.0.1", 2446),)}):
            masters = await found(2)
    assert DiscoveredMaster("Boiler house", "MB-7", "1.2", HERE, {"tls": 1445, "tcp": 2445}) in masters
    assert DiscoveredMaster("Boiler house", "MB-7", "1.2", HERE, {"tcp": 2446}) in masters
    assert await discover(0.5, interfaces=HERE) == []


@pytest.mark.usefixtures("quickly")
async def test_another_name_and_other_addresses_are_announced_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "LOOK_SECONDS", 0.01)
    async with announced() as this:
        this.announced.clear()
        this.rename("Tower.\n2 ü" + "x" * 300)
        this._interfaces = ("127.0.0.1", "127.0.0.2")
        async with asyncio.timeout(PATIENCE):
            await this.announced.wait()
        (master,) = await found()
    assert master.name.startswith("Tower.·2 ü")
    assert set(master.addresses) == {"127.0.0.1", "127.0.0.2"}


async def test_where_no_channel_is_open_nothing_is_announced() -> None:
    this = announcer(offers={"tls": (), "tcp": ()})
    this.start()
    await this.stop()
    assert not this.announced.is_set()


async def test_channels_that_others_cannot_reach_are_not_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_addresses", lambda: ("192.0.2.1", "2001:db8::1"))
    this = announcer(interfaces=None)
    here = discovery._addresses()
    assert discovery._reachable((("127.0.0.1", 2445),), here) is None
    assert discovery._reachable(ANY, here) == 1445
    assert discovery._reachable((("192.0.2.1", 5),), here) == 5
    service = this._describe(here, {"tls": 1445}, "x")
    assert service.parsed_addresses() == ["192.0.2.1", "2001:db8::1"]


@pytest.mark.usefixtures("quickly")
async def test_a_network_that_is_not_there_is_waited_for_and_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(discovery, "LOOK_SECONDS", 0.01)
    tries = 0
    really = Announcer._look

    async def look(self: Announcer) -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise OSError(101, "Network is unreachable")
        await really(self)

    monkeypatch.setattr(Announcer, "_look", look)
    async with announced():
        assert tries >= 4
    assert caplog.text.count("Network is unreachable") == 1


@contextlib.asynccontextmanager
async def saying(**words: str) -> AsyncIterator[None]:
    """Announce what no master of ours would."""
    network = AsyncZeroconf(interfaces=list(HERE))
    service = ServiceInfo(
        SERVICE_TYPE, f"bad.{SERVICE_TYPE}", port=1, properties=words, parsed_addresses=list(HERE)
    )
    try:
        await (await network.async_register_service(service))
        yield
    finally:
        await network.async_unregister_all_services()
        await network.async_close()


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "²", "x", "99999999"])
async def test_a_port_that_is_none_is_not_shown(port: str) -> None:
    assert not finding._is_port(port)


@pytest.mark.usefixtures("quickly")
async def test_what_strangers_say_cannot_steer_a_terminal() -> None:
    async with saying(name="\x1b[2J\u202eevil", serial="\n", tcp="2445", tls="65536"):
        (master,) = await found()
    assert master.name == "·[2J·evil"
    assert master.serial == "·"
    assert master.urls == {"tcp": "tcp://127.0.0.1:2445"}


def test_urls_name_the_first_address_the_safest_role_first() -> None:
    master = DiscoveredMaster("", "", "", ("2001:db8::1",), {"rfc2217": 1, "tcp": 2, "tls": 3})
    assert list(master.urls.values()) == [
        "tls://[2001:db8::1]:3",
        "tcp://[2001:db8::1]:2",
        "rfc2217://[2001:db8::1]:1",
    ]


def test_the_command_lists_masters_as_a_table_and_as_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, list[str]]] = []

    async def fake(seconds: float, *, interfaces: list[str]) -> list[DiscoveredMaster]:
        asked.append((seconds, interfaces))
        return [DiscoveredMaster("Boiler house", "MB-7", "1.2", HERE, {"tls": 1445, "tcp": 2445})]

    monkeypatch.setattr("mbusio.cli.discover.discover", fake)
    command = ["discover", "--seconds", "1.5", "--interface", "127.0.0.1"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    assert asked == [(1.5, ["127.0.0.1"])] * 2
    assert "Boiler house" in shown
    assert "tls://127.0.0.1:1445" in shown
    assert json.loads(capsys.readouterr().out) == {
        "masters": [
            {
                "name": "Boiler house", "serial": "MB-7", "version": "1.2", "addresses": ["127.0.0.1"],
                "ports": {"tls": 1445, "tcp": 2445},
                "urls": {"tls": "tls://127.0.0.1:1445", "tcp": "tcp://127.0.0.1:2445"},
            }
        ]
    }  # fmt: skip


def test_nobody_there_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["discover", "--seconds", "0.2", "--interface", "127.0.0.1"]) == 0
    assert "No master answered" in capsys.readouterr().out


def test_without_zeroconf_the_command_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    assert main(["discover"]) == 1
    assert "needs the package zeroconf" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "601", "x"])
def test_a_wait_that_makes_no_sense_is_wrong_usage(seconds: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["discover", f"--seconds={seconds}"])
