import asyncio
import socket

import pytest

from mbusmaster.channels import tcp
from mbusmaster.channels.plain_tcp import ChannelError, PlainTcpChannel
from mbusmaster.settings import PlainTcpSettings
from support.gateway import ask, close, gateway
from support.sharedbus import StrictMeter, nke, req, select

A, B = "12345678", "87654321"
E5 = b"\xe5"


async def test_a_request_is_passed_on_and_its_answer_comes_back() -> None:
    meter = StrictMeter(5, A)
    async with gateway([meter]) as running:
        client = await running.connect()
        assert await ask(client, nke(5).to_bytes(), 1) == E5
        answer = meter.telegram(0)
        assert await ask(client, req(5, 1).to_bytes(), len(answer)) == answer
        await close(client)


async def test_a_request_may_come_in_pieces_and_several_in_one() -> None:
    meter = StrictMeter(5, A)
    async with gateway([meter]) as running:
        client = await running.connect()
        for byte in nke(5).to_bytes()[:-1]:
            client[1].write(bytes((byte,)))
            await asyncio.sleep(0)
        assert await ask(client, nke(5).to_bytes()[-1:] + req(5, 1).to_bytes(), 1) == E5
        assert await client[0].readexactly(len(meter.telegram(0))) == meter.telegram(0)
        await close(client)
    assert running.heard == [nke(5).to_bytes(), req(5, 1).to_bytes()]


async def test_silence_stays_silence() -> None:
    async with gateway([StrictMeter(5, A)]) as running:
        client = await running.connect()
        client[1].write(nke(7).to_bytes())
        # The next answer is the first thing that comes back.
        await asyncio.sleep(0.3)
        assert await ask(client, nke(5).to_bytes(), 1) == E5
        await close(client)


async def test_an_answer_streams_while_it_arrives() -> None:
    meter = StrictMeter(5, A)
    async with gateway([meter]) as running:
        client = await running.connect()
        running.answers.clear()
        client[1].write(req(5, 1).to_bytes())
        await running.asked.wait()
        running.answers.set()
        assert (await client[0].readexactly(6)).hex() == "681212680805"
        await client[0].readexactly(len(meter.telegram(0)) - 6)
        await close(client)


async def test_a_client_that_closes_its_direction_still_gets_its_answer() -> None:
    async with gateway([StrictMeter(5, A)]) as running:
        client = await running.connect()
        client[1].write(nke(5).to_bytes())
        client[1].write_eof()
        assert await client[0].read() == E5
        await close(client)


async def test_what_a_client_gave_up_is_not_answered_in_the_place_of_its_next_request() -> None:
    meters = [StrictMeter(5, A), StrictMeter(6, B)]
    async with gateway(meters, allowance=5.0) as running:
        client = await running.connect()
        running.answers.clear()
        client[1].write(nke(5).to_bytes())
        await running.asked.wait()
        # Its own timeout passes, and it asks something else before the first answer is there.
        await asyncio.sleep(0.15)
        client[1].write(req(6, 1).to_bytes())
        await asyncio.sleep(0.05)
        running.answers.set()
        answer = meters[1].telegram(0)
        assert await client[0].readexactly(len(answer)) == answer
        await close(client)


async def test_a_request_repeated_while_it_waits_is_one_and_repeated_after_its_answer_is_two() -> None:
    async with gateway([StrictMeter(5, A)], allowance=5.0) as running:
        client = await running.connect()
        running.answers.clear()
        for _ in range(2):
            client[1].write(nke(5).to_bytes())
            await asyncio.sleep(0.15)
        running.answers.set()
        assert await client[0].readexactly(1) == E5
        assert await ask(client, nke(5).to_bytes(), 1) == E5
        await close(client)
    assert running.heard == [nke(5).to_bytes()] * 2


async def test_a_client_may_ask_whether_silence_was_silence() -> None:
    """The link status of address 251 is the gateway's own, given in its turn (`mbusio.barrier`)."""
    status = bytes.fromhex("10 49 FB 44 16")
    confirmation = bytes.fromhex("10 0B FB 06 16")
    async with gateway([StrictMeter(5, A)], allowance=5.0) as running:
        client = await running.connect()
        assert await ask(client, status, 5) == confirmation
        running.answers.clear()
        client[1].write(nke(5).to_bytes())
        # It comes later than what a client sends together, and gives up nothing all the same.
        await asyncio.sleep(0.15)
        client[1].write(status)
        await asyncio.sleep(0.15)
        running.answers.set()
        assert await client[0].readexactly(6) == E5 + confirmation
        await close(client)
    assert running.heard == [nke(5).to_bytes()]


