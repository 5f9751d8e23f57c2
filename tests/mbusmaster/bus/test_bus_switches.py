"""A client that switches a meter to another rate is followed, notices nothing of others, and leaves the meter as it was."""

import asyncio
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbus.addressing import SecondaryAddress
from mbus.application.commands import req_ud2, select, set_baud, snd_nke
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.station import Stations
from mbus.link.transaction import Ack, Outcome, Silence
from mbus.procedures.baud import switch_baud
from mbus.procedures.steps import Request
from mbusio import driver
from mbusmaster.bus.arbiter import Arbiter
from mbusmaster.bus.client import Client
from mbussim.bus import Bus
from mbussim.disturbance import Loss
from mbussim.meter import PlainMeter, Traits
from support.arbiter import serving
from support.simulatedline import SimulatedLine
from support.virtual_time import VirtualTimeLoop, in_virtual_time

HEAT, WATER = SecondaryAddress("12345678", 0x2C2D, 1, 4), SecondaryAddress("87654321", 0x2C2D, 1, 7)
ONLY_2400 = frozenset((2400,))


def a_line(*, loss: float = 0.0) -> SimulatedLine:
    traits = Traits(rates=ONLY_2400, switchable=True)
    meters = [
        PlainMeter(5, HEAT, 40, traits),
        PlainMeter(6, WATER, 40, Traits(rates=ONLY_2400)),
    ]
    return SimulatedLine(Bus.of(meters, loss=loss))


def rates_of(line: SimulatedLine, primary: int = 5) -> frozenset[int]:
    return next(meter.traits.rates for meter in line.master.bus.meters if meter.primary == primary)


def allowed(arbiter: Arbiter, name: str) -> Client:
    return Client(arbiter, name, allow_baud_switch=True)


async def ask(client: Client, *frames: ShortFrame | LongFrame) -> bytes:
    """Send frames as a foreign master does; give the bytes that came back for the last."""
    heard = bytearray()
    for frame in frames:
        heard.clear()
        await client.transparent(frame, heard.extend)
    return bytes(heard)


def reading(address: int = 5, *, fcb: bool = True) -> ShortFrame:
    return req_ud2(address, fcb=fcb)


def faster(address: int = 5, baud: int = 9600) -> LongFrame:
    return set_baud(address, baud)


@in_virtual_time
async def test_a_switch_is_refused_unless_it_is_allowed_whatever_else_may_be_written() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        client = Client(arbiter, "one", allow_writes=True)
        assert await ask(client, faster()) == b""
        assert client.counters.refused == 1
    assert line.sent == []


@in_virtual_time
async def test_the_requests_behind_an_acknowledged_switch_go_out_at_the_new_rate() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        client = allowed(arbiter, "one")
        assert await ask(client, snd_nke(5), faster()) == b"\xe5"
        assert len(await ask(client, reading())) == 40
        assert len(await ask(client, reading(6))) == 40
        assert rates_of(line) == {9600}
    assert [rate for rate, _ in line.sent] == [2400, 2400, 9600, 2400]


@in_virtual_time
async def test_a_lease_after_its_client_has_asked_last_a_meter_is_switched_back_and_that_is_proven() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        client = allowed(arbiter, "one")
        await ask(client, snd_nke(5), faster(), reading())
        await asyncio.sleep(8)
        await ask(client, reading(fcb=False))
        await asyncio.sleep(8)
        assert rates_of(line) == {9600}
        line.sent.clear()
        await asyncio.sleep(4)
        assert line.sent == [
            (9600, "10 40 05 45 16"),
            (9600, "68 03 03 68 73 05 BB 33 16"),
            (2400, "10 40 05 45 16"),
        ]
        assert rates_of(line) == ONLY_2400
        assert arbiter.problems == ()
        assert len(await ask(client, reading())) == 40


@in_virtual_time
async def test_another_client_finds_the_meter_at_the_rate_at_which_it_asks_and_the_first_notices_nothing() -> (
    None
):
    line = a_line()
    async with serving(line) as arbiter:
        one, two = allowed(arbiter, "one"), Client(arbiter, "two")
        await ask(one, snd_nke(5), faster(), reading())
        assert len(await ask(two, reading(6))) == 40
        assert rates_of(line) == {9600}
        assert len(await ask(two, reading())) == 40
        assert rates_of(line) == ONLY_2400
        assert len(await ask(one, reading(fcb=False))) == 40
        assert {rate for rate, _ in line.sent[-2:]} == {2400}


