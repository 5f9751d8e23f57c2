"""A meter list that a person brings: what it would change is said first."""

from typing import Final

import pytest

from mbusheadend.fleet.imports import Effect, import_meters, plan_import
from mbusheadend.store import UnknownError
from support.headend_fleet import Bench
from support.headend_messages import START, contact, enrol, listed

HERE: Final = "123456782D2C1904"
THERE: Final = "222222222D2C3504"
NEW: Final = "333333332D2C3504"
LINES: Final = f"""\
secondary_address,primary_address,note
{HERE},5,cellar
{THERE},,
{NEW},7,
,300,
"""


async def test_a_file_is_looked_at_first_and_then_taken(at_desk: Bench) -> None:
    store, desk = at_desk.store, at_desk.desk
    await enrol(store, "M1", "M2")
    await store.note_contact("M1", contact("M1", meters=listed(HERE)), START)
    await store.note_contact("M2", contact("M2", meters=listed(THERE)), START)
    plan = await plan_import(desk, "M1", LINES.encode())
    assert [line.effect for line in plan.lines] == [Effect.COMPLETED, Effect.ELSEWHERE, Effect.NEW]
    assert [problem.line for problem in plan.report.problems] == [5]
    assert len(await store.meters("M1")) == 1
    assert await import_meters(desk, "M1", plan) == 1
    assert {meter.identity: (meter.primary, meter.note) for meter in await store.meters("M1")} == {
        HERE: (5, "cellar"),
        NEW: (7, ""),
    }
    again = await plan_import(desk, "M1", LINES.encode())
    assert (again.count(Effect.UNCHANGED), again.changes) == (2, ())
    assert await import_meters(desk, "M1", again) == 0


async def test_a_list_for_nobody_is_refused(at_desk: Bench) -> None:
    with pytest.raises(UnknownError):
        await plan_import(at_desk.desk, "M9", LINES.encode())