async def test_write_services_are_not_passed_on_unless_the_bus_allows_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    set_address = bytes.fromhex("68 06 06 68 53 05 51 01 7A 07 2B 16")
    for allowed in (False, True):
        async with gateway([StrictMeter(5, A)], {"allow_writes": allowed}) as running:
            client = await running.connect()
            client[1].write(set_address)
            client[1].write(set_address)
            assert await ask(client, nke(5).to_bytes(), 1) == E5
            await close(client)
        assert (set_address in running.heard) is allowed
    assert len([r for r in caplog.records if "write services are switched off" in r.message]) == 1


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_baud_rate_is_never_changed_by_a_client(allowed: bool) -> None:
    async with gateway([StrictMeter(5, A)], {"allow_writes": allowed}) as running:
        client = await running.connect()
        client[1].write(bytes.fromhex("68 03 03 68 53 05 BD 15 16"))
        assert await ask(client, nke(5).to_bytes(), 1) == E5
        await close(client)
    assert running.heard == [nke(5).to_bytes()]


async def test_half_a_frame_is_forgotten_after_a_second() -> None:
    async with gateway([StrictMeter(5, A)]) as running:
        client = await running.connect()
        client[1].write(select(A).to_bytes()[:9])
        await asyncio.sleep(1.1)
        assert await ask(client, nke(5).to_bytes(), 1) == E5
        await close(client)
    assert running.heard == [nke(5).to_bytes()]


async def test_what_a_client_selected_is_released_when_it_hangs_up() -> None:
    async with gateway([StrictMeter(5, A)]) as running:
        client = await running.connect()
        assert await ask(client, select(A).to_bytes(), 1) == E5
        running.asked.clear()
        await close(client)
        await running.asked.wait()
    assert running.heard[-1] == nke(0xFD).to_bytes()


async def test_a_port_that_is_taken_is_an_error_that_names_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        async with gateway([]) as running:
            settings = PlainTcpSettings.model_validate({"port": port, "bind": ["127.0.0.1"]})
            with pytest.raises(ChannelError, match=str(port)):
                await PlainTcpChannel(settings, running.engine).start()


async def test_connections_that_never_asked_make_room_and_those_that_asked_stay() -> None:
    async with gateway([StrictMeter(5, A)], max_clients=4, max_clients_per_source=3) as running:
        worker = await running.connect()
        assert await ask(worker, nke(5).to_bytes(), 1) == E5
        idle = [await running.connect() for _ in range(2)]
        late = await running.connect()
        assert await idle[0][0].read() == b""
        assert await ask(late, nke(5).to_bytes(), 1) == E5
        assert await ask(worker, nke(5).to_bytes(), 1) == E5
        await close(worker, *idle, late)


async def test_where_all_have_asked_the_one_that_is_quiet_for_longest_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp, "QUIET_SECONDS", 0.0)
    async with gateway([StrictMeter(5, A)], max_clients=2) as running:
        first, second = await running.connect(), await running.connect()
        for client in (first, second, first):
            assert await ask(client, nke(5).to_bytes(), 1) == E5
        third = await running.connect()
        assert await ask(third, nke(5).to_bytes(), 1) == E5
        assert await second[0].read() == b""
        assert await ask(first, nke(5).to_bytes(), 1) == E5
        await close(first, second, third)


async def test_when_all_connections_are_at_work_one_more_is_refused() -> None:
    async with gateway([StrictMeter(5, A)], max_clients_per_source=2) as running:
        workers = [await running.connect() for _ in range(2)]
        for worker in workers:
            assert await ask(worker, nke(5).to_bytes(), 1) == E5
        refused = await running.connect()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await refused[0].readexactly(1)
        assert await ask(workers[0], nke(5).to_bytes(), 1) == E5
        await close(*workers, refused)