@pytest.mark.parametrize(
    "asked", [snd_nke(0xFF), req_ud2(0xFE, fcb=True), select(SecondaryAddress("1FFFFFFF"))]
)
def test_before_somebody_asks_who_may_be_it_a_meter_is_switched_back(asked: ShortFrame | LongFrame) -> None:
    @in_virtual_time
    async def run() -> None:
        line = a_line()
        async with serving(line) as arbiter:
            one, two = allowed(arbiter, "one"), Client(arbiter, "two")
            await ask(one, snd_nke(5), faster(), reading())
            # An answer has said that this is the heat meter: the other one may be selected.
            await ask(two, select(WATER, fcb=True))
            assert rates_of(line) == {9600}
            await ask(two, asked)
            assert rates_of(line) == ONLY_2400

    run()


@in_virtual_time
async def test_a_meter_that_was_switched_by_its_number_is_selected_again_to_be_switched_back() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        client = allowed(arbiter, "one")
        mask = select(SecondaryAddress("12345678"))
        assert await ask(client, snd_nke(0xFD), mask, faster(0xFD)) == b"\xe5"
        assert len(await ask(client, mask, reading(0xFD))) == 40
        # Its answer has said at which primary address it lives.
        assert len(await ask(client, reading(5))) == 40
        assert len(await ask(client, reading(6))) == 40
        assert rates_of(line) == {9600}
        line.sent.clear()
        client.close()
        await asyncio.sleep(1)
    assert [rate for rate, _ in line.sent if _ != "10 40 FD 3D 16"] == [9600, 9600, 2400]
    assert line.sent[-1] == (2400, "10 40 FD 3D 16")
    assert rates_of(line) == ONLY_2400


@in_virtual_time
async def test_a_client_that_leaves_in_the_middle_of_its_switch_leaves_the_meter_as_it_was() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        client = allowed(arbiter, "one")
        switching = asyncio.create_task(ask(client, faster()))
        await asyncio.sleep(0.03)
        switching.cancel()
        client.close()
        await asyncio.sleep(2)
        assert rates_of(line) == ONLY_2400


@in_virtual_time
async def test_whose_acknowledgement_was_lost_is_told_at_both_rates() -> None:
    line = a_line()
    lost = Loss(1.0)
    async with serving(line) as arbiter:
        one, two = allowed(arbiter, "one"), Client(arbiter, "two")
        line.master.bus.disturbances.append(lost)
        assert await ask(one, faster()) == b""
        line.master.bus.disturbances.clear()
        assert rates_of(line) == {2400, 9600}
        # For the client it is still at the old rate; that another meter is read at the new one would complete the switch.
        assert len(await ask(one, reading())) == 40
        assert len(await ask(two, reading())) == 40
        assert rates_of(line) == ONLY_2400


@in_virtual_time
async def test_a_switch_that_nobody_acknowledged_at_an_empty_address_is_no_problem() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        client = allowed(arbiter, "one")
        await ask(client, faster(99))
        client.close()
        await asyncio.sleep(5)
        sent = len(line.sent)
        await asyncio.sleep(600)
        assert len(line.sent) == sent
        assert arbiter.problems == ()


@in_virtual_time
async def test_a_meter_that_does_not_come_back_is_named_and_tried_ever_more_rarely(
    caplog: pytest.LogCaptureFixture,
) -> None:
    line = a_line()
    slave = next(slave for slave in line.master.bus.slaves if slave.meter.primary == 5)
    async with serving(line) as arbiter:
        client, other = allowed(arbiter, "one"), Client(arbiter, "two")
        await ask(client, snd_nke(5), faster(), reading())
        slave.is_muted = True
        with caplog.at_level(logging.WARNING):
            client.close()
            await asyncio.sleep(600)
        assert arbiter.problems == (
            "the meter at address 5 could not be switched back from 9600 to 2400 baud",
        )
        assert len(caplog.messages) == 1
        assert len(line.sent) < 60
        # Others do not wait for it again with each request.
        line.sent.clear()
        await ask(other, reading(5))
        assert {rate for rate, _ in line.sent} == {2400}
        slave.is_muted = False
        await asyncio.sleep(700)
        assert rates_of(line) == ONLY_2400
        assert not arbiter.problems


