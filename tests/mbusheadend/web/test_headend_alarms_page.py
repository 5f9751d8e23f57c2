from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mbusheadend.alarms.advice import ADVICE
from mbusheadend.alarms.alarm import AlarmFilter, AlarmKey, Raised
from mbusheadend.alarms.kinds import AlarmKind, Severity
from mbusheadend.audit_kinds import AuditKind
from mbusheadend.users import RULES
from mbusweb.texts import Text
from support.access import Clocks, an_access
from support.headend_messages import SERIAL, contact, enrol, listed
from support.headend_meters import ADDRESS
from support.headend_web import NOW, WebClient, headend_web

SILENT = AlarmKey(AlarmKind.MASTER_SILENT, SERIAL)


@asynccontextmanager
async def with_alarms(folder: Path, role: str) -> AsyncIterator[WebClient]:
    """An open error of a master, an open warning of its meter, and a notice that is over."""
    async with headend_web(folder, role) as client:
        store = client.services.store
        await enrol(store)
        await store.note_contact(SERIAL, contact(meters=listed(ADDRESS)), NOW)
        (meter,) = await store.meters()
        await store.set_master(SERIAL, name="Mill Lane", groups=("North",))
        faults = AlarmKey(AlarmKind.METER_STATUS, SERIAL, meter.id, "power_low")
        budget = AlarmKey(AlarmKind.BUDGET_USED_UP, SERIAL, meter.id)
        raised = [Raised(SILENT, Text("It has not called.")), Raised(faults, Text("<b>Battery</b> low."))]
        await store.note_alarms([*raised, Raised(budget, Text("No reading left today."))], [], NOW)
        await store.note_alarms([], [budget], NOW)
        yield client


async def numbers(client: WebClient) -> list[int]:
    return [one.id for one in (await client.services.store.alarms()).alarms]


def test_each_kind_says_what_to_do() -> None:
    assert set(ADVICE) == set(AlarmKind)


async def test_open_alarms_are_shown_in_words_with_what_to_do_and_whom_they_are_about(tmp_path: Path) -> None:
    async with with_alarms(tmp_path, "reader") as client:
        shown = (await client.show("/alarms")).text
        for wanted in (
            "Master silent",
            "It has not called.",
            'href="/masters/',
            'href="/readings/1"',
            "Mill Lane",
        ):
            assert wanted in shown
        assert "&lt;b&gt;Battery" in shown
        assert "Look whether the master has power and network" in shown
        assert "No reading left today" not in shown
        assert "Acknowledge the chosen ones" not in shown
        assert "No reading left today" in (await client.show("/alarms?show=over")).text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("severity=error", 1),
        ("kind=meter+status", 1),
        ("group=North", 2),
        ("group=South", 0),
        (f"master={SERIAL}&show=all", 3),
        ("meter=1", 1),
        ("meter=99999999999999999999&kind=%00&severity=x&show=y&before=-1", 2),
    ],
)
async def test_filters_choose_and_nonsense_chooses_nothing(tmp_path: Path, query: str, count: int) -> None:
    async with with_alarms(tmp_path, "reader") as client:
        answer = await client.show(f"/alarms?{query}")
        assert answer.status_code == 200
        assert answer.text.count('<p class="head"') == count


async def test_one_who_acknowledges_is_named_with_the_note_and_the_count_falls(tmp_path: Path) -> None:
    async with with_alarms(tmp_path, "operator") as client:
        newest, *_rest = await numbers(client)
        assert "2 alarms are new" in (await client.show("/alarms/count")).text
        await client.show("/alarms")
        answer = await client.submit(
            "/alarms/acknowledge",
            alarm=str(newest - 1),
            note="the fitter\ncomes",
            back="/alarms?severity=warning",
        )
        assert "1 alarm is acknowledged." in answer.text
        assert answer.url.query == b"severity=warning"
        assert "“the fitter comes”" in answer.text
        assert "1 alarm is new" in (await client.show("/alarms/count")).text
        assert client.audited(AuditKind.ALARM_CHANGED) == [f"acknowledged {newest - 1}: the fitter comes"]
        await client.show("/alarms")
        again = await client.submit(
            "/alarms/acknowledge", alarm=str(newest - 1), back="https://elsewhere.example/"
        )
        assert "Somebody had acknowledged it already." in again.text
        assert "Choose an alarm first." in (await client.submit("/alarms/acknowledge")).text


async def test_all_that_are_shown_can_be_acknowledged_at_once(tmp_path: Path) -> None:
    async with with_alarms(tmp_path, "operator") as client:
        await client.show("/alarms")
        ids = [str(one) for one in await numbers(client)]
        form = {"csrf": client.csrf, "which": "shown", "shown": ids}
        assert (await client.post("/alarms/acknowledge", data=form)).status_code == 303
        assert await client.services.store.count_alarms() == {}


async def test_readers_and_foreign_forms_acknowledge_nothing(tmp_path: Path) -> None:
    async with with_alarms(tmp_path, "reader") as client:
        await client.show("/alarms")
        assert (await client.submit("/alarms/acknowledge", alarm="1")).status_code == 403
        answer = await client.ask(
            "POST", "/alarms/acknowledge", json={"alarms": [1]}, headers={"x-csrf-token": client.csrf}
        )
        assert answer.status_code == 403
        client.csrf = "not of this page"
        assert (await client.submit("/alarms/acknowledge", alarm="1")).status_code == 403
        assert len(await client.services.store.count_alarms()) == 2


async def test_that_the_menu_asks_for_the_number_by_itself_keeps_nobody_logged_in(tmp_path: Path) -> None:
    clocks = Clocks()
    access = an_access(tmp_path, clocks, rules=RULES)
    access.open()
    async with headend_web(tmp_path, "reader", access=access, audit=access.audit) as client:
        for minutes, status in ((20, 200), (9, 200), (2, 303)):
            clocks.pass_by(60 * minutes)
            answer = await client.get("/alarms/count", headers={"x-by-itself": "1"})
            assert answer.status_code == status
    access.close()


async def test_the_api_lists_counts_and_acknowledges(tmp_path: Path) -> None:
    async with with_alarms(tmp_path, "operator") as client:
        token = await client.token()
        found = (await client.ask("GET", "/alarms?open=true&severity=error", headers=token)).json()
        assert found["total"] == 1
        assert (found["alarms"][0]["kind"], found["alarms"][0]["severity"]) == ("master silent", "error")
        id = found["alarms"][0]["id"]
        counts = (await client.ask("GET", "/alarms/count", headers=token)).json()
        assert counts == {"error": 1, "warning": 1, "notice": 0}
        body = {"alarms": [id], "note": "known"}
        taken = await client.ask("POST", "/alarms/acknowledge", json=body, headers=token)
        assert taken.json() == {"count": 1}
        one = (await client.ask("GET", f"/alarms/{id}", headers=token)).json()
        assert (one["acknowledged_by"], one["note"]) == ("anna", "known")
        assert (await client.ask("GET", "/alarms/4711", headers=token)).status_code == 404
        wrongs: tuple[dict[str, Any], ...] = (
            {"alarms": []},
            {"alarms": [1], "note": "x" * 501},
            {"alarms": ["1"]},
            {"alarms": [-1]},
        )
        for wrong in wrongs:
            refused = await client.ask("POST", "/alarms/acknowledge", json=wrong, headers=token)
            assert refused.status_code == 422
        known = AlarmFilter(is_acknowledged=True, severity=Severity.ERROR)
        assert (await client.services.store.alarms(known)).total == 1
