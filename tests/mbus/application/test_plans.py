"""Plans are found by what a telegram looks like, and no variety of telegrams makes them many."""

from concurrent.futures import ThreadPoolExecutor

from mbus.application.plans import MAX_ALIKE, PLANS, Plans
from mbus.application.telegram import decode_plainly, decode_telegram, learn_layout
from mbus.link.frames import LongFrame
from support.layouts import recorded_frames
from support.telegrams import LONG_HEADER


def frame_of(records: str, version: int = 8) -> LongFrame:
    header = LONG_HEADER[:6] + bytes((version,)) + LONG_HEADER[7:]
    return LongFrame(8, 1, 0x72, header + bytes.fromhex(records))


def learn(plans: Plans, frame: LongFrame, times: int = 1) -> None:
    layout = learn_layout(frame)
    assert layout is not None
    for _ in range(times):
        if plans.plan_for(frame) is None and plans.is_due(frame):
            plans.add(frame, layout)


def test_the_third_telegram_that_looks_alike_makes_a_plan() -> None:
    plans, frame = Plans(), frame_of("04 06 01 00 00 00")
    learn(plans, frame, 2)
    assert plans.plan_for(frame) is None
    learn(plans, frame)
    assert plans.plan_for(frame) is plans.plan_for(frame_of("04 06 07 00 00 80")) is not None


def test_another_layout_that_looks_alike_gets_a_plan_when_it_comes_often() -> None:
    plans = Plans()
    frames = [frame_of(f"04 {vif:02X} 01 00 00 00") for vif in range(MAX_ALIKE)]
    for frame in frames:
        learn(plans, frame, 40)
    assert all(plans.plan_for(frame) for frame in frames)
    learn(plans, frame_of("04 13 01 00 00 00"), 40)
    assert plans.plan_for(frames[0]) is None
    assert plans.plan_for(frames[1]) is not None


def test_any_number_of_layouts_is_bounded_and_what_is_used_stays() -> None:
    plans = Plans(kept=60)
    used = frame_of("04 06 01 00 00 00")
    learn(plans, used, 3)
    for version in range(9, 256):
        learn(plans, frame_of("01 06 01" * 20, version), 3)
        assert len(plans) <= 60
        assert plans.plan_for(used) is not None


def test_a_hundred_records_count_as_a_hundred() -> None:
    plans = Plans(kept=100)
    huge = frame_of("00 06" * 101)
    learn(plans, huge, 3)
    assert plans.plan_for(huge) is None
    assert len(plans) == 0


def test_threads_that_decode_and_forget_at_the_same_time_get_the_same_as_one() -> None:
    frames = recorded_frames()
    expected = [decode_plainly(frame) for frame in frames]

    def work(turn: int) -> bool:
        if turn % 3 == 0:
            PLANS.clear()
        return [decode_telegram(frame) for frame in frames] == expected

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(16)))