@in_virtual_time
async def test_a_meter_that_was_given_up_and_answers_at_its_own_rate_is_no_problem_any_more() -> None:
    line = a_line()
    slave = next(slave for slave in line.master.bus.slaves if slave.meter.primary == 5)
    async with serving(line) as arbiter:
        client, other = allowed(arbiter, "one"), Client(arbiter, "two")
        await ask(client, snd_nke(5), faster(), reading())
        slave.is_muted = True
        client.close()
        await asyncio.sleep(20)
        assert arbiter.problems
        slave.is_muted = False
        slave.meter.traits = Traits(rates=ONLY_2400)
        assert len(await ask(other, reading(5))) == 40
        assert arbiter.problems == ()


@in_virtual_time
async def test_what_a_client_itself_switches_back_needs_nothing_more() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        client = allowed(arbiter, "one")
        await ask(client, snd_nke(5), faster(), reading())
        assert await ask(client, faster(baud=2400)) == b"\xe5"
        assert len(await ask(client, snd_nke(5), reading())) == 40
        line.sent.clear()
        client.close()
        await asyncio.sleep(30)
    assert line.sent == []
    assert rates_of(line) == ONLY_2400


@in_virtual_time
async def test_who_switches_back_and_does_not_ask_again_leaves_the_proof_to_the_gateway() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        client = allowed(arbiter, "one")
        await ask(client, snd_nke(5), faster(), reading(), faster(baud=2400))
        assert rates_of(line) == {2400, 9600}
        client.close()
        await asyncio.sleep(5)
    assert rates_of(line) == ONLY_2400


@in_virtual_time
async def test_from_one_rate_to_the_next_it_ends_at_the_first() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        client = allowed(arbiter, "one")
        await ask(client, snd_nke(5), faster(), reading())
        await ask(client, faster(baud=300), snd_nke(5))
        assert rates_of(line) == {300}
        client.close()
        await asyncio.sleep(5)
    assert rates_of(line) == ONLY_2400


@in_virtual_time
async def test_meters_that_detect_the_rate_are_left_as_they_are() -> None:
    line = SimulatedLine(Bus.of([PlainMeter(5, HEAT, 40)]))
    async with serving(line) as arbiter:
        client = allowed(arbiter, "one")
        await ask(client, snd_nke(5), faster())
        assert len(await ask(client, reading())) == 40
        client.close()
        await asyncio.sleep(5)
        assert arbiter.problems == ()


@pytest.mark.parametrize("address", [0xFF, 0xFE, 0xFB])
def test_a_switch_that_could_not_be_undone_is_refused(address: int) -> None:
    @in_virtual_time
    async def run() -> None:
        line = a_line()
        async with serving(line) as arbiter:
            told: list[str] = []
            client = Client(arbiter, "one", allow_baud_switch=True, tell=lambda _, text: told.append(text))
            assert await ask(client, faster(address)) == b""
            assert await ask(client, select(SecondaryAddress("123FFFFF")), faster(0xFD)) == b""
            assert await ask(client, faster(baud=38400)) == b""
        assert [text.partition(": ")[0].partition(" not")[2] for text in told] == [" passed on"] * 3
        assert len(line.sent) == 1

    run()


@in_virtual_time
async def test_a_converter_whose_rate_cannot_be_changed_gets_no_switch() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        arbiter.attach(line, switches_baud=False)
        assert await ask(allowed(arbiter, "one"), faster()) == b""
    assert line.sent == []


@in_virtual_time
async def test_after_the_line_was_away_meters_are_switched_back_first() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        client = allowed(arbiter, "one")
        await ask(client, snd_nke(5), faster(), reading())
        line.lost = True
        assert await ask(client, reading()) == b""
        client.close()
        await asyncio.sleep(60)
        line.lost = False
        arbiter.attach(line)
        await asyncio.sleep(1)
        assert rates_of(line) == ONLY_2400


@in_virtual_time
async def test_a_client_that_sets_its_own_rate_is_believed() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        one, two = allowed(arbiter, "one"), Client(arbiter, "two")
        await one.set_baud(2400)
        await ask(one, snd_nke(5), faster())
        await one.set_baud(9600)
        assert len(await ask(one, reading())) == 40
        assert len(await ask(two, reading())) == 40
        # It asks at a rate at which the meter was left; it is not its fault that the meter was called back.
        assert len(await ask(one, reading(fcb=False))) == 40


@in_virtual_time
async def test_a_job_of_the_master_switches_for_good() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        with Client(arbiter, "job") as job:
            await driver.run(switch_baud(5, 9600, Stations(), current=2400), job)
        await asyncio.sleep(60)
    assert rates_of(line) == {9600}


