from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from mbushosting.schedules import Calendar, Every, Missed, Schedule
from mbushosting.slots import Rule, newest_slot
from mbusmaster.hosting.plans import GRACE, MOST_RUNS, Plan

START = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
RULES: tuple[Rule, ...] = (
    Every(minutes=1),
    Every(minutes=15),
    Every(minutes=60),
    Calendar(zone="Europe/Berlin", times=(0, 150, 480)),
    Calendar(zone="Australia/Lord_Howe", times=tuple(range(0, 1440, 30))),
)
PASSING = st.floats(1, 60).map(lambda seconds: timedelta(seconds=seconds))
JUMPS = st.sampled_from(
    (-86400, -3600, -90, -1, 1, 45, 90, 3600, 86400, 9 * 365 * 86400, -9 * 365 * 86400)
).map(lambda seconds: timedelta(seconds=seconds))


def plan_of(rule: Rule, missed: Missed = Missed.MAKE_UP) -> Plan:
    return Plan(Schedule(id="x", rule=rule, missed=missed), START)


def step(plan: Plan, now: datetime) -> datetime | None:
    """Do what the rounds do at an instant; give the slot that is begun."""
    slot = plan.due(now)
    if slot is not None:
        plan.begin(slot)
        plan.slot = None
    plan.checked = now
    return slot


@given(st.sampled_from(RULES), st.sampled_from(Missed), st.lists(PASSING | JUMPS, max_size=60))
@settings(max_examples=300, deadline=None)
def test_however_the_clock_jumps_no_slot_comes_twice_and_none_of_the_past_but_the_newest(
    rule: Rule, missed: Missed, steps: list[timedelta]
) -> None:
    plan, now = plan_of(rule, missed), START
    begun: list[datetime] = []
    for passed in steps:
        before = now
        now = max(now + passed, START - timedelta(days=10 * 365))
        slot = step(plan, now)
        if slot is None:
            continue
        assert before < slot <= now
        assert slot == newest_slot(rule, before, now)
        assert missed is Missed.MAKE_UP or now - slot <= GRACE
        begun.append(slot)
    assert len(begun) == len(set(begun))


@given(st.sampled_from(RULES), st.lists(PASSING, min_size=1, max_size=300), st.sampled_from(Missed))
@settings(max_examples=100, deadline=None)
def test_while_the_clock_goes_on_every_slot_comes_when_it_is_due(
    rule: Rule, steps: list[timedelta], missed: Missed
) -> None:
    plan, now = plan_of(rule, missed), START
    for passed in steps:
        before, now = now, now + passed
        assert step(plan, now) == newest_slot(rule, before, now)


def test_years_of_slots_fit_into_one_run() -> None:
    plan, now = plan_of(Every(minutes=60)), START
    for _ in range(5000):
        now += timedelta(hours=1)
        assert step(plan, now) is not None
    assert len(plan.runs) == 1


def test_gaps_make_runs_and_the_oldest_are_forgotten() -> None:
    plan, now = plan_of(Every(minutes=60)), START
    for _ in range(MOST_RUNS + 20):
        now += timedelta(hours=3)
        assert step(plan, now) is not None
    assert len(plan.runs) == MOST_RUNS


def test_a_clock_that_was_ahead_leaves_the_time_between_to_be_read() -> None:
    plan = plan_of(Every(minutes=60))
    assert step(plan, START + timedelta(days=4000)) is not None
    assert step(plan, START + timedelta(minutes=59)) is None
    assert step(plan, START + timedelta(minutes=60)) == START + timedelta(hours=1)


def test_a_rule_that_was_changed_does_not_bring_back_what_is_done() -> None:
    plan = plan_of(Every(minutes=60))
    for hour in range(1, 4):
        step(plan, START + timedelta(hours=hour))
    plan.schedule = Schedule(id="x", version=2, rule=Every(minutes=30))
    assert step(plan, START + timedelta(hours=1, minutes=20)) is None
    assert step(plan, START + timedelta(hours=2, minutes=31)) is None
    assert step(plan, START + timedelta(hours=3, minutes=31)) == START + timedelta(hours=3, minutes=30)
