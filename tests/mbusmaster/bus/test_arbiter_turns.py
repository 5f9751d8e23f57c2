"""Who is next: conversations stay together, everybody gets a turn, nobody waits for the dead."""

import asyncio

import pytest

from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.transaction import Ack, Expects, Silence
from mbus.procedures.steps import BaudChange, Note, Procedure, Request, ask, tell
from mbusio.barrier import Verdict
from mbusio.errors import BaudError, TransportClosedError
from mbusmaster.bus.arbiter import PATIENCE, Arbiter
from mbusmaster.bus.client import Client
from mbusmaster.bus.requests import Withheld
from mbusmaster.bus.turns import LeaseTimes, Priority
from mbusmaster.errors import BusDownError, ClientClosedError
from support.arbiter import serving
from support.sharedbus import SharedBus, StrictMeter, nke, req, select
from support.virtual_time import in_virtual_time

A = "12345678"


def silent(_: bytes) -> None:
    pass


FD = 0xFD
SELECT = 0x52


def order(bus: SharedBus) -> list[int]:
    """Give the address of each short frame that was on the wire, the CI field of each long one."""
    return [frame[2] if len(frame) == 5 else frame[6] for frame in bus.sent]


@in_virtual_time
async def test_clients_take_turns() -> None:
    bus = SharedBus()
    async with serving(bus) as arbiter:

        async def scan(client: Client, first: int) -> None:
            for address in range(first, first + 4):
                await client.transparent(nke(address), silent)

        await asyncio.gather(*(scan(Client(arbiter, str(first)), first) for first in (10, 20, 30)))
    assert order(bus) == [10, 20, 30, 11, 21, 31, 12, 22, 32, 13, 23, 33]


@in_virtual_time
async def test_a_conversation_is_kept_together_for_the_hold_time_and_not_longer() -> None:
    for pause, wanted in ((0.3, [SELECT, FD, 9]), (0.7, [SELECT, 9, SELECT, FD])):
        bus = SharedBus([StrictMeter(5, A)])
        async with serving(bus) as arbiter:
            one, two = Client(arbiter, "one"), Client(arbiter, "two")
            await one.transparent(select(A), silent)
            waiting = asyncio.create_task(two.transparent(nke(9), silent))
            await asyncio.sleep(pause)
            await one.transparent(req(0xFD, 1), silent)
            await waiting
        assert order(bus) == wanted


@in_virtual_time
async def test_clients_that_select_and_never_ask_are_waited_for_once() -> None:
    bus = SharedBus([StrictMeter(5, A)])
    async with serving(bus, LeaseTimes(hold=0.5)) as arbiter:
        loop = asyncio.get_running_loop()
        others = [Client(arbiter, str(number)) for number in range(3)]
        good = Client(arbiter, "good")
        for round_ in range(4):
            began = loop.time()
            selecting = [asyncio.create_task(other.transparent(select(A), silent)) for other in others]
            await asyncio.sleep(0)
            await good.transparent(nke(9), silent)
            await asyncio.wait(selecting)
            held = loop.time() - began - 4 * bus.seconds
            assert held == pytest.approx(3 * 0.5 if round_ == 0 else 0.0)


@in_virtual_time
async def test_a_client_that_goes_on_quickly_again_is_waited_for_again() -> None:
    bus = SharedBus([StrictMeter(5, A)])
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await one.transparent(select(A), silent)
        # It lets the bus lie idle while another one waits.
        await two.transparent(nke(9), silent)
        for wanted in ([SELECT, 9, SELECT, FD], [SELECT, FD, 9]):
            bus.sent.clear()
            await one.transparent(select(A), silent)
            waiting = asyncio.create_task(two.transparent(nke(9), silent))
            await asyncio.sleep(0.1)
            await one.transparent(req(0xFD, 1), silent)
            await waiting
            assert order(bus) == wanted


@in_virtual_time
async def test_a_client_that_only_initialised_a_meter_keeps_nobody_waiting() -> None:
    bus = SharedBus([StrictMeter(5, A)])
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await one.transparent(nke(5), silent)
        before = asyncio.get_running_loop().time()
        await two.transparent(nke(9), silent)
        assert asyncio.get_running_loop().time() - before == pytest.approx(bus.seconds)


@in_virtual_time
async def test_the_first_frame_of_another_conversation_waits_its_turn() -> None:
    bus = SharedBus([StrictMeter(5, A)])
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await one.transparent(select(A), silent)
        await asyncio.gather(one.transparent(nke(6), silent), two.transparent(nke(9), silent))
    assert order(bus) == [SELECT, 9, 6]


