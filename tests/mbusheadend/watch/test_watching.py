"""What is wrong with masters, meters and the head-end becomes an alarm, and ends."""

import asyncio
import base64
import json
from collections import namedtuple
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from mbus.application.header import Header
from mbus.link.frames import LongFrame
from mbusheadend.alarms.alarm import Alarm, AlarmFilter
from mbusheadend.alarms.kinds import AlarmKind
from mbusheadend.alarms.rules import Rule, Webhook
from mbusheadend.firmware import Shelf
from mbusheadend.judging.meter_state import MeterState
from mbusheadend.store import Assignment, Master, Store, StoreError, StoreRefusedError, UnknownError
from mbusheadend.store.local import LocalPlace
from mbusheadend.watch.actions import judgments_of, new_secret, put_rule, set_limits
from mbusheadend.watch.judge_readings import CHUNK, JudgeReadings
from mbusheadend.watch.limits import Limits
from mbusheadend.watch.look import Look
from mbusheadend.watch.watcher import Watcher
from mbushosting.contact import BusReport, OutboxReport
from mbushosting.readings import READINGS, Outcome
from mbushosting.schedules import Every, Schedule
from mbusio.listreading import Patience
from support.clocks import SetClock
from support.headend import packed, running
from support.headend_messages import SERIAL, START, batch, contact, enrol, listed, reading
from support.headend_meters import ADDRESS, METER, OTHER, number_of, telegram
from support.receivers import https_receiver
from support.releases import ReleaseMaker
from support.settled import settled

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
SECRET: Final = "a secret of the webhook"


Clock = SetClock[datetime]


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def look(store: Store, clock: Clock, tmp_path: Path) -> Look:
    return Look(store, clock, START - DAY, tmp_path)


async def open_alarms(store: Store, *kinds: AlarmKind) -> tuple[Alarm, ...]:
    return (await store.alarms(AlarmFilter(is_open=True, kinds=frozenset(kinds)))).alarms


async def kinds(store: Store) -> set[AlarmKind]:
    return {alarm.key.kind for alarm in await open_alarms(store)}


async def call(store: Store, clock: Clock, **facts: Any) -> None:
    await store.note_contact(SERIAL, contact(time=clock(), **facts), clock())


async def test_a_master_that_does_not_call_is_silent_until_it_does(
    store: Store, look: Look, clock: Clock
) -> None:
    await enrol(store)
    await look.at_masters()
    assert await kinds(store) == set()
    clock.time += 25 * HOUR
    await look.at_masters()
    (never,) = await open_alarms(store)
    assert "has never called" in str(never.text)
    await call(store, clock)
    await look.at_masters()
    assert await kinds(store) == set()
    clock.time += 21 * MINUTE
    await look.at_masters()
    (silent,) = await open_alarms(store)
    assert "has not called since 2026-11-24 01:00" in str(silent.text)
    await set_limits(store, Limits(silent_minutes=60))
    await look.at_masters()
    assert await kinds(store) == set()


async def test_a_master_that_is_read_locally_need_not_call(store: Store, look: Look, clock: Clock) -> None:
    await store.add_local_master("local-1", "cellar", LocalPlace("tcp://192.0.2.7", Patience()), START)
    clock.time += 30 * DAY
    await look.at_masters()
    assert await kinds(store) == set()


