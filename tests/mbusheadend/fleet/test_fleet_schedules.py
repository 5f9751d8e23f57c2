"""Schedules in words and as a form: what people type is checked, and what they typed comes back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import pytest

from mbusheadend.fleet.schedule_form import (
    ScheduleForm,
    ScheduleFormError,
    form_of,
    put_form,
)
from mbusheadend.fleet.schedule_words import clock_changes, next_slots, rule_text, schedule_text, who_text
from mbusheadend.store import Assignment
from mbusheadend.store.browsing import GroupKind
from mbushosting.schedules import Calendar, Every, Missed
from mbushosting.slots import Rule
from support.headend_fleet import Bench
from support.headend_messages import START, contact, enrol, listed
from support.headend_meters import ADDRESS

ZONE: Final = "Europe/Copenhagen"
GOOD: Final[dict[str, Sequence[str]]] = {
    "title": ["Heat, hourly"],
    "kind": ["calendar"],
    "times": ["06:00, 18.30 6:00"],
    "zone": [ZONE],
    "weekday": ["1", "5"],
    "days": ["1; 15"],
    "last_day": ["true"],
    "application_reset": ["true"],
    "missed": ["skip"],
    "budget": ["24"],
    "silent_at_end": ["true"],
    "remembered_rate": ["false", "true"],
    "enabled": ["true"],
    "group": ["south"],
    "master": ["M2 M1"],
    "meter_group": ["heat"],
    "meter": [ADDRESS.lower()],
}


async def fleet(bench: Bench) -> None:
    await enrol(bench.store, "M1", "M2")
    await bench.store.note_contact("M1", contact(meters=listed(ADDRESS)), START)
    await bench.store.join_group(GroupKind.MASTERS, "south", ["M1"])
    await bench.store.join_group(GroupKind.METERS, "heat", [1])


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Every(minutes=1), "every minute"),
        (Every(minutes=15), "every 15 minutes"),
        (Every(minutes=60), "every hour"),
        (Every(minutes=360), "every 6 hours"),
        (Every(minutes=1440), "every day at 00:00, UTC"),
        (Calendar(times=(360,), zone=ZONE), f"every day at 06:00, {ZONE}"),
        (Calendar(times=(1080, 360), weekdays=(5, 1)), "every Monday and Friday at 06:00 and 18:00, UTC"),
        (Calendar(times=(0,), days=(-1, 15, 1)), "on day 1, 15 and the last of the month at 00:00, UTC"),
        (
            Calendar(times=(0,), days=(13,), weekdays=(5,)),
            "on Friday that are day 13 of the month at 00:00, UTC",
        ),
    ],
)
def test_a_rule_is_said_in_words(rule: Rule, text: str) -> None:
    assert rule_text(rule) == text


@pytest.mark.parametrize(
    ("assignment", "text"),
    [
        (Assignment(everybody=True), "all meters, at all masters"),
        (Assignment(groups=frozenset("b")), "all meters, at masters of the group b"),
        (
            Assignment(masters=frozenset(("M2", "M1")), meter_groups=frozenset(("x", "y"))),
            "all meters of the groups x and y, at masters M1 and M2",
        ),
        (Assignment(masters=frozenset("abcd"), meters=frozenset((1,))), "1 chosen meter, at 4 masters"),
        (Assignment(), "all meters, at no master"),
    ],
)
def test_for_whom_it_is_is_said_in_words(assignment: Assignment, text: str) -> None:
    assert who_text(assignment) == text


async def test_a_form_makes_the_schedule_that_it_says_and_comes_back(at_desk: Bench) -> None:
    await fleet(at_desk)
    stored = await put_form(at_desk.desk, ScheduleForm.read(GOOD))
    schedule, assignment = stored.schedule, stored.assignment
    assert schedule.id.startswith("heat-hourly-")
    assert schedule.rule == Calendar(zone=ZONE, times=(360, 1110), weekdays=(1, 5), days=(1, 15, -1))
    assert (schedule.missed, schedule.budget, schedule.application_reset) == (Missed.SKIP, 24, True)
    assert (schedule.silent_at_end, schedule.remembered_rate, schedule.enabled) == (True, True, True)
    assert assignment == Assignment(
        frozenset(("M1", "M2")), frozenset(("south",)), False, frozenset((1,)), frozenset(("heat",))
    )
    form = await form_of(at_desk.desk, stored)
    again = await put_form(at_desk.desk, form)
    assert again.schedule == schedule.model_copy(update={"version": 2})
    assert again.assignment == assignment
    assert schedule_text(stored).startswith("On Monday and Friday that are day")


@pytest.mark.parametrize(
    ("unit", "count", "minutes"), [("minutes", "15", 15), ("hours", "2", 120), ("days", "7", 10080)]
)
async def test_distances_come_back_in_the_unit_in_which_they_are_short(
    at_desk: Bench, unit: str, count: str, minutes: int
) -> None:
    values = {**GOOD, "kind": ["every"], "count": [count], "unit": [unit], "everybody": ["true"]}
    values = {
        name: value
        for name, value in values.items()
        if name not in ("master", "group", "meter", "meter_group")
    }
    stored = await put_form(at_desk.desk, ScheduleForm.read(values))
    assert stored.schedule.rule == Every(minutes=minutes)
    form = await form_of(at_desk.desk, stored)
    assert (form.kind, form.unit, form.count) == ("every", unit, count)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("title", {"title": ["  "]}),
        ("title", {"title": ["x" * 200]}),
        ("times", {"times": ["25:00"]}),
        ("times", {"times": [""]}),
        ("times", {"times": ["six"]}),
        ("zone", {"zone": ["Europe/Atlantis"]}),
        ("zone", {"zone": ["../../etc/passwd"]}),
        ("days", {"days": ["0"]}),
        ("days", {"days": ["32"]}),
        ("budget", {"budget": ["0"]}),
        ("budget", {"budget": ["many"]}),
        ("missed", {"missed": ["perhaps"]}),
        ("count", {"kind": ["every"], "count": ["0"]}),
        ("count", {"kind": ["every"], "count": ["32"], "unit": ["days"]}),
        ("count", {"kind": ["every"], "count": ["1"], "unit": ["moons"]}),
        ("master", {"master": ["M9"]}),
        ("group", {"group": ["north"]}),
        ("meter_group", {"meter_group": ["water"]}),
        ("meter", {"meter": ["0000000000000000"]}),
        ("everybody", {"master": [], "group": []}),
    ],
)
async def test_what_is_wrong_is_said_at_its_field(
    at_desk: Bench, field: str, values: dict[str, Sequence[str]]
) -> None:
    await fleet(at_desk)
    with pytest.raises(ScheduleFormError) as refused:
        await put_form(at_desk.desk, ScheduleForm.read({**GOOD, **values}))
    assert set(refused.value.form.problems) == {field}
    assert await at_desk.store.schedules() == ()


async def test_nobody_overwrites_what_somebody_else_changed(at_desk: Bench) -> None:
    await fleet(at_desk)
    form = await form_of(at_desk.desk, await put_form(at_desk.desk, ScheduleForm.read(GOOD)))
    await put_form(at_desk.desk, form)
    with pytest.raises(ScheduleFormError) as refused:
        await put_form(at_desk.desk, form)
    assert "Somebody else" in refused.value.form.problems[""]


def test_the_next_slots_are_told_in_both_times() -> None:
    slots = next_slots(Calendar(times=(360,), zone=ZONE), START)
    assert [slot.at.hour for slot in slots] == [5, 5, 5]
    assert [slot.local.hour for slot in slots] == [6, 6, 6]


def test_the_change_to_summer_and_to_winter_is_shown() -> None:
    winter, summer = START, datetime(2027, 3, 28, 1, tzinfo=UTC)
    rule = Calendar(times=(120, 150, 360), zone=ZONE)
    forward, back = clock_changes(rule, winter)
    assert (forward.at, forward.forward, back.forward) == (summer, True, False)
    # 02:00 and 02:30 are left out: both are read once, at 03:00 summer time.
    assert [f"{slot.local:%H:%M}" for slot in forward.slots] == ["03:00", "06:00"]
    # 02:00 and 02:30 come twice: each is read the first time.
    assert [f"{slot.at:%H:%M}" for slot in back.slots] == ["00:00", "00:30", "05:00"]


@pytest.mark.parametrize(
    "rule", [Every(minutes=60), Calendar(times=(0,)), Calendar(times=(0,), zone="Asia/Tokyo")]
)
def test_where_clocks_do_not_change_nothing_is_shown(rule: Rule) -> None:
    assert clock_changes(rule, START) == ()