@in_virtual_time
async def test_nobody_waits_for_a_client_that_has_left() -> None:
    bus = SharedBus([StrictMeter(5, A)])
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await one.transparent(select(A), silent)
        one.close()
        before = asyncio.get_running_loop().time()
        await two.transparent(nke(9), silent)
        # Its selection is lifted, then it is the other's turn.
        assert asyncio.get_running_loop().time() - before == pytest.approx(2 * bus.seconds)
        with pytest.raises(ClientClosedError):
            await one.transparent(nke(5), silent)


@in_virtual_time
async def test_an_endless_conversation_ends_for_the_others() -> None:
    bus = SharedBus([StrictMeter(5, A, telegrams=1000)], seconds=0.5)
    async with serving(bus, LeaseTimes(limit=10.0)) as arbiter:
        stuck, other = Client(arbiter, "stuck"), Client(arbiter, "other")

        async def read_endlessly() -> None:
            for number in range(40):
                await stuck.transparent(req(5, (number + 1) % 2), silent)

        reading = asyncio.create_task(read_endlessly())
        await asyncio.sleep(0.1)
        await other.transparent(nke(9), silent)
        assert asyncio.get_running_loop().time() < 12
        await reading


@in_virtual_time
async def test_slow_rates_give_conversations_more_time() -> None:
    assert LeaseTimes(limit=10.0).limit_at(300) == 80.0
    assert LeaseTimes(limit=10.0).limit_at(19200) == 10.0


@in_virtual_time
async def test_the_urgent_go_first_but_nobody_starves() -> None:
    bus = SharedBus()
    async with serving(bus) as arbiter:
        urgent = [Client(arbiter, str(number)) for number in (1, 2)]
        patient = Client(arbiter, "scan", priority=Priority.BACKGROUND)

        async def ask_often(client: Client, address: int) -> None:
            for _ in range(6):
                await client.transparent(nke(address), silent)

        tasks = [asyncio.create_task(ask_often(client, 10 + n)) for n, client in enumerate(urgent)]
        await asyncio.sleep(0)
        await patient.transact(Request(nke(99), Expects.ACK))
        await asyncio.gather(*tasks)
    assert order(bus).index(99) == 4


@in_virtual_time
async def test_a_request_cancelled_before_its_turn_never_goes_out() -> None:
    bus = SharedBus()
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        first = asyncio.create_task(one.transparent(nke(1), silent))
        second = asyncio.create_task(two.transparent(nke(2), silent))
        await asyncio.sleep(0.01)
        second.cancel()
        await first
        await two.transparent(nke(3), silent)
    assert order(bus) == [1, 3]


@in_virtual_time
async def test_a_request_cancelled_on_the_bus_runs_out_unheard() -> None:
    bus = SharedBus([StrictMeter(5, A)])
    heard = bytearray()
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        first = asyncio.create_task(one.transparent(nke(5), heard.extend))
        await asyncio.sleep(0.01)
        first.cancel()
        await two.transparent(nke(9), silent)
    assert order(bus) == [5, 9]
    assert not heard


@in_virtual_time
async def test_a_request_that_waited_longer_than_anybody_listens_is_not_sent() -> None:
    bus = SharedBus([StrictMeter(5, A)], seconds=PATIENCE + 1)
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        outcomes = await asyncio.gather(one.transparent(nke(5), silent), two.transparent(nke(6), silent))
    assert list(outcomes) == [Ack(), Withheld(verdict=Verdict.BUSY)]
    assert order(bus) == [5]
    assert two.counters.given_up == 1


@in_virtual_time
async def test_a_client_that_gave_up_waiting_keeps_its_place() -> None:
    bus = SharedBus()
    async with serving(bus) as arbiter:
        clients = [Client(arbiter, str(number)) for number in range(3)]
        tasks = [asyncio.create_task(client.transparent(nke(n), silent)) for n, client in enumerate(clients)]
        await asyncio.sleep(0.01)
        tasks[1].cancel()
        await asyncio.sleep(0.01)
        tasks[1] = asyncio.create_task(clients[1].transparent(nke(7), silent))
        await asyncio.wait(tasks)
    assert order(bus) == [0, 7, 2]