async def test_nobody_is_silent_because_the_head_end_was_off(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    await enrol(store)
    await call(store, clock)
    clock.time += 10 * DAY
    await Look(store, clock, clock(), tmp_path).at_masters()
    assert await kinds(store) == set()


async def test_a_certificate_that_lapses_is_told_before_and_after(
    store: Store, look: Look, clock: Clock
) -> None:
    await enrol(store)
    await store.add_certificate(SERIAL, 1, START + 30 * DAY, START)
    found = []
    for days in (0, 17, 31):
        clock.time = START + days * DAY
        await call(store, clock)
        await look.at_masters()
        found.append(await kinds(store))
    assert found == [set(), {AlarmKind.CERTIFICATE_LAPSES}, {AlarmKind.CERTIFICATE_LAPSED}]
    await store.add_certificate(SERIAL, 2, clock() + 60 * DAY, clock())
    await look.at_masters()
    assert await kinds(store) == set()


async def test_what_a_master_says_of_itself_is_an_alarm_as_long_as_it_says_so(
    store: Store, look: Look, clock: Clock
) -> None:
    await enrol(store)
    buses = (
        BusReport(name="main", state="shut down", reason="Short circuit."),
        BusReport(name="b", state="idle"),
    )
    await call(store, clock, alarms=("The disk is 91 % full",), buses=buses)
    await look.at_masters()
    await call(store, clock, alarms=("The disk is 92.5 % full",), buses=buses)
    await look.at_masters()
    said = {alarm.key.kind: str(alarm.text) for alarm in await open_alarms(store)}
    assert said == {
        AlarmKind.MASTER_ALARM: "The master says: The disk is 92.5 % full",
        AlarmKind.BUS_FAULT: "The bus main: shut down. Short circuit.",
    }
    await call(store, clock)
    await look.at_masters()
    assert await kinds(store) == set()


async def test_a_clock_is_doubtful_until_it_is_clearly_right(store: Store, look: Look, clock: Clock) -> None:
    await enrol(store)
    seen = []
    for seconds, quality in ((50, ""), (70, ""), (40, ""), (20, ""), (0, "doubtful"), (0, "synchronised")):
        said = contact(time=clock() + timedelta(seconds=seconds), clock=quality)
        await store.note_contact(SERIAL, said, clock())
        await look.at_masters()
        seen.append(bool(await kinds(store)))
    assert seen == [False, True, True, False, True, False]


async def test_readings_that_a_master_gave_up_are_counted_once_and_over_after_a_week(
    store: Store, look: Look, clock: Clock
) -> None:
    await enrol(store)
    for dropped in (0, 5, 5, 8):
        await call(store, clock, outbox=OutboxReport(dropped=dropped))
        await look.at_masters()
    (alarm,) = await open_alarms(store)
    assert (alarm.key.kind, alarm.count) == (AlarmKind.READINGS_DROPPED, 2)
    assert "gave up 3 readings" in str(alarm.text)
    clock.time += 8 * DAY
    await call(store, clock, outbox=OutboxReport(dropped=8))
    await look.at_masters()
    assert await kinds(store) == set()


async def test_a_wrong_meter_and_an_exchanged_one_are_told_once(
    store: Store, look: Look, clock: Clock
) -> None:
    await enrol(store)
    await store.take(SERIAL, batch(reading(1, ADDRESS, [telegram(OTHER)])), clock())
    await store.take(SERIAL, batch(reading(2, "5", [telegram(METER, sender=5)])), clock())
    await look.at_masters()
    await look.at_masters()
    (wrong,) = await open_alarms(store)
    assert (wrong.key.kind, wrong.count, wrong.key.detail) == (AlarmKind.WRONG_METER, 1, f"main, {ADDRESS}")
    later = reading(3, "5", [telegram(OTHER, sender=5)], taken=START + HOUR)
    await store.take(SERIAL, batch(later), clock())
    await look.at_masters()
    (exchanged,) = await open_alarms(store, AlarmKind.METER_EXCHANGED)
    assert str(exchanged.text) == f"At M1, main, 5 there is the meter {OTHER} now, where {METER} was."
    assert (await store.meter(exchanged.key.meter or 0)).identity == str(OTHER)
    await store.delete_master(SERIAL, clock())
    await look.at_masters()
    assert await kinds(store) == set()


async def test_a_disk_that_is_nearly_full_is_told(
    store: Store, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    seen = []
    for free in (50, 4, 6, 8):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: usage(100, 100 - free, free))
        await look.at_disk()
        seen.append(bool(await kinds(store)))
    assert seen == [False, True, True, False]


async def test_a_release_whose_signatures_expire_soon_is_told_and_forgotten_once_it_is_gone(
    store: Store, look: Look, clock: Clock, tmp_path: Path
) -> None:
    maker, shelf = ReleaseMaker(tmp_path / "made", now=clock()), Shelf(tmp_path)
    shelf.add(maker.good(42, valid=timedelta(days=70)), clock(), root=maker.root)
    await look.at_firmware()
    assert await kinds(store) == set()
    clock.time += timedelta(days=20)
    await look.at_firmware()
    (told,) = await open_alarms(store)
    assert (told.key.kind, told.key.detail) == (AlarmKind.RELEASE_EXPIRES, "0042")
    shelf.remove(42)
    await look.at_firmware()
    assert await kinds(store) == set()


async def hourly(store: Store, clock: Clock, **facts: Any) -> Schedule:
    await enrol(store)
    schedule = Schedule.model_validate({"id": "hourly", "rule": Every(minutes=60), **facts})
    await store.put_schedule(schedule, Assignment(everybody=True), START)
    await call(store, clock, meters=listed(ADDRESS, str(OTHER)), meter_list="1")
    await store.orders(SERIAL, 0, "1", START)
    return schedule


async def deliver(store: Store, clock: Clock, hours: range, address: str = ADDRESS, **facts: Any) -> None:
    meter = METER if address == ADDRESS else OTHER
    answers = facts.get("outcome", Outcome.OK) is Outcome.OK
    readings = [
        reading(
            1000 * (address != ADDRESS) + hour + 1,
            address,
            [telegram(meter, hour)] if answers else [],
            taken=START + hour * HOUR,
            **facts,
        )
        for hour in hours
    ]
    await store.take(SERIAL, batch(*readings), clock())


async def test_a_meter_that_misses_its_slots_is_silent_until_it_answers(
    store: Store, look: Look, clock: Clock
) -> None:
    await hourly(store, clock)
    clock.time = START + 11 * HOUR + 20 * MINUTE
    await deliver(store, clock, range(12))
    await deliver(store, clock, range(9), str(OTHER))
    await deliver(store, clock, range(9, 11), str(OTHER), outcome=Outcome.GARBLED)
    await deliver(store, clock, range(11, 12), str(OTHER), outcome=Outcome.SILENT)
    await call(store, clock)
    await look.at_readings(await store.master(SERIAL))
    (silent,) = await open_alarms(store, AlarmKind.METER_SILENT)
    assert silent.key.meter == await number_of(store, str(OTHER))
    assert "3 times in a row: nothing answered" in str(silent.text)
    assert silent.first == START + 9 * HOUR
    (incomplete,) = await open_alarms(store, AlarmKind.INCOMPLETE)
    assert "21 of 24 are here (87 %)" in str(incomplete.text)
    clock.time += HOUR
    await deliver(store, clock, range(12, 13))
    await deliver(store, clock, range(12, 13), str(OTHER))
    await call(store, clock)
    await look.at_readings(await store.master(SERIAL))
    assert await open_alarms(store, AlarmKind.METER_SILENT) == ()


async def test_while_a_master_is_behind_its_meters_are_not_blamed(
    store: Store, look: Look, clock: Clock
) -> None:
    await hourly(store, clock)
    clock.time = START + 12 * HOUR
    outbox = OutboxReport(waiting=20, oldest=START + HOUR)
    await call(store, clock, outbox=outbox)
    await look.at_readings(await store.master(SERIAL))
    assert await kinds(store) == set()


async def test_a_battery_that_is_spared_is_told(store: Store, look: Look, clock: Clock) -> None:
    await hourly(store, clock, budget=4)
    clock.time = START + 6 * HOUR
    for address in (ADDRESS, str(OTHER)):
        await deliver(store, clock, range(4), address)
    await call(store, clock)
    await look.at_readings(await store.master(SERIAL))
    spared = await open_alarms(store, AlarmKind.BUDGET_USED_UP)
    assert len(spared) == 2
    assert "4 times a day only" in str(spared[0].text)


async def test_readings_are_judged_once_in_pieces_and_go_on_after_a_restart(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mbusheadend.watch.judge_readings.CHUNK", 7)
    await enrol(store)
    await deliver(store, clock, range(20, 40))
    meter = await number_of(store)
    assert await JudgeReadings(store, clock).step() == 7
    judge = JudgeReadings(store, clock)
    while await judge.step():
        pass
    assert await open_alarms(store) == ()
    await store.take(
        SERIAL, batch(reading(99, ADDRESS, [telegram(energy=3)], taken=START + 41 * HOUR)), START
    )
    await JudgeReadings(store, clock).step()
    found = await judgments_of(store, meter)
    assert [alarm.key.kind for alarm in found.alarms] == [AlarmKind.COUNTER_FELL]
    assert (found.judged, found.clock_error, found.still_readings) == (START + 41 * HOUR, None, 1)
    with pytest.raises(UnknownError):
        await judgments_of(store, 99)


async def test_judgments_of_a_meter_that_is_nowhere_any_more_are_over(
    store: Store, look: Look, clock: Clock
) -> None:
    await hourly(store, clock)
    await deliver(store, clock, range(4, 6))
    await store.take(SERIAL, batch(reading(99, ADDRESS, [telegram()], taken=START + 9 * HOUR)), START)
    later = reading(100, ADDRESS, [telegram(energy=3)], taken=START + 10 * HOUR)
    await store.take(SERIAL, batch(later), START)
    await JudgeReadings(store, clock).step()
    await look.forget()
    assert await kinds(store) == {AlarmKind.COUNTER_FELL}
    await call(store, clock, meters=listed(str(OTHER)), meter_list="2")
    await look.forget()
    assert await kinds(store) == set()


async def test_what_could_not_be_stored_is_judged_again_and_two_judges_count_once(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enrol(store)
    await deliver(store, clock, range(20, 30))
    judge, other = JudgeReadings(store, clock), JudgeReadings(store, clock)

    async def full(*_: object) -> bool:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store, "put_judged", full)
        with pytest.raises(StoreError):
            await judge.step()
    arrived = await store.arrived()
    await other.step()
    assert not await store.put_judged(arrived.begin, arrived.end, {}, [], [], START)
    assert await judge.step() == 0
    (text,) = (await store.judged_states([await number_of(store)])).values()
    assert MeterState.from_text(text).taken == START + 29 * HOUR


async def test_a_meter_that_was_deleted_leaves_no_number_that_is_never_judged(
    store: Store, clock: Clock
) -> None:
    await enrol(store)
    await deliver(store, clock, range(30))
    judge = JudgeReadings(store, clock)
    await judge.step()
    await store.delete_meter(await number_of(store))
    await deliver(store, clock, range(5), str(OTHER))
    assert await judge.step() == 5
    assert CHUNK > 30


def faulty() -> bytes:
    """Give a telegram whose status says that the meter needs service."""
    header = Header(METER, 1, 0x08, 0).to_bytes()
    return LongFrame(0x08, 0xFD, 0x72, header + b"\x04\x06\x01\x00\x00\x00").to_bytes()


async def test_what_a_master_delivers_to_a_running_head_end_is_told_within_seconds(tmp_path: Path) -> None:
    with https_receiver(tmp_path / "there") as receiver:
        async with running(tmp_path) as site:
            contexts = await site.take_in(SERIAL)
            target = Webhook(url=receiver.url, authority=receiver.authority)
            await put_rule(site.store, Rule(id="hook", gather=1, target=target), SECRET)

            def told() -> list[dict[str, Any]]:
                said = [json.loads(message[2]) for message in list(receiver.got)]
                assert all(one["head_end"] == "127.0.0.1" for one in said)
                return [alarm for one in said for alarm in one["alarms"]]

            body = batch(reading(1, ADDRESS, [faulty()])).model_dump(mode="json")
            body["readings"][0]["telegrams"] = [base64.b64encode(faulty()).decode()]
            async with httpx.AsyncClient(verify=contexts[SERIAL], base_url=site.url) as client:
                answer = await client.post(
                    READINGS, content=packed(body), headers={"Content-Encoding": "gzip"}
                )
            assert answer.status_code == 200
            # Its certificate is one of a day: an alarm of that may come in front, in the same message or in one of its own.
            await settled(lambda: "meter status" in {alarm["kind"] for alarm in told()})


async def test_a_running_watcher_judges_raises_and_tells(store: Store, clock: Clock, tmp_path: Path) -> None:
    await enrol(store)
    with https_receiver(tmp_path / "there") as receiver:
        target = Webhook(url=receiver.url, authority=receiver.authority)
        await put_rule(store, Rule(id="hook", gather=1, target=target), SECRET)
        watcher = Watcher(store, lambda: datetime.now(START.tzinfo), tmp_path, name=lambda: "here")
        work = asyncio.create_task(watcher.run())
        await store.take(SERIAL, batch(reading(1, ADDRESS, [faulty()])), START)
        watcher.readings_came()
        await settled(lambda: bool(receiver.got))
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    said = json.loads(receiver.got[0][2])["alarms"][0]
    assert (said["kind"], said["detail"], said["meter"]) == ("meter status", "permanent_error", ADDRESS)


async def test_a_webhook_needs_a_secret_that_cannot_be_guessed(store: Store) -> None:
    rule = Rule(id="hook", target=Webhook(url="https://example.org/"))
    for secret in (None, "short"):
        with pytest.raises(StoreRefusedError):
            await put_rule(store, rule, secret)
    await put_rule(store, rule, new_secret())
    await put_rule(store, rule, None)


async def test_a_master_that_cannot_be_looked_at_hides_no_other(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await enrol(store, "M1", "M2")
    watcher, seen = Watcher(store, lambda: START, tmp_path, name=lambda: "here"), asyncio.Event()

    async def at_readings(master: Master) -> int:
        if master.serial == "M1":
            raise OverflowError
        seen.set()
        return 0

    monkeypatch.setattr(watcher.look, "at_readings", at_readings)
    task = asyncio.create_task(watcher.run())
    try:
        async with asyncio.timeout(20):
            await seen.wait()
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert "readings of master M1" in caplog.text
