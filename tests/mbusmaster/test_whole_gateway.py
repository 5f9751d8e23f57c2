"""The gateway as processes: what clients may write and switch, who is trusted, and what the pages say about it."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mbusio.transport import open_transport
from mbusmaster.channels.trust import Trust
from support.site import Site, site

pytestmark = pytest.mark.process

SWITCHABLE = 3
"""Primary address of a simulated meter that obeys changes of its rate."""


@pytest.fixture(scope="module")
def generous(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(
        tmp_path_factory.mktemp("generous"), allow_writes=True, allow_baud_switch=True, lease=2
    ) as made:
        yield made


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("strict"), trusted=False) as made:
        yield made


def text_of(place: Site, page: str) -> str:
    with place.browser() as browser:
        return re.sub(r"<[^>]+>|\s+", " ", browser.get(page).text)


def test_a_write_over_tls_is_in_the_audit_log_with_the_name_of_the_client(generous: Site) -> None:
    done = generous.mbus("set-address", generous.urls["tls"], "5", "105")
    assert done.returncode == 0, done.stderr
    shown = text_of(generous, "/audit")
    assert "reader" in shown
    assert "set primary address to 105" in shown


def test_a_meter_that_is_switched_through_rfc_2217_is_proven_there_and_back_when_its_client_is_gone(
    generous: Site,
) -> None:
    done = generous.mbus("set-baud", generous.urls["rfc2217"], str(SWITCHABLE), "9600")
    assert done.returncode == 0, done.stderr
    assert "answers at 9600 baud" in done.stdout
    for channel in ("tcp", "serial"):
        read = generous.mbus("read", generous.urls[channel], str(SWITCHABLE))
        assert read.returncode == 0, read.stderr
    assert f"the meter at address {SWITCHABLE} is back at 2400 baud" in generous.log


@pytest.mark.parametrize("channel", ["tcp", "tls"])
def test_through_a_byte_pipe_no_meter_is_switched(generous: Site, channel: str) -> None:
    done = generous.mbus("set-baud", generous.urls[channel], str(SWITCHABLE), "9600")
    assert done.returncode == 1
    assert "rfc2217://" in done.stderr


def test_what_is_not_allowed_is_refused_with_the_name_of_the_setting(strict: Site) -> None:
    for channel in ("tcp", "rfc2217"):
        done = strict.mbus("set-address", strict.urls[channel], "5", "105")
        assert done.returncode == 1
        assert "allow_writes" in done.stderr
    done = strict.mbus("set-baud", strict.urls["rfc2217"], str(SWITCHABLE), "9600")
    assert done.returncode == 1
    assert "allow_baud_switch" in done.stderr
    assert "not passed on: switching baud rates is switched off" in strict.log


def test_while_nobody_is_trusted_the_port_listens_and_refuses_and_the_page_says_why(
    strict: Site, tmp_path: Path
) -> None:
    elsewhere = Trust(tmp_path / "trust")
    (strict.folder / "client.pem").write_bytes(elsewhere.issue("stranger", None).pem())
    elsewhere.close()
    here = Trust(strict.state / "trust")
    (strict.folder / "ca.pem").write_bytes(here.authority_pem())
    refused = strict.mbus("read", strict.urls["tls"], "1")
    assert refused.returncode == 1
    assert "secured tcp: client 127.0.0.1: handshake refused" in strict.log
    assert "nobody is trusted yet" in strict.log
    assert "Nobody is trusted yet" in text_of(strict, "/configuration/security/clients")
    # Whom the command line lets in is in at once.
    (strict.folder / "client.pem").write_bytes(here.issue("reader", None).pem())
    here.close()
    done = strict.mbus("read", strict.urls["tls"], "1")
    assert done.returncode == 0, done.stderr
    assert "Nobody is trusted yet" not in text_of(strict, "/configuration/security/clients")


async def test_the_page_shows_clients_of_every_channel_by_name(generous: Site) -> None:
    open_ones = [await open_transport(generous.urls[name], baud=2400) for name in ("tls", "tcp", "serial")]
    try:
        for one in open_ones:
            await one.write(bytes.fromhex("1040014116"))
            assert await one.read() == b"\xe5"
        shown = await asyncio.to_thread(text_of, generous, "/monitor")
    finally:
        for one in open_ones:
            await one.close()
    for word in ("reader", "plain tcp 127.0.0.1 port", "serial port 1"):
        assert word in shown


def test_with_damaged_keys_the_secured_channel_stays_closed_the_page_says_why_and_all_else_works(
    strict: Site,
) -> None:
    strict.stop()
    authority = strict.state / "trust/authority.pem"
    good = authority.read_bytes()
    authority.write_bytes(good[:100])
    strict.start()
    assert strict.mbus("read", strict.urls["tcp"], "1").returncode == 0
    assert strict.mbus("read", strict.urls["tls"], "1").returncode == 1
    assert f"secured tcp is closed: {authority} is damaged" in strict.log
    assert "authority.pem is damaged" in text_of(strict, "/configuration/security/clients")
    strict.stop()
    authority.write_bytes(good)
    strict.start()
    assert strict.mbus("read", strict.urls["tls"], "1").returncode == 0
