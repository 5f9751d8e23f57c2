"""Who holds the bus, who waits and since when, who is connected."""

import asyncio

import pytest

from mbusmaster.bus.client import Client
from support.arbiter import serving
from support.sharedbus import SharedBus, StrictMeter, nke, req, select
from support.virtual_time import in_virtual_time

A = "12345678"


def silent(_: bytes) -> None:
    pass


@in_virtual_time
async def test_a_bus_that_nobody_uses_has_no_holder_and_nobody_waits() -> None:
    async with serving(SharedBus()) as arbiter:
        Client(arbiter, "one", kind="plain tcp", source="10.0.0.9")
        await asyncio.sleep(5)
        users = arbiter.users()
    assert users.holder is None
    assert users.waiting == ()
    (user,) = users.clients
    assert (user.client, user.kind, user.source, user.connected, user.quiet) == (
        "one", "plain tcp", "10.0.0.9", 5, None,
    )  # fmt: skip


@in_virtual_time
async def test_whose_request_is_on_the_bus_holds_it_and_the_others_wait() -> None:
    async with serving(SharedBus(seconds=1.0)) as arbiter:
        clients = [Client(arbiter, name) for name in ("one", "two", "three")]
        tasks = [asyncio.create_task(client.transparent(nke(7), silent)) for client in clients]
        await asyncio.sleep(0.25)
        users = arbiter.users()
        assert users.holder is not None
        assert (users.holder.client, users.holder.meter, users.holder.since, users.holder.sending) == (
            "one", "7", 0.25, True,
        )  # fmt: skip
        assert [(one.client, one.meter, one.since) for one in users.waiting] == [
            ("two", "7", 0.25),
            ("three", "7", 0.25),
        ]
        assert users.clients[0].counters.requests == 1
        await asyncio.wait(tasks)


@in_virtual_time
async def test_an_unfinished_conversation_holds_the_bus_for_the_hold_time_and_names_the_selected_meter() -> (
    None
):
    async with serving(SharedBus([StrictMeter(5, A)])) as arbiter:
        one = Client(arbiter, "one", source="10.0.0.9")
        await one.transparent(select(A), silent)
        await asyncio.sleep(0.3)
        holder = arbiter.users().holder
        assert holder is not None
        assert (holder.client, holder.source, holder.meter, holder.sending) == (
            "one", "10.0.0.9", "12345678FFFFFFFF", False,
        )  # fmt: skip
        await asyncio.sleep(0.3)
        assert arbiter.users().holder is None


@in_virtual_time
async def test_a_conversation_is_counted_from_its_beginning() -> None:
    async with serving(SharedBus([StrictMeter(5, A, telegrams=9)], seconds=0.4)) as arbiter:
        one = Client(arbiter, "one")
        await one.transparent(req(5, 1), silent)
        await one.transparent(req(5, 0), silent)
        asking = asyncio.create_task(one.transparent(req(5, 1), silent))
        await asyncio.sleep(0.1)
        holder = arbiter.users().holder
        assert holder is not None
        assert holder.since == pytest.approx(0.5)
        await asking


@in_virtual_time
async def test_a_client_is_quiet_since_its_last_request_and_gone_when_it_has_left() -> None:
    async with serving(SharedBus()) as arbiter:
        with Client(arbiter, "one") as one:
            await one.transparent(nke(7), silent)
            await asyncio.sleep(9.95)
            assert arbiter.users().clients[0].quiet == pytest.approx(10)
        assert arbiter.users().clients == ()
