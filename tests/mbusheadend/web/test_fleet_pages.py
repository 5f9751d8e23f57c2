"""What people do on the pages of the fleet, as a browser without scripts."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.store import Store
from mbusheadend.store.browsing import GroupKind
from mbushosting.contact import CommandResult
from mbushosting.enrolment import read_token
from support.headend_fleet import LOCAL, settle
from support.headend_messages import batch, contact, reading
from support.headend_meters import telegram
from support.headend_web import NOW, WebClient, headend_web


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[WebClient]:
    async with headend_web(tmp_path) as made:
        await settle(made.services.store, NOW, 2, 3, 2)
        yield made


@pytest.fixture
def store(client: WebClient) -> Store:
    return client.services.store


async def test_an_empty_head_end_says_what_to_do_first(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        assert "Take the first master in" in (await client.show("/overview")).text
        for path, text in (
            ("/masters", "No master has been taken in yet"),
            ("/meters", "No meters yet"),
            ("/schedules", "Nothing is read by itself yet"),
            ("/groups", "There are none yet."),
        ):
            assert text in (await client.show(path)).text


async def test_the_overview_shows_the_last_day_and_the_latest_readings(client: WebClient) -> None:
    text = (await client.show("/overview")).text
    assert "of 2 call as they should" in text
    assert "1,002 kWh" in text or "1,001 kWh" in text
    assert "Latest readings" in text


async def test_an_enrolment_token_is_shown_once(client: WebClient) -> None:
    await client.show("/enrolment")
    text = (await client.submit("/enrolment", days="3", note="Mill Lane")).text
    found = re.search(r"mbusmaster enrol (\S+) (mbus1-\w+)", text)
    assert found
    assert found[1] == client.services.desk.url
    assert read_token(found[2]).fingerprint == client.services.authority.fingerprint
    again = (await client.show("/enrolment")).text
    assert "Mill Lane" in again
    assert found[2] not in again
    assert found[2] not in str(client.audited(AuditKind.ENROLMENT_TOKEN_MADE))
    path = re.findall(r'"(/enrolment/\w+/delete)"', again)[0]
    assert "Mill Lane" in (await client.show(path)).text
    await client.submit(path)
    assert client.audited(AuditKind.ENROLMENT_TOKEN_DELETED) == ["Mill Lane"]
    assert "It was gone already." in (await client.submit(path)).text


@pytest.mark.parametrize("days", ["0", "366", "-1", "x", "", "99999999"])
async def test_a_token_for_days_that_make_no_sense_is_not_made(client: WebClient, days: str) -> None:
    await client.show("/enrolment")
    answer = await client.submit("/enrolment", days=days, note="x")
    assert answer.status_code == 422
    assert "Give a number of days" in answer.text


async def test_a_master_is_named_put_into_groups_and_found_by_them(client: WebClient) -> None:
    await client.show("/masters/SN1001")
    answer = await client.submit(
        "/masters/SN1001/edit", {"group": "District 1", "new_groups": "East wing, "}, name="North <b>"
    )
    assert "North &lt;b&gt;" in answer.text
    assert "SN1000" not in (await client.show("/masters?group=East+wing")).text
    answer = await client.submit("/masters/SN1001/edit", name="x" * 200)
    assert (answer.status_code, "at most 128" in answer.text) == (422, True)
    answer = await client.submit("/masters/SN1001/edit", name="x", new_groups="y" * 80)
    assert (answer.status_code, "1 to 64 printable" in answer.text) == (422, True)


async def test_a_master_says_all_that_it_reported(client: WebClient, store: Store) -> None:
    said = contact(
        "SN1000",
        time=NOW + timedelta(seconds=90),
        clock="doubtful",
        hosting=False,
        alarms=("The <disk> is full",),
        users_reset=True,
        outbox={"waiting": 1234, "oldest": NOW, "dropped": 5},
        buses=({"name": "main", "state": "shut down", "reason": "short circuit"},),
        lamps={"power": "red", "strange": "blue"},
        counters={"main.requests": 99, "other": 1.5},
    )
    await store.note_contact("SN1000", said, NOW)
    text = (await client.show("/masters/SN1000")).text
    for expected in (
        "The &lt;disk&gt; is full", "The users of this master were reset", "90 seconds ahead", "1,234", "5 readings, for lack",
        "Shut down", "short circuit", "switched off at the master", "blue", "Requests, bus main",
    ):  # fmt: skip
        assert expected in text, expected


async def test_certificates_are_revoked_and_a_master_deleted_after_a_question(
    client: WebClient, store: Store
) -> None:
    text = (await client.show("/masters/SN1000")).text
    (path,) = re.findall(r'"(/masters/SN1000/certificates/\w+/revoke)"', text)
    assert "Revoke a certificate?" in (await client.show(path)).text
    await client.submit(path)
    assert [one.revoked for one in await store.certificates("SN1000")] == [NOW]
    await client.show("/masters/SN1001/revoke")
    assert "1 certificate was revoked." in (await client.submit("/masters/SN1001/revoke")).text
    assert "Its meters and their readings stay." in (await client.show("/masters/SN1000/delete")).text
    assert "is deleted." in (await client.submit("/masters/SN1000/delete")).text
    assert [one.serial for one in await store.masters()] == ["SN1001"]
    assert len(await store.meters()) == 6
    assert (await client.get("/masters/SN1000")).status_code == 404


async def test_a_list_is_looked_at_before_it_is_taken(client: WebClient, store: Store) -> None:
    await client.show("/masters/SN1000")
    lines = "secondary_address,note\n333333332D2C3504,<new>\n100000002D2C1904,cellar\nwrong,\n"
    files = {"file": ("meters.csv", lines.encode(), "text/csv")}
    form = {"csrf": client.csrf, "master": "SN1000"}
    answer = await client.post("/masters/import", data=form, files=files)
    assert "What the file would change" in answer.text
    assert "&lt;new&gt;" in answer.text
    assert "1 problem" in answer.text
    assert len(await store.meters("SN1000")) == 3
    (key,) = re.findall(r'name="key" value="([^"]+)"', answer.text)
    assert (
        "1 meter is new, 1 was completed."
        in (await client.submit("/masters/import/take", key=key, master="SN1000")).text
    )
    assert len(await store.meters("SN1000")) == 4
    again = await client.submit("/masters/import/take", key=key, master="SN1000")
    assert "sent too long ago" in again.text
    answer = await client.post("/masters/import", data=form, files={"file": ("x", b"\0\xff", "text/csv")})
    assert (answer.status_code, "The file changes nothing" in answer.text) == (422, True)
    assert "333333332D2C3504" in (await client.get("/masters/SN1000/meters.csv")).text


async def test_meters_are_filtered_and_sorted(client: WebClient) -> None:
    def numbers(text: str) -> list[str]:
        return re.findall(r'class="mono">(\d{8})</a>', text)

    every = numbers((await client.show("/meters")).text)
    assert len(every) == 6
    assert numbers((await client.show("/meters?order=down")).text) == every[::-1]
    assert numbers((await client.show("/meters?text=10000101")).text) == ["10000101"]
    assert len(numbers((await client.show("/meters?master=SN1000&medium=7")).text)) == 1
    assert len(numbers((await client.show("/meters?show=unread")).text)) == 1
    for odd in ("page=999", "page=x", "medium=999", "sort=x&order=x", "text=%00", "text=%25"):
        assert (await client.get(f"/meters?{odd}")).status_code == 200
    assert "No meter fits this filter." in (await client.show("/meters?text=nothing")).text


async def test_a_meter_is_named_and_its_key_stored_but_never_shown(client: WebClient, store: Store) -> None:
    key = "00112233445566778899AABBCCDDEEFF"
    await client.show("/meters/1")
    await client.submit("/meters/1/edit", {"new_groups": "heat"}, name="Flat 4", note="behind\r\nthe door")
    meter = await store.meter(1)
    assert (meter.name, meter.note, sorted(meter.groups)) == ("Flat 4", "behind\nthe door", ["heat"])
    answer = await client.submit("/meters/1/key", key=" ".join(re.findall("..", key)))
    assert "A key is stored." in answer.text
    assert key not in answer.text
    assert key.lower() not in str(client.audited(AuditKind.KEY_CHANGED)).lower()
    for wrong in ("", "00", "zz" * 16):
        answer = await client.submit("/meters/1/key", key=wrong)
        assert (answer.status_code, "32 hex digits" in answer.text) == (422, True)
    await client.submit("/meters/1/key/forget")
    assert not (await store.meter(1)).has_key
    answer = await client.submit("/meters/1/edit", note="x" * 2000)
    assert (answer.status_code, "at most 1000" in answer.text) == (422, True)


async def test_a_meter_is_deleted_after_a_question(client: WebClient, store: Store) -> None:
    assert "all its readings are deleted" in (await client.show("/meters/1/delete")).text
    assert "is deleted." in (await client.submit("/meters/1/delete")).text
    assert len(await store.meters()) == 5
    for path in ("/meters/1", "/meters/1/delete", "/meters/99999999999999"):
        assert (await client.get(path)).status_code == 404


async def test_chosen_meters_go_into_a_group_and_out_again(client: WebClient, store: Store) -> None:
    await client.show("/meters")
    form: dict[str, Any] = {"csrf": client.csrf, "kind": "meters", "name": "heat", "back": "/meters?text=1"}
    answer = await client.post("/groups/join", data={**form, "meter": ["1", "2", "999"]})
    assert answer.headers["location"] == "/meters?text=1"
    assert await store.groups(GroupKind.METERS) == {"heat": 2}
    await client.post("/groups/leave", data={**form, "meter": ["2"]})
    assert await store.groups(GroupKind.METERS) == {"heat": 1}
    answer = await client.post("/groups/join", data={**form, "back": "//evil.example"}, follow_redirects=True)
    assert "Choose at least one." in answer.text


async def test_groups_are_filled_renamed_and_dissolved(client: WebClient, store: Store) -> None:
    await client.show("/groups")
    await client.submit("/groups/join", kind="masters", name="all of them", members="SN1000\nSN1001")
    assert (await store.groups(GroupKind.MASTERS))["all of them"] == 2
    answer = await client.submit("/groups/join", kind="masters", name="x", members="SN1000, nobody")
    assert (answer.status_code, "nothing called nobody" in answer.text) == (422, True)
    await client.submit("/groups/rename", kind="masters", name="all of them", new="everybody")
    assert "2 members leave" in (await client.show("/groups/dissolve?kind=masters&name=everybody")).text
    await client.submit("/groups/dissolve", kind="masters", name="everybody")
    assert "everybody" not in await store.groups(GroupKind.MASTERS)
    assert (await client.get("/groups/dissolve?kind=masters&name=everybody")).status_code == 404
    assert (await client.get("/groups/dissolve?kind=cats&name=x")).status_code == 404


async def test_a_schedule_is_previewed_made_changed_switched_and_deleted(
    client: WebClient, store: Store
) -> None:
    await client.show("/schedules/new")
    fields = {
        "title": "Morning", "kind": "calendar", "times": "02:30, 06:00", "zone": "Europe/Copenhagen", "everybody": "true",
        "missed": "skip", "enabled": "true", "application_reset": "false",
    }  # fmt: skip
    looked = await client.submit("/schedules/preview", fields)
    assert "Every day at 02:30 and 06:00, Europe/Copenhagen".lower() in looked.text.lower()
    assert "That day it reads at 03:00, 06:00." in looked.text
    assert len(await store.schedules()) == 1
    part = await client.post(
        "/schedules/preview", data={**fields, "csrf": client.csrf}, headers={"hx-request": "true"}
    )
    assert "<html" not in part.text
    answer = await client.submit("/schedules", fields)
    assert "“Morning” is saved" in answer.text
    assert "Missed ones are skipped" in answer.text or "missed ones are skipped" in answer.text
    (made,) = [one.schedule for one in await store.schedules() if one.schedule.title == "Morning"]
    await client.show(f"/schedules/{made.id}/edit")
    wrong = await client.submit("/schedules", {**fields, "id": made.id, "known": "1", "times": "25:00"})
    assert (wrong.status_code, "Give times of day" in wrong.text) == (422, True)
    for text in ("is saved", "Somebody else has changed"):
        answer = await client.submit("/schedules", {**fields, "id": made.id, "known": "1", "title": "Later"})
        assert text in answer.text
    assert "“Later” is off." in (await client.submit(f"/schedules/{made.id}/switch", on="false")).text
    assert "switch it off instead" in (await client.show(f"/schedules/{made.id}/delete")).text
    await client.submit(f"/schedules/{made.id}/delete")
    assert len(await store.schedules()) == 1
    assert client.audited(AuditKind.SCHEDULE_CHANGED)[0].startswith("Later, version 3 (off): Every day at")


async def test_read_now_goes_on_until_the_readings_are_in(client: WebClient, store: Store) -> None:
    await client.show("/meters/1")
    answer = await client.submit("/reads", meter="1", back="/meters/1")
    assert "0 of 1 meters have an answer." in answer.text
    assert "The master is not connected" in answer.text
    id = answer.url.path.rpartition("/")[2]
    with client.services.presence.calling("SN1000"):
        assert "The master is being told." in (await client.show(f"/reads/{id}")).text
    await store.orders("SN1000", 0, "1", NOW)
    assert "The master is reading." in (await client.show(f"/reads/{id}")).text
    identity = (await store.meter(1)).identity
    sound = reading(77, identity, [telegram()], schedule=id, slot=NOW, taken=NOW, bus="main")
    await store.take("SN1000", batch(sound.model_copy(update={"telegrams": ()}), serial="SN1000"), NOW)
    done = contact("SN1000", results=(CommandResult(id=id, outcome="done", detail="1 of 1"),))
    await store.note_contact("SN1000", done, NOW)
    assert "The master has read" in (await client.show(f"/reads/{id}")).text
    assert client.audited(AuditKind.READ_ORDERED) == [f"{id}: meters 1"]


async def test_an_order_to_read_is_taken_back(client: WebClient) -> None:
    await client.show("/masters/SN1000")
    answer = await client.submit("/reads", master="SN1000")
    path = answer.url.path
    assert "It was taken back." in (await client.submit(f"{path}/cancel")).text
    assert "It had ended already." in (await client.submit(f"{path}/cancel")).text
    assert (await client.get("/reads/nothing")).status_code == 404


async def test_what_cannot_be_read_is_said(client: WebClient, store: Store) -> None:
    await store.add_local_master("L1", "", LOCAL, NOW)
    await client.show("/meters")
    assert "Choose at least one meter" in (await client.submit("/reads", back="/meters")).text
    assert "No master that calls" in (await client.submit("/reads", master="L1", back="/masters/L1")).text
    assert "Read from here" in (await client.show("/masters/L1")).text


async def test_commands_are_taken_back_and_the_list_fetched_again(client: WebClient, store: Store) -> None:
    await client.show("/masters/SN1000")
    await client.submit("/masters/SN1000/list")
    (command,) = await store.commands("SN1000")
    path = f"/masters/SN1000/commands/{command.command.id}/cancel"
    assert "It was taken back." in (await client.submit(path)).text
    assert "It had ended already." in (await client.submit(path)).text


async def test_a_store_that_fails_is_a_page_too(client: WebClient, store: Store) -> None:
    await client.show("/meters/1")
    store.close()
    answer = await client.get("/meters")
    assert answer.status_code in (500, 503)
    assert "<h1>" in answer.text
