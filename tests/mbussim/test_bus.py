import pytest

from mbus.addressing import SecondaryAddress
from mbus.link import timing
from mbus.link.frames import LongFrame, parse_frame
from mbussim.bus import Bus
from mbussim.meter import PlainMeter, Traits
from mbussim.receiver import Heard

NKE_1 = bytes.fromhex("1040014116")
NKE_FE = bytes.fromhex("1040FE3E16")
REQ_1 = bytes.fromhex("107B017C16")
REQ_2 = bytes.fromhex("107B027D16")
REQ_FE = bytes.fromhex("107BFE7916")


def meter(primary: int, **traits: object) -> PlainMeter:
    return PlainMeter(
        primary,
        SecondaryAddress(f"{12345670 + primary}", 0x2C2D, 0x35, 4),
        traits=Traits(**traits),  # type: ignore[arg-type]
    )


def heard(bus: Bus, until: float = 100.0) -> bytes:
    return b"".join(piece.data for piece in bus.receive(until))


def test_a_request_takes_eleven_bits_a_character_and_the_answer_begins_after_eleven_more() -> None:
    bus = Bus.of([meter(1)])
    assert bus.transmit(NKE_1, 1.0, 2400) == pytest.approx(1 + 55 / 2400)
    (piece,) = bus.receive(100)
    assert piece.data == b"\xe5"
    assert piece.first == pytest.approx(1 + (55 + 11 + 11) / 2400)


def test_a_meter_takes_its_own_time_within_the_standard_window() -> None:
    for baud in (300, 2400, 19200):
        for delay in (0.0, 0.04, 10.0):
            bus = Bus.of([meter(1, delay=delay, jitter=0.01)])
            end = bus.transmit(NKE_1, 0, baud)
            span = bus.next_span()
            assert span is not None
            begin = span[0] - timing.characters(1, baud) - end
            assert 11 / baud - 1e-9 <= begin < timing.answer_window(baud)


def test_characters_come_out_one_by_one_at_their_times() -> None:
    bus = Bus.of([meter(1)])
    end = bus.transmit(REQ_1, 0, 2400)
    whole, now = b"", end
    while len(whole) < 100:
        now += 11 / 2400
        (piece,) = bus.receive(now + 11 / 2400 + 1e-9) or (Heard(b"", 0, 1),)
        assert len(piece.data) == 1
        whole += piece.data
    assert isinstance(parse_frame(whole), LongFrame)
    assert now == pytest.approx(end + 100 * 11 / 2400)
    assert bus.next_span() is None


def test_requests_wait_for_the_one_before_them() -> None:
    bus = Bus.of([meter(1)])
    assert bus.transmit(NKE_1, 0, 300) == pytest.approx(55 / 300)
    assert bus.transmit(NKE_1, 0.01, 300) == pytest.approx(110 / 300)


def test_a_request_may_come_in_pieces_without_a_long_pause() -> None:
    bus = Bus.of([meter(1)])
    end = bus.transmit(NKE_1[:2], 0, 2400)
    bus.transmit(NKE_1[2:], end + 0.02, 2400)
    assert heard(bus, 9) == b"\xe5"
    end = bus.transmit(NKE_1[:2], 10, 2400)
    bus.transmit(NKE_1[2:], end + 0.2, 2400)
    assert heard(bus) == b""


def test_noise_before_a_request_does_not_hide_it() -> None:
    bus = Bus.of([meter(1)])
    bus.transmit(b"\x00\xff" + NKE_1, 0, 2400)
    assert heard(bus) == b"\xe5"


def test_a_request_with_a_wrong_checksum_or_without_parity_meets_silence() -> None:
    bus = Bus.of([meter(1)])
    bus.transmit(NKE_1[:3] + b"\x42\x16", 0, 2400)
    bus.transmit(NKE_1, 10, 2400, "N")
    assert heard(bus) == b""


def test_what_another_slave_says_is_no_request() -> None:
    bus = Bus.of([meter(1)])
    bus.transmit(LongFrame(0x08, 1, 0x72, bytes(12)).to_bytes(), 0, 2400)
    assert heard(bus) == b""


def test_a_meter_hears_only_its_own_rates_and_answers_at_that_of_the_request() -> None:
    bus = Bus.of([meter(1, rates=frozenset((300, 9600)))])
    assert bus.transmit(NKE_1, 0, 2400)
    assert heard(bus, 9) == b""
    end = bus.transmit(NKE_1, 10, 9600)
    assert bus.next_span() == pytest.approx((end + 22 / 9600, end + 22 / 9600))


def test_acknowledgements_of_several_meters_are_one_sound_e5_where_collisions_are_clean() -> None:
    bus = Bus.of([meter(1, jitter=0.02), meter(2, jitter=0.02)], collisions="clean")
    bus.transmit(NKE_FE, 0, 2400)
    assert [(piece.data, piece.bad) for piece in bus.receive(10)] == [(b"\xe5", False)]


