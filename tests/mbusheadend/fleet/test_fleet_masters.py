"""Who is there, who ought to have called, and how masters are taken in."""

from datetime import timedelta
from pathlib import Path

import pytest

from mbusheadend.authority import open_authority
from mbusheadend.fleet.enrolling import EnrolmentError, is_usable, make_enrolment
from mbusheadend.fleet.masters import (
    CallState,
    ask_for_list,
    is_open,
    list_masters,
    overdue_after,
    see_master,
)
from mbusheadend.presence import BETWEEN_SECONDS, Presence
from mbusheadend.store import UnknownError
from mbusheadend.store.browsing import MasterFilter
from mbusheadend.watch.actions import set_limits
from mbusheadend.watch.limits import Limits
from mbushosting.enrolment import read_token
from support.headend_fleet import LOCAL, URL, Bench
from support.headend_messages import START, contact, enrol, listed


async def test_a_master_is_connected_heard_overdue_never_heard_or_read_locally(at_desk: Bench) -> None:
    store = at_desk.store
    await enrol(store, "M1", "M2", "M3", "M4")
    await store.add_local_master("L5", "", LOCAL, START)
    await set_limits(store, Limits(silent_minutes=30))
    overdue = await overdue_after(store)
    assert overdue == timedelta(minutes=30)
    for serial, ago in (("M1", overdue), ("M2", overdue), ("M3", 1.1 * overdue)):
        await store.note_contact(serial, contact(serial), START - ago)
    at_desk.connected.add("M1")
    rows = (await list_masters(at_desk.desk, MasterFilter())).rows
    assert {row.master.serial: row.state for row in rows} == {
        "L5": CallState.LOCAL,
        "M1": CallState.CONNECTED,
        "M2": CallState.HEARD,
        "M3": CallState.OVERDUE,
        "M4": CallState.NEVER,
    }


async def test_a_master_is_seen_with_its_certificates_and_commands(at_desk: Bench) -> None:
    store = at_desk.store
    await enrol(store)
    await store.note_contact("M1", contact(orders=0, meters=listed("5")), START)
    await store.add_certificate("M1", 7, START + timedelta(days=9), START)
    await ask_for_list(at_desk.desk, "M1", "list-1")
    view = await see_master(at_desk.desk, "M1")
    assert (view.row.meters, view.trusted_until, view.has_orders) == (1, START + timedelta(days=9), True)
    (command,) = view.commands
    assert is_open(command, START)
    assert not is_open(command, START + timedelta(days=1))
    await store.revoke_certificate(7, START)
    assert (await see_master(at_desk.desk, "M1")).trusted_until is None
    with pytest.raises(UnknownError):
        await see_master(at_desk.desk, "M9")


async def test_a_token_comes_with_all_that_is_needed_at_the_master(at_desk: Bench, tmp_path: Path) -> None:
    authority = open_authority(tmp_path / "authority", START)
    made = await make_enrolment(at_desk.desk, authority, 3, " Mill Lane ")
    assert made.command == f"mbusmaster enrol {URL} {made.token}"
    assert read_token(made.token).fingerprint == bytes.fromhex(made.fingerprint.replace(":", ""))
    (stored,) = await at_desk.store.tokens()
    assert (stored.note, stored.expires) == ("Mill Lane", START + timedelta(days=3))
    assert is_usable(stored, START)
    assert not is_usable(stored, stored.expires)


@pytest.mark.parametrize(("days", "note", "field"), [(0, "", "days"), (366, "", "days"), (1, "a\nb", "note")])
async def test_a_token_that_makes_no_sense_is_not_made(
    at_desk: Bench, tmp_path: Path, days: int, note: str, field: str
) -> None:
    with pytest.raises(EnrolmentError) as refused:
        await make_enrolment(at_desk.desk, open_authority(tmp_path, START), days, note)
    assert refused.value.field == field
    assert await at_desk.store.tokens() == ()


def test_a_master_is_connected_while_a_call_is_open_and_a_moment_longer() -> None:
    seconds = 0.0
    presence = Presence(lambda: seconds)
    assert not presence.is_connected("M1")
    with presence.calling("M1"):
        with presence.calling("M1"):
            assert presence.count() == 1
        seconds = 100.0
        assert presence.is_connected("M1")
    assert presence.is_connected("M1")
    seconds += BETWEEN_SECONDS
    assert not presence.is_connected("M1")
    assert presence.count() == 0