@in_virtual_time
async def test_without_a_line_transparent_clients_meet_silence_and_jobs_an_error() -> None:
    arbiter = Arbiter(baud=2400)
    working = asyncio.create_task(arbiter.serve())
    client = Client(arbiter, "one")
    assert await client.transparent(nke(5), silent) == Withheld(verdict=Verdict.DOWN)
    with pytest.raises(BusDownError):
        await client.transact(Request(nke(5), Expects.ACK))
    working.cancel()


@in_virtual_time
async def test_when_the_line_breaks_everybody_who_waits_is_told() -> None:
    bus = SharedBus()
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        bus.error = TransportClosedError("pulled out")
        first = asyncio.create_task(one.transparent(nke(5), silent))
        with pytest.raises(BusDownError):
            await two.transact(Request(nke(6), Expects.ACK))
        assert await first == Withheld(verdict=Verdict.DOWN)
        assert not arbiter.is_attached


class Stubborn(SharedBus):
    """Goes to another rate and not back."""

    async def set_baud(self, baud: int) -> None:
        if self.baud != 2400:
            raise BaudError("cannot do that")
        self.baud = baud


@in_virtual_time
async def test_a_rate_that_cannot_be_set_is_silence_for_clients_and_the_line_stays() -> None:
    async with serving(Stubborn([StrictMeter(5, A)])) as arbiter:
        job, one = Client(arbiter, "job"), Client(arbiter, "one")
        await job.set_baud(9600)
        assert await job.transact(Request(select(A), Expects.ACK)) == Ack()
        assert await one.transparent(nke(5), silent) == Withheld(verdict=Verdict.DOWN)
        job.close()
        await asyncio.sleep(1)
        assert arbiter.is_attached
        assert await one.transparent(nke(5), silent) == Withheld(verdict=Verdict.DOWN)


class Seen(Note):
    pass


def reading() -> Procedure[list[object]]:
    outcomes: list[object] = [(yield from ask(Request(nke(5), Expects.ACK)))]
    yield from tell(Seen())
    yield from tell(BaudChange(9600))
    outcomes.append((yield from ask(Request(select(A), Expects.ACK))))
    return outcomes


@in_virtual_time
async def test_a_procedure_runs_on_its_share_at_its_own_rate_while_others_keep_theirs() -> None:
    rates: list[tuple[int, int]] = []

    class Rated(SharedBus):
        async def transact(self, request: Request, **options: object) -> Ack | Silence:
            rates.append((request.frame.address, self.baud))
            return Ack()

    notes: list[Note] = []
    async with serving(Rated()) as arbiter:
        job = Client(arbiter, "job", priority=Priority.SCHEDULED)
        assert await job.run(reading(), watch=notes.append) == [Ack(), Ack()]
        await Client(arbiter, "other").transparent(nke(9), silent)
    assert rates == [(5, 2400), (0xFD, 9600), (9, 2400)]
    assert len(notes) == 1


REFUSED: list[ShortFrame | LongFrame] = [
    ShortFrame(0x08, 5),
    ShortFrame(0x5B, 0xFF),
    ShortFrame(0xC0, 5),
    ShortFrame(0x7B, 0xFC),
    LongFrame(0x08, 5, 0x72),
    LongFrame(0x53, 5, 0x51, b"\x01\x7a\x07"),
    LongFrame(0x53, 5, 0x52, bytes(8)),
    LongFrame(0x43, 5, 0x51),
    LongFrame(0x53, 5, 0x50),
    LongFrame(0x53, 0xFF, 0x5C),
    LongFrame(0x53, 5, 0xBB),
    LongFrame(0x5B, 5, 0x72),
]


@in_virtual_time
async def test_what_no_reading_client_sends_stays_off_the_bus() -> None:
    bus = SharedBus()
    async with serving(bus) as arbiter:
        client = Client(arbiter, "one")
        for frame in REFUSED:
            assert await client.transparent(frame, silent) == Withheld(verdict=Verdict.REFUSED), frame
    assert bus.sent == []
    assert client.counters.refused == len(REFUSED)


@in_virtual_time
async def test_where_writing_is_allowed_only_baud_rates_and_nonsense_stay_off() -> None:
    bus = SharedBus()
    async with serving(bus) as arbiter:
        client = Client(arbiter, "one", allow_writes=True)
        for frame in REFUSED:
            await client.transparent(frame, silent)
    assert [bytes(frame) for frame in bus.sent] == [
        frame.to_bytes()
        for frame in REFUSED
        if isinstance(frame, LongFrame) and frame.control in (0x53, 0x43) and frame.ci != 0xBB
    ]