def test_acknowledgements_overlap_with_offsets_where_collisions_are_garbled() -> None:
    seen = set()
    for seed in range(20):
        bus = Bus.of([meter(1), meter(2), meter(3)], collisions="garbled", seed=seed)
        bus.transmit(NKE_FE, 0, 2400)
        pieces = bus.receive(10)
        seen.add(b"".join(piece.data for piece in pieces))
        assert any(piece.bad or piece.data != b"\xe5" for piece in pieces) or len(pieces) > 1 or len(seen) > 1
    assert len(seen) > 5


def test_a_filtering_gateway_passes_one_e5_and_swallows_replies() -> None:
    bus = Bus.of([meter(1), meter(2)], collisions="filtered")
    bus.transmit(NKE_FE, 0, 2400)
    assert heard(bus, 9) == b"\xe5"
    bus.transmit(REQ_FE, 20, 2400)
    assert heard(bus) == b""


@pytest.mark.parametrize("collisions", ["clean", "garbled"])
def test_replies_of_several_meters_never_make_a_sound_frame(collisions: str) -> None:
    bus = Bus.of([meter(1, jitter=0.003), meter(2, jitter=0.003)], collisions=collisions)
    bus.transmit(REQ_FE, 0, 2400)
    pieces = bus.receive(10)
    data = b"".join(piece.data for piece in pieces)
    assert len(data) >= 90
    assert any(piece.bad for piece in pieces)


def test_a_meter_that_is_sending_does_not_hear_and_another_one_talks_into_its_answer() -> None:
    bus = Bus.of([meter(1), meter(2)])
    end = bus.transmit(REQ_1, 0, 2400)
    first = b"".join(piece.data for piece in bus.receive(end + 0.1))
    bus.transmit(REQ_1, end + 0.1, 2400)
    bus.transmit(REQ_2, end + 0.1, 2400)
    rest = bus.receive(10)
    assert bus.traffic.answers == 2
    assert any(piece.bad for piece in rest)
    alone = Bus.of([meter(1)])
    alone.transmit(REQ_1, 0, 2400)
    whole = heard(alone)
    assert whole.startswith(first)
    assert (first + b"".join(piece.data for piece in rest)).startswith(whole[: len(first) + 5])


def test_an_answer_at_another_rate_is_rubbish() -> None:
    bus = Bus.of([meter(1)])
    bus.transmit(REQ_1, 0, 300)
    bus.transmit(b"\x00", 0.2, 9600)
    assert heard(bus)[:4] != b"\x68\x5e\x5e\x68"


def test_the_same_seed_gives_the_same_bus() -> None:
    def one(seed: int) -> list[Heard]:
        bus = Bus.of([meter(1, jitter=0.01), meter(2, jitter=0.01)], seed=seed)
        bus.transmit(NKE_FE, 0, 2400)
        return bus.receive(10)

    assert one(3) == one(3)
    assert one(3) != one(4)


def test_an_answer_that_one_meter_sends_is_lost_with_the_probability_given() -> None:
    bus = Bus.of([meter(1)], loss=0.25, seed=1)
    lost = 0
    for number in range(400):
        bus.transmit(NKE_1, number, 2400)
        lost += not bus.receive(number + 0.9)
    assert 70 <= lost <= 130


def test_a_cut_off_bus_carries_no_answer_and_slaves_forget_their_selection() -> None:
    bus = Bus.of([meter(1)])
    bus.slaves[0].selected = True
    bus.electrics.short_circuit = True
    assert bus.electrics.check(())
    bus.lose_power()
    bus.transmit(NKE_1, 0, 2400)
    assert heard(bus) == b""
    assert not bus.slaves[0].selected


def test_the_current_is_the_idle_load_and_what_senders_add() -> None:
    bus = Bus.of([meter(1, unit_loads=2), meter(2), meter(3)])
    assert bus.milliamperes(0) == pytest.approx(6.0)
    end = bus.transmit(REQ_1, 0, 2400)
    assert bus.milliamperes(end + 0.05) == pytest.approx(21.0)
    assert bus.milliamperes(end + 5) == pytest.approx(6.0)


def test_traffic_is_counted() -> None:
    bus = Bus.of([meter(1), meter(2)], collisions="clean")
    bus.transmit(NKE_FE, 0, 2400)
    bus.transmit(REQ_1, 10, 2400)
    heard(bus)
    assert bus.traffic.as_dict() == {
        "requests": 2,
        "answers": 3,
        "collisions": 1,
        "characters_sent": 10,
        "characters_heard": 101,
    }


def test_ten_thousand_requests_leave_nothing_behind() -> None:
    bus = Bus.of([meter(1)])
    for number in range(10_000):
        bus.transmit(NKE_1, number * 0.05, 2400)
        bus.take()
    assert len(bus._receiver.on_the_wire) <= 1
