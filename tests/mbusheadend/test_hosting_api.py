"""What strangers, broken masters and hostile ones send to the head-end, and many at once."""

import asyncio
import gzip
import json
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mbusheadend.bodies import Room, unpack
from mbusheadend.errors import RefusedError
from mbusheadend.turnstile import Turnstile
from mbushosting.contact import CONTACT, Command, CommandKind
from mbushosting.readings import MAX_BODY, READINGS
from mbusweb import connections
from support.headend import Site, call, now, packed, running
from support.headend_messages import batch, reading
from support.settled import settled

GZIP = {"Content-Encoding": "gzip"}
METER = "0102030405060708"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path) as site:
        await site.enrol("M1")
        yield site


def body(serial: str = "M1") -> bytes:
    return batch(reading(1, METER), serial=serial).model_dump_json().encode()


@pytest.mark.parametrize("path", [CONTACT, READINGS])
async def test_without_a_certificate_nothing_is_answered(path: str, site: Site) -> None:
    async with site.client() as client:
        answer = await client.post(path, content=b"{}")
    assert (answer.status_code, answer.json()["code"]) == (403, "no certificate")


async def test_a_batch_comes_packed_or_not(site: Site) -> None:
    async with site.client("M1") as client:
        for content, headers in ((body(), {}), (packed(body()), GZIP)):
            answer = await client.post(READINGS, content=content, headers=headers)
            assert answer.json()["stored"] == [f"{1:032x}"]


