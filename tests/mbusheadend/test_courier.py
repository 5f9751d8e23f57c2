"""Messages between processes: of each kind of courier, and of the server's when the server goes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing

import pytest

from mbusheadend.courier import MAX_MESSAGE, MOST_WAITING, Courier, CourierHere, CourierLostError
from mbusheadend.store.postgres.courier import CourierBetween
from mbusheadend.store.postgres.server import Server
from support.postgres import Postgres, shared_server

pytestmark = pytest.mark.peers

LONGEST = "t" * 60


@pytest.fixture(params=["here", "between"])
async def ends(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Courier, Courier]]:
    """Two processes, which are one where there is no server."""
    if request.param == "here":
        here = CourierHere()
        yield here, here
        return
    url = shared_server().empty_database()
    with closing(CourierBetween(Server(url))) as one, closing(CourierBetween(Server(url))) as other:
        yield one, other


async def test_whoever_hears_a_topic_gets_its_messages_in_their_order(ends: tuple[Courier, Courier]) -> None:
    one, other = ends
    async with other.subscribe(LONGEST) as heard, one.subscribe(LONGEST) as here:
        for number in range(100):
            await one.publish(LONGEST, bytes([number, 0, 255]))
        for subscription in (heard, here):
            assert [(await subscription.receive())[0] for _ in range(100)] == list(range(100))


async def test_a_topic_is_not_heard_by_those_of_another(ends: tuple[Courier, Courier]) -> None:
    one, other = ends
    async with other.subscribe("a") as heard:
        await one.publish("b", b"for b")
        await one.publish("A", b"for A")
        await one.publish("a", b"for a")
        assert await heard.receive() == b"for a"


async def test_what_nobody_hears_is_gone(ends: tuple[Courier, Courier]) -> None:
    one, other = ends
    await one.publish("a", b"early")
    async with other.subscribe("a") as heard:
        await one.publish("a", b"now")
        assert await heard.receive() == b"now"
    await one.publish("a", b"late")
    async with other.subscribe("a") as heard:
        await one.publish("a", b"again")
        assert await heard.receive() == b"again"


async def test_a_message_has_a_longest_size(ends: tuple[Courier, Courier]) -> None:
    one, other = ends
    async with other.subscribe("a") as heard:
        await one.publish("a", bytes(MAX_MESSAGE))
        assert await heard.receive() == bytes(MAX_MESSAGE)
    with pytest.raises(ValueError, match="too long"):
        await one.publish("a", bytes(MAX_MESSAGE + 1))
    with pytest.raises(ValueError, match="too long"):
        await one.publish("t" * 61, b"")


async def test_whoever_does_not_take_what_waits_is_told_that_some_was_lost(
    ends: tuple[Courier, Courier],
) -> None:
    one, other = ends
    async with one.subscribe("end") as end, other.subscribe("a") as heard:
        for number in range(MOST_WAITING + 10):
            await one.publish("a", number.to_bytes(2))
        async with other.subscribe("end") as passed:
            await one.publish("end", b"")
            await end.receive()
            await passed.receive()
        for number in range(MOST_WAITING):
            assert await heard.receive() == number.to_bytes(2)
        with pytest.raises(CourierLostError):
            await heard.receive()


@pytest.fixture
def server() -> Iterator[Postgres]:
    with ExitStack() as stack:
        server = Postgres(is_safe=True)
        stack.callback(server.stop)
        yield server


async def test_when_the_server_goes_subscriptions_end_and_when_it_is_back_there_are_new_ones(
    server: Postgres,
) -> None:
    with closing(CourierBetween(Server(server.empty_database()))) as courier:
        async with courier.subscribe("a") as heard:
            waiting = asyncio.create_task(heard.receive())
            await asyncio.to_thread(server.kill)
            with pytest.raises(CourierLostError):
                await waiting
        with pytest.raises(CourierLostError):
            await courier.publish("a", b"lost")
        await asyncio.to_thread(server.start)
        async with courier.subscribe("a") as heard:
            await courier.publish("a", b"new")
            assert await heard.receive() == b"new"


async def test_a_courier_that_is_closed_carries_nothing(server: Postgres) -> None:
    courier = CourierBetween(Server(server.empty_database()))
    async with courier.subscribe("a") as heard:
        courier.close()
        with pytest.raises(CourierLostError):
            await heard.receive()
        with pytest.raises(CourierLostError):
            await courier.publish("a", b"")