@in_virtual_time
async def test_the_end_of_the_gateway_brings_every_meter_back() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        client = allowed(arbiter, "one")
        assert await client.transparent(faster(), lambda data: None) == Ack()
        await ask(client, reading())
    await arbiter.switch_back_all()
    assert rates_of(line) == ONLY_2400


@in_virtual_time
async def test_for_a_client_without_selection_a_switch_of_the_selected_meter_is_silence() -> None:
    line = a_line()
    async with serving(line) as arbiter:
        client = allowed(arbiter, "one")
        assert isinstance(await client.transparent(faster(0xFD), lambda data: None), Silence)
        await asyncio.sleep(60)
    assert line.sent == []


SELECT_5 = select(SecondaryAddress("12345678"))
FRAMES: list[ShortFrame | LongFrame] = [
    snd_nke(5),
    reading(),
    reading(fcb=False),
    faster(),
    faster(baud=300),
    faster(baud=2400),
    SELECT_5,
    faster(0xFD),
    reading(0xFD),
    reading(6),
    snd_nke(0xFF),
    snd_nke(0xFD),
    select(SecondaryAddress("FFFFFFFF")),
]
Script = list[tuple[ShortFrame | LongFrame, float]]
scripts = st.lists(st.tuples(st.sampled_from(FRAMES), st.floats(0, 12)), max_size=12)


async def play(arbiter: Arbiter, script: Script) -> None:
    with allowed(arbiter, "switching") as client:
        for frame, pause in script:
            await ask(client, frame)
            await asyncio.sleep(pause)


async def read_again_and_again(arbiter: Arbiter) -> list[int]:
    """Read both meters as a program that knows nothing of rates; give the lengths of the answers."""
    lengths: list[int] = []
    with Client(arbiter, "reading") as client:
        for _ in range(8):
            lengths += [len(await ask(client, snd_nke(address), reading(address))) for address in (5, 6)]
            await asyncio.sleep(3)
    return lengths


@settings(max_examples=60, deadline=None)
@given(scripts, scripts, st.booleans())
def test_whatever_two_clients_switch_a_third_reads_every_meter_and_in_the_end_all_are_back(
    one: Script, two: Script, reads: bool
) -> None:
    async def run() -> None:
        line = a_line()
        async with serving(line) as arbiter:
            async with asyncio.TaskGroup() as tasks:
                third = tasks.create_task(read_again_and_again(arbiter)) if reads else None
                for script in (one, two):
                    tasks.create_task(play(arbiter, script))
            assert third is None or set(third.result()) == {40}
            await asyncio.sleep(5)
            assert arbiter.problems == ()
            assert rates_of(line) == ONLY_2400

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run())


class OverTheNetwork:
    """The bus as `mbus set-baud` sees it through a channel that lets its client set the rate."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def transact(self, request: Request) -> Outcome:
        return await self._client.transparent(request.frame, lambda data: None)

    async def set_baud(self, baud: int) -> None:
        await self._client.set_baud(baud)


@pytest.mark.parametrize("target", [5, HEAT, SecondaryAddress("12345678")])
def test_the_procedure_of_mbus_finds_the_meter_switched_and_the_gateway_undoes_it(
    target: int | SecondaryAddress,
) -> None:
    @in_virtual_time
    async def run() -> None:
        line = a_line()
        async with serving(line) as arbiter:
            with allowed(arbiter, "mbus") as client:
                procedure = switch_baud(target, 9600, Stations(), current=2400)
                reading = await driver.run(procedure, OverTheNetwork(client))
                assert reading.secondary == HEAT
                assert rates_of(line) == {9600}
            await asyncio.sleep(2)
        assert rates_of(line) == ONLY_2400

    run()


@in_virtual_time
async def test_what_a_client_selected_at_its_own_rate_is_released_at_that_rate_when_it_leaves() -> None:
    line = SimulatedLine(Bus.of([PlainMeter(5, HEAT, 40, Traits(rates=frozenset((9600,))))]))
    async with serving(line) as arbiter:
        with Client(arbiter, "one") as client:
            client.use_baud(9600)
            assert await ask(client, select(HEAT)) == b"\xe5"
            client.use_baud(300)
        await asyncio.sleep(1)
    assert line.sent[-1] == (9600, "10 40 FD 3D 16")