async def test_a_master_cannot_deliver_for_another(site: Site) -> None:
    await site.enrol("M2")
    async with site.client("M1") as client:
        answer = await client.post(READINGS, content=body("M2"))
        assert (answer.status_code, answer.json()["code"]) == (403, "other master")
        answer = await client.post(CONTACT, content=call("M2").model_dump_json())
        assert (answer.status_code, answer.json()["code"]) == (403, "other master")


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", {}, 400, "malformed"),
        (b"{}", {}, 400, "malformed"),
        (b"[" * 100000, {}, 400, "malformed"),
        (b"\xff\xfe", {}, 400, "malformed"),
        (b'{"serial_number": "M1", "readings": []}', {}, 400, "malformed"),
        (b"no gzip", GZIP, 400, "malformed"),
        (gzip.compress(body())[:-9], GZIP, 400, "malformed"),
        (gzip.compress(body()) + b"more", GZIP, 400, "malformed"),
        (body(), {"Content-Encoding": "br"}, 415, "malformed"),
        (b"x" * (1 << 20) + b"x", {}, 413, "too large"),
        (gzip.compress(bytes(MAX_BODY + 1)), GZIP, 413, "too large"),
        (gzip.compress(bytes(500 << 20), 9), GZIP, 413, "too large"),
    ],
    ids=[
        "empty",
        "nothing",
        "deep",
        "no text",
        "no readings",
        "no gzip",
        "cut off",
        "more",
        "br",
        "long",
        "bigger",
        "bomb",
    ],
)
async def test_what_cannot_be_a_batch_is_refused_with_a_reason(
    content: bytes, headers: dict[str, str], status: int, code: str, site: Site
) -> None:
    async with site.client("M1") as client:
        answer = await client.post(READINGS, content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert (await client.post(READINGS, content=body())).status_code == 200


async def test_what_is_sent_in_pieces_without_end_is_cut(site: Site) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield bytes(65536)
            await asyncio.sleep(0)

    async with site.client("M1") as client:
        with suppress(Exception):  # the answer comes while the rest is still being sent
            answer = await client.post(READINGS, content=pieces())
            assert answer.status_code == 413
        assert (await client.post(READINGS, content=body())).status_code == 200


def test_a_bomb_takes_no_more_memory_than_is_allowed() -> None:
    import tracemalloc

    bomb = zlib.compress(bytes(100 << 20), 9, 31)
    tracemalloc.start()
    try:
        with pytest.raises(RefusedError, match="too large"):
            unpack(bomb, 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
    finally:
        tracemalloc.stop()


def test_bodies_have_so_much_room_all_together() -> None:
    room = Room(100)
    room.take(60)
    with pytest.raises(RefusedError, match="too much"):
        room.take(41)


@pytest.mark.parametrize(
    "facts",
    [
        {"counters": {"telegrams": float("inf")}},
        {"counters": {"telegrams": float("nan")}},
        {"buses": [{"name": "main", "state": "on", "current": float("nan")}]},
        {"started": "0001-01-01T00:00:00+14:00"},
        {"started": "9999-12-31T23:59:59-12:00"},
        {"outbox": {"oldest": "9999-12-31T23:59:59Z"}},
    ],
)
async def test_a_contact_with_numbers_or_times_that_nobody_can_show_is_refused(
    facts: dict[str, Any], site: Site
) -> None:
    """Kept, it would make each page fail that tells of masters."""
    async with site.client("M1") as client:
        sound = call().model_dump(mode="json")
        answer = await client.post(CONTACT, content=json.dumps({**sound, **facts}))
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert (await client.post(CONTACT, content=json.dumps(sound))).status_code == 200
    assert len(await site.store.masters()) == 1


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
@pytest.mark.parametrize("field", ["taken", "slot"])
async def test_a_reading_of_a_time_that_nobody_can_show_is_refused(
    field: str, moment: str, site: Site
) -> None:
    bad = json.loads(body())
    bad["readings"][0][field] = moment
    async with site.client("M1") as client:
        answer = await client.post(READINGS, content=json.dumps(bad))
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("wait", ["-1", "x", "1.5", "99999"])
async def test_a_wait_is_a_number_of_seconds(wait: str, site: Site) -> None:
    async with site.client("M1") as client:
        answer = await client.post(f"{CONTACT}?wait={wait}", content=call().model_dump_json())
    assert answer.status_code == 400


async def test_a_store_that_fails_is_asked_again_later(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from mbusheadend.store import StoreError

    async def fail(*arguments: Any) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr(site.store, "take", fail)
    async with site.client("M1") as client:
        answer = await client.post(READINGS, content=body())
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
        503,
        "trouble",
        "60",
    )


async def test_a_master_that_comes_when_too_many_deliver_is_told_when_to_come_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.enrol("M2")
    began, goes_on = asyncio.Event(), asyncio.Event()
    take = site.store.take

    async def slow(*arguments: Any) -> Any:
        began.set()
        await goes_on.wait()
        return await take(*arguments)

    monkeypatch.setattr(site.store, "take", slow)
    monkeypatch.setattr(site.head_end.api, "uploads", Turnstile(1, 1))
    async with site.client("M1") as first, site.client("M2") as second:
        delivering = asyncio.create_task(first.post(READINGS, content=body()))
        await began.wait()
        answer = await second.post(READINGS, content=body("M2"))
        assert (answer.status_code, answer.json()["code"]) == (429, "busy")
        assert int(answer.headers["retry-after"]) >= 1
        goes_on.set()
        assert (await delivering).status_code == 200
        assert (await second.post(READINGS, content=body("M2"))).status_code == 200


async def test_an_error_of_ours_tells_a_master_nothing_of_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*arguments: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(site.store, "take", fail)
    async with site.client("M1") as client:
        answer = await client.post(READINGS, content=body())
    assert answer.status_code == 500
    assert "secret" not in answer.text


async def test_a_master_that_was_deleted_is_out(site: Site) -> None:
    async with site.client("M1") as client:
        assert (await client.post(READINGS, content=body())).status_code == 200
        await site.store.delete_master("M1", now())
        answer = await client.post(READINGS, content=body())
    assert (answer.status_code, answer.json()["code"]) == (403, "revoked")


@pytest.mark.parametrize("path", [CONTACT, READINGS])
async def test_who_is_revoked_while_its_body_still_comes_has_nothing_taken(path: str, site: Site) -> None:
    whole = call().model_dump_json().encode() if path == CONTACT else body()

    async def halves() -> AsyncIterator[bytes]:
        yield whole[:40]
        await site.store.revoke_master("M1", now())
        yield whole[40:]

    async with site.client("M1") as client:
        answer = await client.post(path, content=halves())
    assert (answer.status_code, answer.json()["code"]) == (403, "revoked")
    assert (await site.store.master("M1")).last_contact is None
    assert await site.store.meters() == ()


async def test_two_hundred_masters_wait_and_all_hear_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        contexts = await site.take_in(*(f"M{number}" for number in range(200)))
        waiting = []
        for serial, context in contexts.items():
            version = (await site.store.orders(serial, 0, "", now())).version
            content = call(serial, orders=version).model_dump_json().encode()
            waiting.append(asyncio.create_task(_post(site, context, f"{CONTACT}?wait=50", content)))
        watchers = site.store.changes._watchers  # type: ignore[attr-defined]
        async with asyncio.timeout(60):
            while len(watchers) < 200:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.01)
            for serial in contexts:
                await site.store.add_command(serial, Command(id="now", kind=CommandKind.READ), now())
            answers = await asyncio.gather(*waiting)
        assert all(answer.startswith(b"HTTP/1.1 200") and b'"now"' in answer for answer in answers)


async def test_whoever_waits_is_answered_when_the_head_end_stops(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        await site.enrol("M1")
        version = (await site.store.orders("M1", 0, "", now())).version
        content = call(orders=version).model_dump_json().encode()
        waiting = asyncio.create_task(_post(site, site.context("M1"), f"{CONTACT}?wait=50", content))
        watchers = site.store.changes._watchers  # type: ignore[attr-defined]
        await settled(lambda: bool(watchers.get("M1")))
    assert (await waiting).startswith(b"HTTP/1.1 200")


async def test_a_revocation_by_another_process_ends_the_wait(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody tells this one of it: it looks."""
    monkeypatch.setattr("mbusheadend.hosting_api.RECHECK_SECONDS", 0.05)
    version = (await site.store.orders("M1", 0, "", now())).version
    content = call(orders=version).model_dump_json().encode()
    waiting = asyncio.create_task(_post(site, site.context("M1"), f"{CONTACT}?wait=50", content))
    watchers = site.store.changes._watchers  # type: ignore[attr-defined]
    await settled(lambda: bool(watchers.get("M1")))
    (certificate,) = await site.store.certificates("M1")
    await site.store.revoke_certificate(certificate.number, now())
    async with asyncio.timeout(10):
        assert b'"revoked"' in await waiting


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /hosting/v1/contact HTTP/1.1\r\nHost: ",
        b"POST /hosting/v1/contact HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    ],
    ids=["nothing", "half a header", "half a body"],
)
async def test_who_sends_too_slowly_is_cut_off(
    sent: bytes, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)
    monkeypatch.setattr(connections, "BODY_LOOK_SECONDS", 0.05)
    reader, writer = await _connect(site, site.context("M1"))
    writer.write(sent)
    async with asyncio.timeout(10):
        with suppress(ConnectionError, ssl.SSLError):
            await reader.read()
    await _end(writer)


async def test_who_never_begins_the_handshake_holds_nobody_up(site: Site) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(50)]
    async with site.client("M1") as client:
        assert (await client.post(READINGS, content=body())).status_code == 200
    for _reader, writer in idle:
        await _end(writer)


async def test_an_older_tls_is_refused(site: Site) -> None:
    context = site.context("M1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match=r"(?i)version"):
        await _connect(site, context)


async def test_no_ticket_is_handed_out(site: Site) -> None:
    """With one a revoked master would come in without showing its certificate."""
    reader, writer = await _connect(site, site.context("M1"))
    content = call().model_dump_json().encode()
    writer.write(_request(CONTACT, content))
    assert await reader.read(12) == b"HTTP/1.1 200"
    session = writer.get_extra_info("ssl_object").session
    assert session is None or not session.has_ticket
    await _end(writer)


def _request(path: str, content: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def _connect(site: Site, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", site.port, ssl=context)


async def _post(site: Site, context: ssl.SSLContext, path: str, content: bytes) -> bytes:
    reader, writer = await _connect(site, context)
    writer.write(_request(path, content))
    answer = await reader.read()
    await _end(writer)
    return answer


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
