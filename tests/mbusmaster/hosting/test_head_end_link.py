"""A master calls a real head-end over TLS, and brings what it has read."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from mbushosting.contact import Command, CommandKind
from mbusmaster.hosting.credentials import Credentials
from mbusmaster.hosting.link import (
    HeadEnd,
    HeadEndDistrustedError,
    HeadEndError,
    HeadEndOverloadedError,
    HeadEndRefusedError,
    HeadEndUnreachableError,
)
from mbusmaster.hosting.places import PlaceError, read_place, read_proxy
from support.certificates import Authority, Pem
from support.headend import Site, call, now, running
from support.headend_messages import batch, reading
from support.proxy import listening, proxied

METER = "0102030405060708"
ANYBODY = "x" * 40


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path) as site:
        yield site


async def test_a_contact_is_answered_with_orders_and_the_time(site: Site) -> None:
    await site.enrol()
    async with site.link() as link:
        before = now()
        orders = await link.contact(call(), 0)
        assert orders.time is not None
        assert before <= orders.time <= now()
    (master,) = await site.store.masters()
    assert master.contact is not None
    assert master.contact.software == "1"


async def test_a_master_that_waits_hears_of_a_command_at_once(site: Site) -> None:
    await site.enrol()
    async with site.link() as link:
        first = await link.contact(call(), 0)
        waiting = asyncio.create_task(link.contact(call(orders=first.version), 50))
        await _waits(site, "M1")
        await site.store.add_command("M1", Command(id="now", kind=CommandKind.READ), now())
        orders = await asyncio.wait_for(waiting, 5)
        assert [command.id for command in orders.commands] == ["now"]


async def test_what_a_master_was_told_does_not_call_it_in_a_circle(site: Site) -> None:
    """It is at work on a command: the next contact waits, though the command is still open."""
    await site.enrol()
    async with site.link() as link:
        version = (await link.contact(call(), 0)).version
        await site.store.add_command("M1", Command(id="now", kind=CommandKind.READ), now())
        await link.contact(call(orders=version), 50)
        waiting = asyncio.create_task(link.contact(call(orders=version), 50))
        await _waits(site, "M1")
        await site.store.add_command("M1", Command(id="more", kind=CommandKind.READ), now())
        orders = await asyncio.wait_for(waiting, 5)
        assert {command.id for command in orders.commands} == {"now", "more"}


async def test_a_delivery_is_receipted_and_again_when_it_comes_twice(site: Site) -> None:
    await site.enrol()
    one = batch(reading(1, METER), reading(2, METER))
    async with site.link() as link:
        receipt = await link.deliver(one)
        assert set(receipt.stored) == {f"{1:032x}", f"{2:032x}"}
        assert await link.deliver(one) == receipt


async def test_the_biggest_batch_goes_through(site: Site) -> None:
    await site.enrol()
    telegram = bytes(range(256))[:255]
    many = batch(*(reading(number, METER, [telegram] * 5) for number in range(250)))
    async with site.link() as link:
        receipt = await link.deliver(many)
        assert len(receipt.stored) + len(receipt.refused) == 250


async def test_contacts_and_deliveries_do_not_wait_for_each_other(site: Site) -> None:
    await site.enrol()
    async with site.link() as link:
        version = (await link.contact(call(), 0)).version
        waiting = asyncio.create_task(link.contact(call(orders=version), 50))
        await _waits(site, "M1")
        assert (await link.deliver(batch(reading(1, METER)))).stored
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_who_gives_up_waiting_frees_the_head_end_and_may_call_again(site: Site) -> None:
    await site.enrol()
    async with site.link() as link:
        version = (await link.contact(call(), 0)).version
        for _ in range(3):
            waiting = asyncio.create_task(link.contact(call(orders=version), 50))
            await _waits(site, "M1")
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await _waits(site, "M1", 0)
        assert (await link.contact(call(orders=version), 0)).version == version


async def test_a_certificate_is_renewed_after_two_thirds_of_its_time(site: Site) -> None:
    first = await site.enrol()
    async with site.link() as link:
        site.clock_there.ahead = timedelta(days=242)
        await link.contact(call(), 0)
        assert site.credentials().load() == first
        site.clock_there.ahead = timedelta(days=245)
        await link.contact(call(), 0)
        renewed = site.credentials().load()
        assert renewed is not None
        assert renewed.next is None
        assert renewed.current != first.current
        assert {path.name for path in (site.folder / "M1").iterdir()} == {
            "head-end.json",
            renewed.current.file,
        }
        assert (await link.deliver(batch(reading(1, METER)))).stored
    assert len(await site.store.certificates("M1")) == 2


async def test_a_renewal_that_fails_leaves_the_old_certificate_in_force(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await site.enrol()

    async def refuse(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    async with site.link() as link:
        site.clock_there.ahead = timedelta(days=300)
        with monkeypatch.context() as full:
            full.setattr(site.store, "add_certificate", refuse)
            await link.contact(call(), 0)
        assert site.credentials().load() == first
        # It is not tried with every call, but again later.
        await link.contact(call(), 0)
        assert site.credentials().load() == first
        site.clock_there.ahead += timedelta(hours=2)
        await link.contact(call(), 0)
        renewed = site.credentials().load()
        assert renewed is not None
        assert renewed.current != first.current


async def test_a_new_certificate_that_is_not_taken_gives_way_to_the_old_one(site: Site) -> None:
    first = await site.enrol()
    async with site.link() as link:
        site.clock_there.ahead = timedelta(days=300)
        # As if the head-end was put back to a backup from before the renewal.
        await link._renew_if_due()
        newest = (await site.store.certificates("M1"))[0]
        others = [one for one in await site.store.certificates("M1") if one.number != newest.number]
        loaded = site.credentials().load()
        assert loaded is not None
        assert loaded.next is not None
        number = _number(site.folder / "M1" / loaded.next.file)
        assert number in {newest.number, *(one.number for one in others)}
        await site.store.revoke_certificate(number, now())
        await link.contact(call(), 0)
        assert site.credentials().load() == first


async def test_a_revoked_master_is_out_at_once_also_on_a_connection_that_is_open(site: Site) -> None:
    await site.enrol()
    async with site.link() as link:
        await link.contact(call(), 0)
        await link.deliver(batch(reading(1, METER)))
        await site.store.revoke_master("M1", now())
        with pytest.raises(HeadEndRefusedError, match="was revoked") as refused:
            await link.contact(call(), 0)
        assert refused.value.needs_token
        with pytest.raises(HeadEndRefusedError, match="was revoked"):
            await link.deliver(batch(reading(2, METER)))


async def test_a_master_that_is_revoked_while_it_waits_gets_no_orders(site: Site) -> None:
    await site.enrol()
    async with site.link() as link:
        version = (await link.contact(call(), 0)).version
        waiting = asyncio.create_task(link.contact(call(orders=version), 50))
        await _waits(site, "M1")
        await site.store.revoke_master("M1", now())
        site.store.changes.tell(["M1"])
        with pytest.raises(HeadEndRefusedError, match="was revoked"):
            await asyncio.wait_for(waiting, 5)


async def test_a_certificate_that_lapsed_needs_a_new_token(site: Site) -> None:
    enrolled = await site.enrol()
    file = site.folder / "M1" / enrolled.current.file
    _replace_certificate(site, file, days=-1)
    async with site.link() as link:
        with pytest.raises(HeadEndRefusedError, match="has lapsed") as refused:
            await link.contact(call(), 0)
        assert refused.value.needs_token
        await site.enrol()
        assert await link.contact(call(), 0)


async def test_a_certificate_lapses_also_on_a_connection_that_is_open(site: Site) -> None:
    await site.enrol()
    async with site.link() as link:
        await link.contact(call(), 0)
        site.clock.ahead = timedelta(days=366)
        with pytest.raises(HeadEndRefusedError, match="has lapsed"):
            await link.contact(call(), 0)


async def test_a_head_end_with_another_authority_is_not_trusted_nor_does_it_trust(tmp_path: Path) -> None:
    async with running(tmp_path / "a") as one, running(tmp_path / "b") as other:
        await one.enrol("M1")
        await other.enrol("M2")
        enrolled = one.credentials("M1").load()
        assert enrolled is not None
        credentials = one.credentials("M1")
        pair = (one.folder / "M1" / enrolled.current.file).read_bytes()
        times = (enrolled.current.issued, enrolled.current.expires)
        link = HeadEnd(credentials, lambda: None, now)
        # Somebody else answers at the place.
        credentials.store(read_place(other.url), "M1", enrolled.authority, pair, times)
        with pytest.raises(HeadEndDistrustedError, match="from somebody else"):
            await link.contact(call(), 0)
        # Somebody else asks.
        theirs = other.authority_pem.decode()
        credentials.store(read_place(other.url), "M1", theirs, pair, times)
        with pytest.raises(HeadEndRefusedError, match="does not know this master's certificate") as refused:
            await link.contact(call(), 0)
        assert refused.value.needs_token
        link.close()


async def test_a_master_cannot_speak_for_another(site: Site) -> None:
    await site.enrol("M1")
    await site.enrol("M2")
    async with site.link("M1") as link:
        with pytest.raises(HeadEndRefusedError, match="another serial number"):
            await link.contact(call("M2"), 0)
        with pytest.raises(HeadEndRefusedError, match="another serial number"):
            await link.deliver(batch(reading(1, METER), serial="M2"))
    assert (await site.store.master("M2")).last_contact is None


async def test_a_clock_that_is_wrong_is_said(site: Site, tmp_path: Path) -> None:
    await site.enrol()
    authority = Authority(tmp_path)
    pem = authority.issue("server", begin=timedelta(days=1), end=timedelta(days=2))
    async with _served(pem, lambda body: b"") as url:
        _move(site, url, authority)
        async with site.link() as link:
            with pytest.raises(HeadEndDistrustedError, match=f"this clock shows, {now():%Y-%m-%d}"):
                await link.contact(call(), 0)


async def test_a_master_that_is_not_enrolled_says_so(tmp_path: Path) -> None:
    link = HeadEnd(Credentials(tmp_path), lambda: None, now)
    with pytest.raises(HeadEndRefusedError, match="not enrolled at any head-end") as refused:
        await link.contact(call(), 0)
    assert refused.value.needs_token


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (b"HTTP/1.1 503 X\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", HeadEndOverloadedError, "is busy"),
        (b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", HeadEndOverloadedError, "has trouble"),
        (b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", HeadEndError, "is no head-end"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n[]", HeadEndError, "is no head-end"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 20\r\n\r\n{", HeadEndUnreachableError, "ended before"),
        (b"", HeadEndUnreachableError, "ended before"),
        (b"SSH-2.0-x\r\n", HeadEndError, "is no head-end"),
        (b"HTTP/1.1 200 X\r\n\r\n" + b" " * (9 << 20), HeadEndError, "is no head-end"),
        (b"HTTP/1.1 200 X\r\n" + b"A: b\r\n" * 5000, HeadEndError, "is no head-end"),
        (
            b"HTTP/1.1 302 X\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n",
            HeadEndError,
            "is no head-end",
        ),
    ],
    ids=[
        "busy",
        "trouble",
        "no path",
        "no orders",
        "cut off",
        "nothing",
        "no http",
        "endless",
        "headers",
        "elsewhere",
    ],
)
async def test_whatever_is_answered_is_told_in_words(
    answer: bytes, kind: type[HeadEndError], text: str, site: Site, tmp_path: Path
) -> None:
    await site.enrol()
    authority = Authority(tmp_path)
    async with _served(authority.issue("server"), lambda body: answer) as url:
        _move(site, url, authority)
        async with site.link() as link:
            with pytest.raises(kind, match=text) as failed:
                await link.contact(call(), 0)
            assert failed.value.retry_after == (7 if b"Retry-After" in answer else None)


async def test_an_answer_that_drips_is_given_up(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.enrol()
    authority = Authority(tmp_path)
    monkeypatch.setattr("mbusmaster.hosting.link.REQUEST_SECONDS", 0.5)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with listening(drip, _server_context(authority.issue("server"))) as port:
        _move(site, f"https://127.0.0.1:{port}", authority)
        async with site.link() as link:
            with pytest.raises(HeadEndUnreachableError, match="too slowly"):
                await link.contact(call(), 0)


async def test_a_proxy_takes_everything_through(site: Site) -> None:
    async with proxied() as proxy:
        site.proxy = proxy.url
        await site.enrol()
        async with site.link() as link:
            await link.contact(call(), 0)
            await link.deliver(batch(reading(1, METER)))
        assert set(proxy.asked) == {f"CONNECT 127.0.0.1:{site.port} HTTP/1.1"}


async def test_a_proxy_that_wants_to_know_who_asks_is_told(site: Site) -> None:
    wanted = base64.b64encode(b"user:p@ss").decode()
    async with proxied(f"Proxy-Authorization: Basic {wanted}") as proxy:
        site.proxy = proxy.url.replace("//", "//user:p%40ss@")
        await site.enrol()
        site.proxy = proxy.url
        with pytest.raises(HeadEndUnreachableError, match="wants to know who asks"):
            await site.enrol()


async def test_what_is_wrong_with_a_proxy_is_said_without_its_password(site: Site) -> None:
    await site.enrol()
    async with site.link() as link, proxied(refuse=True) as proxy:
        site.proxy = proxy.url
        with pytest.raises(HeadEndUnreachableError, match=r"lets nobody through to .* \(answer 403\)"):
            await link.contact(call(), 0)
        site.proxy = "http://user:secret@nobody.invalid:3128"
        with pytest.raises(HeadEndUnreachableError, match=r"name of the proxy, nobody\.invalid,") as failed:
            await link.contact(call(), 0)
        assert "secret" not in str(failed.value)
        site.proxy = "socks://user:secret@x"
        with pytest.raises(HeadEndUnreachableError, match="no address of a proxy") as failed:
            await link.contact(call(), 0)
        assert "secret" not in str(failed.value)
        site.proxy = f"http://127.0.0.1:{site.port}"
        with pytest.raises(HeadEndUnreachableError, match="is no proxy"):
            await link.contact(call(), 0)


def test_a_proxy_is_read_and_shows_no_password() -> None:
    proxy = read_proxy("http://user:secret@[::1]:3128/")
    assert (proxy.host, proxy.port, "secret" in repr(proxy)) == ("::1", 3128, False)
    for wrong in ("https://x:1", "http://x", "x:1", "http://:1", "http://x:99999"):
        with pytest.raises(PlaceError):
            read_proxy(wrong)


async def _waits(site: Site, serial: str, count: int = 1) -> None:
    """Return when so many requests of a master wait for news."""
    from support.settled import settled

    watchers = site.store.changes._watchers  # type: ignore[attr-defined]
    await settled(lambda: len(watchers.get(serial, ())) == count)


def _number(path: Path) -> int:
    from mbusio.keyfiles import read_pair

    return read_pair(path).certificate.serial_number


def _replace_certificate(site: Site, file: Path, days: float) -> None:
    from mbusio.certificates import Pair
    from mbusio.keyfiles import read_pair, write_pair

    key = read_pair(file).key
    certificate = site.authority.sign(key.public_key(), "M1", now(), days)
    write_pair(file, Pair(certificate, key))


def _move(site: Site, url: str, authority: Authority) -> None:
    """Let the master call another place, with another authority."""
    enrolled = site.credentials().load()
    assert enrolled is not None
    pair = (site.folder / "M1" / enrolled.current.file).read_bytes()
    times = (enrolled.current.issued, enrolled.current.expires)
    site.credentials().store(read_place(url), "M1", authority.pem.read_text(), pair, times)


def _server_context(pem: Pem) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.certificate, pem.key)
    return context


@asynccontextmanager
async def _served(pem: Pem, answer: Callable[[bytes], bytes]) -> AsyncIterator[str]:
    """Serve one answer to whatever is asked, and hang up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        header = await reader.readuntil(b"\r\n\r\n")
        length = int(header.lower().partition(b"content-length: ")[2].split()[0])
        # What is left unread would make a reset of the end.
        writer.write(answer(header + await reader.readexactly(length)))
        await writer.drain()

    async with listening(serve, _server_context(pem)) as port:
        yield f"https://127.0.0.1:{port}"
