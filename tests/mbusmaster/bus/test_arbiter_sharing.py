"""Two clients on one bus get exactly what each would get alone; the bytes on the wire are golden."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.transaction import Ack, Fault, Garbled, Reply, Silence
from mbusmaster.bus.arbiter import Arbiter
from mbusmaster.bus.client import Client
from support.arbiter import serving
from support.sharedbus import SharedBus, StrictMeter, nke, req, select
from support.virtual_time import VirtualTimeLoop, in_virtual_time

A, B = "12345678", "87654321"


async def ask(client: Client, frame: ShortFrame | LongFrame) -> bytes:
    """Send a frame as a foreign master does; give the bytes that came back."""
    heard = bytearray()
    await client.transparent(frame, heard.extend)
    return bytes(heard)


def hexes(bus: SharedBus) -> list[str]:
    return [frame.hex(" ").upper() for frame in bus.sent]


SELECT_A = "68 0B 0B 68 53 FD 52 78 56 34 12 FF FF FF FF B2 16"
SELECT_B = "68 0B 0B 68 53 FD 52 21 43 65 87 FF FF FF FF EE 16"


@in_virtual_time
async def test_the_frames_of_a_client_alone_pass_unchanged() -> None:
    meter = StrictMeter(5, A, telegrams=2)
    bus = SharedBus([meter])
    async with serving(bus) as arbiter:
        client = Client(arbiter, "one")
        asked: list[ShortFrame | LongFrame] = [
            nke(5),
            req(5, 1),
            req(5, 0),
            req(5, 0),
            nke(0xFD),
            select(A),
            req(0xFD, 1),
            nke(0xFF),
            req(5, 0),
        ]
        for frame in asked:
            await ask(client, frame)
            await asyncio.sleep(100)
    assert bus.sent == [frame.to_bytes() for frame in asked]


@in_virtual_time
async def test_a_reading_of_three_telegrams_survives_another_client_in_its_middle() -> None:
    meter = StrictMeter(5, A, telegrams=3)
    bus = SharedBus([meter])
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        assert await ask(one, nke(5)) == b"\xe5"
        assert await ask(one, req(5, 1)) == meter.telegram(0)
        assert await ask(one, req(5, 0)) == meter.telegram(1)
        assert await ask(two, req(5, 1)) == meter.telegram(0)
        assert await ask(one, req(5, 1)) == meter.telegram(2)
        assert await ask(two, req(5, 0)) == meter.telegram(1)
    assert hexes(bus) == [
        "10 40 05 45 16",
        "10 7B 05 80 16",
        "10 5B 05 60 16",
        # The second client: initialised for it, then its own request.
        "10 40 05 45 16",
        "10 7B 05 80 16",
        # The first goes on: initialised, two telegrams again, then the third for it.
        "10 40 05 45 16",
        "10 7B 05 80 16",
        "10 5B 05 60 16",
        "10 7B 05 80 16",
        "10 40 05 45 16",
        "10 7B 05 80 16",
        "10 5B 05 60 16",
    ]


@in_virtual_time
async def test_a_telegram_that_a_client_repeats_is_the_same_one() -> None:
    meter = StrictMeter(5, A, telegrams=3)
    async with serving(SharedBus([meter])) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await ask(one, nke(5))
        await ask(one, req(5, 1))
        await ask(one, req(5, 0))
        await ask(two, req(5, 1))
        assert await ask(one, req(5, 0)) == meter.telegram(1)
        assert await ask(one, req(5, 1)) == meter.telegram(2)


@in_virtual_time
async def test_the_last_telegram_of_a_reading_can_be_repeated_too() -> None:
    meter, other = StrictMeter(5, A, telegrams=3), StrictMeter(6, B)
    async with serving(SharedBus([meter, other])) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        for address, first in ((5, nke(5)), (0xFD, select(A))):
            await ask(one, first)
            for number, bit in enumerate((1, 0, 1)):
                assert await ask(one, req(address, bit)) == meter.telegram(number)
            for _ in range(2):
                await ask(two, req(5, 1))
                await ask(two, select(B))
                await ask(two, req(0xFD, 1))
                assert await ask(one, req(address, 1)) == meter.telegram(2)


@in_virtual_time
async def test_a_selection_that_another_client_lifts_takes_no_telegram_from_a_reading() -> None:
    meter = StrictMeter(5, A, telegrams=3)
    async with serving(SharedBus([meter])) as arbiter:
        one, two, three = (Client(arbiter, name) for name in ("one", "two", "three"))
        await ask(two, select(A))
        assert await ask(one, req(5, 1)) == meter.telegram(0)
        await ask(two, nke(0xFD))
        assert await ask(one, req(5, 0)) == meter.telegram(1)
        await ask(three, select(A))
        assert await ask(one, req(5, 1)) == meter.telegram(2)
        await ask(three, req(0xFD, 1))
        assert await ask(one, req(5, 0)) == meter.telegram(0)
        three.close()
        await asyncio.sleep(1)
        assert await ask(one, req(5, 1)) == meter.telegram(1)


@in_virtual_time
async def test_a_client_that_never_initialises_gets_fresh_readings_with_either_bit() -> None:
    meter = StrictMeter(5, A, telegrams=2)
    bus = SharedBus([meter])
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await ask(one, req(5, 1))
        await ask(one, req(5, 0))
        await ask(two, req(5, 1))
        await ask(two, req(5, 0))
        bus.sent.clear()
        # So much later it is no repetition. Its bit is 0 where a fresh start needs 1: the slave sees the opposite from here on.
        await asyncio.sleep(10.5)
        assert await ask(one, req(5, 0)) == meter.telegram(0)
        assert await ask(one, req(5, 1)) == meter.telegram(1)
    assert hexes(bus) == ["10 40 05 45 16", "10 7B 05 80 16", "10 5B 05 60 16"]


@in_virtual_time
async def test_a_reading_of_which_the_lease_is_over_gets_silence_and_later_begins_anew() -> None:
    meter = StrictMeter(5, A, telegrams=2)
    async with serving(SharedBus([meter])) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await ask(one, req(5, 1))
        await ask(two, req(5, 1))
        await asyncio.sleep(11)
        assert await ask(one, req(5, 0)) == b""
        assert one.counters.withheld == 1
        await asyncio.sleep(20)
        assert await ask(one, req(5, 0)) == meter.telegram(0)


@in_virtual_time
async def test_an_open_selection_that_another_client_replaced_is_put_back() -> None:
    meters = [StrictMeter(5, A), StrictMeter(6, B)]
    bus = SharedBus(meters)
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        assert await ask(one, select(A)) == b"\xe5"
        assert await ask(two, select(B)) == b"\xe5"
        assert await ask(one, req(0xFD, 1)) == meters[0].telegram(0)
        assert await ask(two, req(0xFD, 1)) == meters[1].telegram(0)
    assert hexes(bus) == [SELECT_A, SELECT_B, SELECT_A, "10 7B FD 78 16", SELECT_B, "10 7B FD 78 16"]


@in_virtual_time
async def test_a_selection_whose_lease_is_over_gets_silence_and_never_another_clients_meter() -> None:
    bus = SharedBus([StrictMeter(5, A), StrictMeter(6, B)])
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await ask(one, select(A))
        await ask(two, select(B))
        await asyncio.sleep(10.5)
        bus.sent.clear()
        assert await ask(one, req(0xFD, 1)) == b""
        assert await ask(one, req(0xFD, 0)) == b""
    assert bus.sent == []
    assert one.counters.withheld == 2


@in_virtual_time
async def test_after_its_conversation_is_complete_a_replaced_selection_gets_silence() -> None:
    bus = SharedBus([StrictMeter(5, A), StrictMeter(6, B)])
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await ask(one, select(A))
        await ask(one, req(0xFD, 1))
        await ask(two, select(B))
        assert await ask(one, req(0xFD, 0)) == b""


@in_virtual_time
async def test_a_client_that_never_selected_gets_silence_from_fd() -> None:
    bus = SharedBus([StrictMeter(5, A, selected=True)])
    async with serving(bus) as arbiter:
        client = Client(arbiter, "one", allow_writes=True)
        assert await ask(client, req(0xFD, 1)) == b""
        assert await ask(client, LongFrame(0x43, 0xFD, 0x51, b"\x01\x7a\x05")) == b""
    assert bus.sent == []


@in_virtual_time
async def test_a_selection_survives_reading_by_primary_address_of_the_same_meter() -> None:
    meter = StrictMeter(5, A, telegrams=2)
    async with serving(SharedBus([meter])) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await ask(one, select(A))
        assert await ask(one, req(0xFD, 1)) == meter.telegram(0)
        assert await ask(two, req(5, 1)) == meter.telegram(0)
        assert await ask(one, req(0xFD, 0)) == meter.telegram(1)
        assert await ask(two, req(5, 0)) == meter.telegram(1)


@in_virtual_time
async def test_a_meter_that_left_the_bus_is_not_asked_through_fd_after_its_selection_failed() -> None:
    meters = [StrictMeter(5, A), StrictMeter(6, B)]
    bus = SharedBus(meters)
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await ask(one, select(A))
        await ask(two, select(B))
        del bus.meters[0]
        bus.sent.clear()
        assert await ask(one, req(0xFD, 1)) == b""
    assert hexes(bus) == [SELECT_A]


@in_virtual_time
async def test_an_answer_through_fd_that_does_not_fit_the_selection_never_reaches_the_client() -> None:
    a, b = StrictMeter(5, A), StrictMeter(6, B)
    bus = SharedBus([a, b])
    async with serving(bus) as arbiter:
        client = Client(arbiter, "one")
        await ask(client, select(A))
        frame = b.telegram(0)
        bus.answers = [(frame, Reply(LongFrame(frame[4], frame[5], frame[6], frame[7:-2])))]
        assert await ask(client, req(0xFD, 1)) == b""


@in_virtual_time
async def test_a_late_answer_of_another_meter_never_reaches_the_client() -> None:
    a, b = StrictMeter(5, A), StrictMeter(6, B)
    bus = SharedBus([a, b])
    async with serving(bus) as arbiter:
        client = Client(arbiter, "one")
        bus.answers = [(b.telegram(0), Garbled(b.telegram(0), Fault.FOREIGN))]
        assert await ask(client, req(5, 1)) == b""
        bus.answers = [(b.telegram(0), Garbled(b.telegram(0), Fault.FOREIGN))]
        assert await ask(client, select(A)) == b""


@in_virtual_time
async def test_a_late_acknowledgement_in_front_of_an_answer_is_left_out() -> None:
    meter = StrictMeter(5, A)
    frame = meter.telegram(0)
    bus = SharedBus()
    async with serving(bus) as arbiter:
        client = Client(arbiter, "one")
        reply = Reply(LongFrame(frame[4], frame[5], frame[6], frame[7:-2]), noise=b"\xe5")
        bus.answers = [(b"\xe5" + frame, reply), (b"\xe5", Ack())]
        assert await ask(client, req(5, 1)) == frame
        # Alone it is the answer of a meter that has nothing to tell.
        assert await ask(client, req(5, 1)) == b"\xe5"


@in_virtual_time
async def test_the_bytes_of_a_collision_pass_as_they_came() -> None:
    collision = bytes.fromhex("68 1F 1F 68 08 04 72 00 00 00 12 05 00")
    bus = SharedBus()
    bus.answers = [(collision, Garbled(collision, Fault.COLLISION))] * 2
    async with serving(bus) as arbiter:
        client = Client(arbiter, "one")
        assert await ask(client, req(5, 1)) == collision
        assert await ask(client, req(0xFE, 1)) == collision


@in_virtual_time
async def test_an_initialisation_without_answer_is_followed_by_the_bit_that_begins_a_reading() -> None:
    meter = StrictMeter(5, A, acknowledges=False)
    bus = SharedBus([meter])
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await ask(one, req(5, 1))
        bus.sent.clear()
        assert await ask(two, req(5, 1)) == meter.telegram(0)
    assert hexes(bus) == ["10 40 05 45 16", "10 5B 05 60 16"]


@in_virtual_time
async def test_in_doubt_whether_a_meter_would_go_on_with_another_clients_reading_it_is_not_asked() -> None:
    meter = StrictMeter(5, A, telegrams=3, deaf_to=[nke(5).to_bytes()])
    async with serving(SharedBus([meter])) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await ask(one, req(5, 1))
        await ask(one, req(5, 0))
        assert await ask(two, req(5, 1)) == b""


@in_virtual_time
async def test_a_broadcast_of_another_client_is_no_harm_to_a_reading_in_progress() -> None:
    meter = StrictMeter(5, A, telegrams=2)
    async with serving(SharedBus([meter])) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await ask(one, req(5, 1))
        await ask(two, nke(0xFF))
        assert await ask(one, req(5, 0)) == meter.telegram(1)


@in_virtual_time
async def test_a_client_lifts_no_selection_but_its_own() -> None:
    meter = StrictMeter(5, A)
    bus = SharedBus([meter])
    async with serving(bus) as arbiter:
        one, two = Client(arbiter, "one"), Client(arbiter, "two")
        await ask(one, select(A))
        assert await ask(two, nke(0xFD)) == b""
        assert await ask(one, nke(0xFD)) == b"\xe5"
    assert hexes(bus) == [SELECT_A, "10 40 FD 3D 16"]


@in_virtual_time
async def test_after_the_line_was_away_nothing_is_taken_for_granted() -> None:
    meter = StrictMeter(5, A, telegrams=2)
    bus = SharedBus([meter])
    async with serving(bus) as arbiter:
        client = Client(arbiter, "one")
        await ask(client, req(5, 1))
        arbiter.detach()
        meter.bit, meter.next_telegram = None, 0
        arbiter.attach(bus)
        assert await ask(client, req(5, 0)) == meter.telegram(1)


@in_virtual_time
async def test_what_a_client_left_selected_is_released_when_it_goes() -> None:
    bus = SharedBus([StrictMeter(5, A)])
    async with serving(bus) as arbiter:
        client = Client(arbiter, "one")
        await ask(client, select(A))
        client.close()
        await asyncio.sleep(1)
    assert hexes(bus) == [SELECT_A, "10 40 FD 3D 16"]


Script = list[tuple[ShortFrame | LongFrame, float]]

READINGS: list[list[ShortFrame | LongFrame]] = [
    [nke(5), req(5, 1), req(5, 0), req(5, 1)],
    [nke(6), req(6, 1)],
    [select(A), req(0xFD, 1), req(0xFD, 0), req(0xFD, 1)],
    [nke(0xFD), select(B), req(0xFD, 1)],
    [nke(7)],
    [select("11111111")],
    # Repetitions, also of the last telegram; readings that begin with the next bit, or are broken off.
    [nke(5), req(5, 1), req(5, 1), req(5, 0), req(5, 0), req(5, 1), req(5, 1)],
    [nke(5), req(5, 1), req(5, 0), req(5, 1), req(5, 0), req(5, 1), req(5, 0)],
    [nke(5), req(5, 1)],
    [select(A), req(0xFD, 1), req(0xFD, 1), req(0xFD, 0), req(0xFD, 1), req(0xFD, 1)],
    [select(A), req(0xFD, 1), select(B), req(0xFD, 1), req(0xFD, 1)],
    [select(A), nke(0xFD)],
]


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """A client that reads meters one after the other, at its own pace, and never pauses as long as a lease."""
    readings = draw(st.lists(st.sampled_from(READINGS), min_size=1, max_size=4))
    return [(frame, draw(st.floats(0, 4))) for reading in readings for frame in reading]


async def play(arbiter: Arbiter, script: Script) -> list[bytes]:
    answers = []
    with Client(arbiter, "client") as client:
        for frame, pause in script:
            await asyncio.sleep(pause)
            answer = await ask(client, frame)
            # Who acknowledges SND_NKE to FD is whoever happens to be selected: it tells nobody anything.
            if frame != nke(0xFD):
                answers.append(answer)
    return answers


def answers_of(*scripts: Script) -> list[list[bytes]]:
    async def together() -> list[list[bytes]]:
        bus = SharedBus([StrictMeter(5, A, telegrams=3), StrictMeter(6, B)])
        async with serving(bus) as arbiter:
            return list(await asyncio.gather(*(play(arbiter, script) for script in scripts)))

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(together())


@settings(max_examples=150, deadline=None)
@given(st.lists(scripts(), min_size=2, max_size=3))
def test_clients_at_once_get_what_each_gets_alone(clients: list[Script]) -> None:
    assert answers_of(*clients) == [answers_of(script)[0] for script in clients]


ANY_FRAMES: list[ShortFrame | LongFrame] = [
    *(nke(address) for address in (5, 6, 7, 0xFD, 0xFF)),
    *(req(address, bit) for address in (5, 6, 0xFD) for bit in (0, 1)),
    *(select(identification) for identification in (A, B, "FFFFFFFF", "11111111")),
]
PAUSES = (0.0, 0.0, 0.05, 0.3, 1.0, 8.0, 12.0)


def owners(script: Script) -> list[str]:
    """For each frame, the first digit of the meters whose telegrams may answer it."""
    selected = ""
    given = []
    for frame, _ in script:
        if isinstance(frame, LongFrame):
            identification = frame.data[:4][::-1].hex().upper()
            selected = {A: A[0], B: B[0], "FFFFFFFF": A[0] + B[0]}.get(identification, "")
        elif frame in (nke(0xFD), nke(0xFF)):
            selected = ""
        asked = {5: A[0], 6: B[0], 0xFD: selected}.get(frame.address, "")
        given.append(asked if frame.control & 0x0F == 0x0B else "")
    return given


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(ANY_FRAMES), st.sampled_from(PAUSES)), min_size=1, max_size=12),
        min_size=2,
        max_size=3,
    )
)
def test_whatever_clients_send_nobody_gets_the_telegram_of_a_meter_that_was_not_asked(
    clients: list[Script],
) -> None:
    for script, answers in zip(clients, answers_of(*clients), strict=True):
        asked = [
            owner for (frame, _), owner in zip(script, owners(script), strict=True) if frame != nke(0xFD)
        ]
        for owner, answer in zip(asked, answers, strict=True):
            if answer.startswith(b"\x68"):
                assert answer[7:11][::-1].hex()[0] in owner


@in_virtual_time
async def test_outcomes_are_told_as_they_were() -> None:
    async with serving(SharedBus([StrictMeter(5, A)])) as arbiter:
        client = Client(arbiter, "one")
        assert await client.transparent(nke(5), lambda _: None) == Ack()
        assert await client.transparent(nke(6), lambda _: None) == Silence()
        assert isinstance(await client.transparent(req(5, 1), lambda _: None), Reply)
    counters = client.counters
    assert (counters.requests, counters.acknowledgements, counters.silences, counters.replies) == (3, 1, 1, 1)
