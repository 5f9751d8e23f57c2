"""A head-end of two processes over one PostgreSQL behind HAProxy: it does not matter to which a connection comes."""

import asyncio
import csv
import socket
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest

from mbushosting.contact import CONTACT
from mbushosting.readings import READINGS
from support.headend import call
from support.headend_messages import listed
from support.headend_meters import METER, OTHER
from support.nats import nodes
from support.postgres import Postgres
from support.several import NAMES, PASSWORD, Browser, Several, several, until
from support.stream import stored_ids, upload

pytestmark = [pytest.mark.process, pytest.mark.peers]
SECONDS = 60.0
KILLS = 6


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    postgres = Postgres(is_safe=True)
    yield postgres
    postgres.stop()


@pytest.fixture
def both(tmp_path: Path, server: Postgres) -> Iterator[Several]:
    with several(tmp_path, server) as there:
        there.command("one", "user", "add", "anna", "--role", "admin", typed=f"{PASSWORD}\n")
        there.start()
        there.start_balancer()
        yield there


def sessions_of(there: Several) -> dict[str, int]:
    """Give how many connections came to the pages of each process."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(there.folder / "stats"))
        asking.sendall(b"show stat\n")
        text = asking.makefile().read()
    rows = csv.DictReader(text.removeprefix("# ").splitlines())
    return {row["svname"]: int(row["stot"]) for row in rows if row["pxname"] == "pages"}


async def reached(there: Several) -> None:
    """Wait until the balancer has a process to give to."""
    async with httpx.AsyncClient(verify=there.context()) as client:

        async def is_well() -> bool:
            try:
                return (await client.get(f"https://127.0.0.1:{there.port}/health")).status_code == 200
            except httpx.TransportError:
                return False

        await until(is_well)


async def led_by(there: Several, *names: str) -> str:
    name = ""

    async def is_led() -> bool:
        nonlocal name
        name = await asyncio.to_thread(there.who_leads)
        return name in names

    await until(is_led)
    return name


async def test_pages_go_on_whichever_process_answers(both: Several) -> None:
    await reached(both)
    async with Browser(both) as browser:
        assert (await browser.log_in()).status_code == 200
        for _ in range(3):
            for path in ("/masters", "/meters", "/alarms", "/jobs", "/upkeep", "/users", "/firmware"):
                answer = await browser.show(path)
                assert (answer.status_code, answer.url.path) == (200, path)
        # A message is shown once, by the process that gives the next page.
        shown = await browser.submit("/upkeep")
        assert "load the page again" in shown.text
        for _ in range(2):
            assert "load the page again" not in (await browser.show("/upkeep")).text
        answer = await browser.submit("/logout")
        assert "You are logged out" in answer.text
        for _ in range(2):
            assert (await browser.show("/masters")).url.path == "/login"
    counts = sessions_of(both)
    assert min(counts[name] for name in NAMES) > 10


async def test_a_list_that_one_process_was_sent_is_taken_by_the_other(both: Several) -> None:
    await both.take_in("M1")
    one, two = (Browser(both, both.ports[name][1]) for name in NAMES)
    async with one, two:
        await one.log_in()
        await one.show("/masters/M1")
        file = {"file": ("list.csv", f"secondary_address\n{METER}\n".encode())}
        shown = one._keep(
            await one.post("/masters/import", data={"csrf": one.csrf, "master": "M1"}, files=file)
        )
        key = shown.text.partition('name="key" value="')[2].partition('"')[0]
        assert key, shown.text
        two.cookies, two.csrf = one.cookies, one.csrf
        answer = await two.submit("/masters/import/take", master="M1", key=key)
        assert "1 meter is new" in answer.text


async def test_an_order_given_at_one_process_reaches_a_master_that_is_connected_to_the_other(
    both: Several,
) -> None:
    context = await both.take_in("M1")
    url = f"https://127.0.0.1:{both.ports['two'][0]}{CONTACT}"
    async with (
        httpx.AsyncClient(verify=context, timeout=SECONDS) as master,
        Browser(both, both.ports["one"][1]) as browser,
        asyncio.timeout(SECONDS),
    ):
        first = call("M1", meter_list="1", meters=listed(str(METER), str(OTHER)))
        assert (await master.post(f"{url}?wait=0", content=first.model_dump_json())).status_code == 200
        news = {"orders": 0, "meter_list": "1"}
        waiting = asyncio.create_task(
            master.post(f"{url}?wait=60", content=call("M1", **news).model_dump_json())
        )
        await browser.log_in()

        # The one process knows from the other that the master is there.
        async def is_connected() -> bool:
            return "Connected" in (await browser.show("/masters/M1")).text

        await until(is_connected)
        answer = await browser.submit("/reads", master="M1")
        assert answer.status_code == 200
        orders = (await waiting).json()
        assert [one["kind"] for one in orders["commands"]] == ["read"]


async def test_work_in_the_background_is_taken_over_from_a_process_that_is_killed(both: Several) -> None:
    first = await led_by(both, *NAMES)
    other = next(name for name in NAMES if name != first)
    both.kill(first)
    assert await led_by(both, other) == other
    both.start(first)
    assert await led_by(both, *NAMES) == other


async def test_every_reading_is_there_once_whoever_is_killed_under_uploads(both: Several) -> None:
    context = await both.take_in("M1")
    await reached(both)
    acknowledged: list[int] = []
    ending = asyncio.Event()

    async def deliver(first: int) -> None:
        number = first
        async with httpx.AsyncClient(verify=context, timeout=10) as client:
            while not ending.is_set():
                try:
                    answer = await client.post(
                        f"https://127.0.0.1:{both.port}{READINGS}", content=upload(number).model_dump_json()
                    )
                except httpx.TransportError:
                    # As a master does: the same again.
                    await asyncio.sleep(0.1)
                    continue
                if answer.status_code == 200:
                    acknowledged.append(number)
                    number += 3

    async def some(count: int) -> None:
        async def is_there() -> bool:
            return len(acknowledged) >= count

        await until(is_there)

    random = Random(7)
    async with asyncio.TaskGroup() as tasks:
        for first in range(3):
            tasks.create_task(deliver(first))
        for turn in range(KILLS):
            await some(len(acknowledged) + 5 + random.randrange(10))
            name = NAMES[turn % 2]
            await asyncio.to_thread(both.kill, name)
            await asyncio.to_thread(both.start, name)
        ending.set()
    store = both.store()
    ids = await stored_ids(store)
    store.close()
    assert len(ids) == len(set(ids))
    assert set(ids) >= {4 * number + part for number in acknowledged for part in range(1, 5)}


async def test_a_process_with_other_keys_is_refused(both: Several) -> None:
    both.kill("two")
    for path in (both.state("two") / "authority").iterdir():
        path.unlink()
    with pytest.raises(AssertionError, match="another authority"):
        both.start("two")


async def test_a_process_begins_and_takes_uploads_while_the_store_is_away(
    tmp_path: Path, server: Postgres
) -> None:
    (tmp_path / "nodes").mkdir()
    with nodes(tmp_path / "nodes") as cluster:
        stream = "\n".join(("[stream]", f"servers = {list(cluster.servers)}", "max_bytes = 67108864"))
        with several(tmp_path, server, more=stream) as there:
            there.store().close()
            context = await there.take_in("M1")
            server.kill()
            try:
                there.start("one")
                url = f"https://127.0.0.1:{there.ports['one'][0]}"
                async with httpx.AsyncClient(verify=context, timeout=30, base_url=url) as master:

                    async def is_taken() -> bool:
                        answer = await master.post(READINGS, content=upload(0).model_dump_json())
                        return answer.status_code == 200

                    await until(is_taken)
                    health = await master.get("/health")
                    assert (health.status_code, health.json()["store"]) == (200, False)
                async with Browser(there, there.ports["one"][1]) as browser:
                    assert (await browser.log_in()).status_code == 503
            finally:
                server.start()

            async def is_stored() -> bool:
                store = there.store()
                try:
                    return sorted(await stored_ids(store)) == [1, 2, 3, 4]
                finally:
                    store.close()

            await until(is_stored)
