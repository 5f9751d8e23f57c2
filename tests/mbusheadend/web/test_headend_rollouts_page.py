"""Rollouts and settings of many masters at the pages and over the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.firmware import Shelf
from mbusheadend.fleet.settings_desk import SettingsDesk
from mbusheadend.roles import ADMIN
from mbusheadend.rollout.desk import RolloutDesk
from mbusheadend.rollout.plan import Plan
from mbusheadend.rollout.runner import RolloutRunner
from mbusheadend.rollout.state import RolloutState
from mbushosting.contact import CommandResult
from mbushosting.fleet_settings import SettingChange, SettingsAnswer
from support.headend_messages import contact, enrol
from support.headend_web import WebClient, headend_web
from support.releases import NOW as MADE
from support.releases import ReleaseMaker

FORM = {"release": "0042", "kind-1": "groups", "value-1": "test", "soak-1": "1", "value-2": "100"}
FORM |= {"kind-2": "percent", "title": "Autumn"}
PLAN = {"release": 42, "rings": [{"groups": ["test"]}, {"percent": 100}]}


@asynccontextmanager
async def utility(folder: Path, role: str = ADMIN) -> AsyncIterator[WebClient]:
    """Give pages of a head-end with release 42 and two masters, one of them in the group test."""
    maker = ReleaseMaker(folder / "made")
    shelf = Shelf(folder / "shelf", folder / "no package")
    shelf.add(maker.good(42), MADE, root=maker.root)
    async with headend_web(folder / "state", role, firmware=shelf, now=lambda: MADE) as client:
        store = client.services.store
        object.__setattr__(client.services, "rollouts", RolloutDesk(store, shelf, lambda: MADE))
        object.__setattr__(client.services, "fleet_settings", SettingsDesk(store, lambda: MADE))
        await enrol(store, "M1", "M2")
        await store.set_master("M1", name="Mill Lane", groups=("test",))
        for serial in ("M1", "M2"):
            said = contact(serial, release="0041", updates="on", settings="on")
            await store.note_contact(serial, said, MADE)
        yield client


def runner(client: WebClient) -> RolloutRunner:
    return RolloutRunner(client.services.store, client.services.firmware, lambda: MADE)


async def only_id(client: WebClient) -> str:
    (rollout,) = await client.services.store.rollouts()
    return rollout.id


async def test_a_rollout_is_made_started_watched_paused_stopped_and_cancelled(tmp_path: Path) -> None:
    async with utility(tmp_path) as client:
        assert "No rollout has been made yet" in (await client.show("/rollouts")).text
        assert "0042" in (await client.show("/new-rollout")).text
        made = await client.submit("/rollouts", FORM)
        assert "Not begun" in made.text
        path = f"/rollouts/{await only_id(client)}"
        assert "groups test, watched for 1 h" in made.text
        started = (await client.submit(f"{path}/start")).text
        assert "Ring 1 of 2 is being updated" in started
        await runner(client).tick()
        shown = (await client.show(path)).text
        assert "Mill Lane" in shown
        assert "Told" in shown
        assert "Waits for its turn" in (await client.show(f"{path}?state=waiting")).text
        assert "Paused" in (await client.submit(f"{path}/pause")).text
        assert "Running" in (await client.submit(f"{path}/resume")).text
        assert "Stopped by anna" in (await client.submit(f"{path}/stop")).text
        assert "Running" in (await client.submit(f"{path}/go-on", retry="true")).text
        assert "never go backwards" in (await client.show(f"{path}/cancel")).text
        assert "Cancelled" in (await client.submit(f"{path}/cancel")).text
        await client.show(f"{path}/delete")
        assert "No rollout has been made yet" in (await client.submit(f"{path}/delete")).text
        assert len(client.audited(AuditKind.ROLLOUT)) == 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value-1": "", "value-2": ""}, "Give at least one ring"),
        ({"release": "0043"}, "There is no release 0043 here"),
        ({"begin": "soon"}, "written as 22:00"),
        ({"zone": "Europe/Nowhere"}, "There is no time zone Europe/Nowhere here"),
        ({"reported_percent": "200"}, "are well [%]: this value cannot be used"),
        ({"value-2": "many"}, "Ring 2: give names of groups"),
        ({"soak-2": "long"}, "Ring 2, Watched for [hours]: this value cannot be used"),
    ],
)
async def test_a_form_that_is_wrong_says_what_and_is_kept(
    tmp_path: Path, change: dict[str, str], words: str
) -> None:
    async with utility(tmp_path) as client:
        await client.show("/new-rollout")
        answer = await client.submit("/rollouts", {**FORM, **change})
        assert answer.status_code == 422
        assert words in answer.text
        assert "Autumn" in answer.text
        assert await client.services.store.rollouts() == ()


async def test_what_cannot_be_done_now_is_said(tmp_path: Path) -> None:
    async with utility(tmp_path) as client:
        await client.show("/new-rollout")
        await client.submit("/rollouts", FORM)
        path = f"/rollouts/{await only_id(client)}"
        assert "this cannot be done" in (await client.submit(f"{path}/pause")).text
        await client.submit(f"{path}/start")
        assert "this cannot be done" in (await client.submit(f"{path}/delete")).text


async def test_releases_may_come_by_rollouts_only(tmp_path: Path) -> None:
    async with utility(tmp_path) as client:
        assert "offered 0042" in (await client.show("/firmware")).text
        await client.show("/rollouts")
        assert "offered to nobody" in (await client.submit("/rollouts/only", on="true")).text
        assert "offered 0042" not in (await client.show("/firmware")).text


@pytest.mark.parametrize(("role", "may_brake"), [("reader", False), ("operator", True)])
async def test_operators_can_hold_a_rollout_up_and_nothing_else(
    tmp_path: Path, role: str, may_brake: bool
) -> None:
    async with utility(tmp_path, role) as client:
        await client.show("/rollouts")
        rollout = await client.services.rollouts.make(Plan.model_validate(PLAN), "anna")
        path = f"/rollouts/{rollout.id}"
        await client.services.rollouts.start(rollout.id)
        assert (await client.show(path)).status_code == 200
        for deed in ("start", "go-on", "cancel", "delete"):
            assert (await client.submit(f"{path}/{deed}")).status_code == 403
        assert (await client.submit("/rollouts", FORM)).status_code == 403
        assert (await client.submit("/fleet-settings")).status_code == 403
        answer = await client.submit(f"{path}/stop")
        assert (answer.status_code == 200) is may_brake
        state = (await client.services.store.rollout(rollout.id)).state
        assert state is (RolloutState.STOPPED if may_brake else RolloutState.RUNNING)


async def test_programs_do_the_same(tmp_path: Path) -> None:
    async with utility(tmp_path) as client:
        client.headers.update(await client.token())
        made = await client.ask("POST", "/rollouts", json=PLAN)
        id = made.json()["id"]
        assert (made.status_code, made.json()["state"]) == (201, "draft")
        assert (await client.ask("POST", f"/rollouts/{id}/pause")).status_code == 409
        await client.ask("POST", f"/rollouts/{id}/start")
        await runner(client).tick()
        found = (await client.ask("GET", f"/rollouts/{id}")).json()
        assert found["counts"] == [
            {"ring": 1, "state": "asked", "masters": 1},
            {"ring": 2, "state": "waiting", "masters": 1},
        ]
        members = (await client.ask("GET", f"/rollouts/{id}/masters?state=asked")).json()
        assert [(one["serial"], one["ring"]) for one in members] == [("M1", 1)]
        for deed in ("pause", "resume", "stop"):
            assert (await client.ask("POST", f"/rollouts/{id}/{deed}")).status_code == 200
        again = await client.ask("POST", f"/rollouts/{id}/go-on", json={"retry": True})
        assert again.json()["state"] == "running"
        assert (await client.ask("POST", f"/rollouts/{id}/cancel")).json()["state"] == "cancelled"
        assert (await client.ask("POST", "/rollouts/only", json={"on": True})).status_code == 204
        assert (await client.ask("GET", "/rollouts")).json()["rollouts_only"] is True
        assert (await client.ask("DELETE", f"/rollouts/{id}")).status_code == 204
        assert (await client.ask("GET", f"/rollouts/{id}")).status_code == 404


async def answers(client: WebClient, serial: str, answer: SettingsAnswer, outcome: str = "done") -> None:
    store = client.services.store
    results = [
        CommandResult.model_validate({"id": one.id, "outcome": outcome, "detail": answer.as_detail()})
        for one in (await store.orders(serial, 0, "", MADE)).commands
    ]
    await store.note_contact(serial, contact(serial, settings="on", results=tuple(results)), MADE)


CHANGE = SettingChange(path="log.level", old="info", new="debug", needs_restart=True)
REFUSED = SettingChange(path="log.level", refused="this setting is not set from a head-end")


async def test_settings_are_tried_shown_as_a_table_and_set(tmp_path: Path) -> None:
    async with utility(tmp_path) as client:
        await client.show("/new-fleet-settings")
        form = {
            "values": "log.level = debug\nfirmware.automatic = true",
            "everybody": "true",
            "title": "Louder",
        }
        tried = await client.submit("/fleet-settings", form)
        assert "Waits for the master" in tried.text
        (order,) = await client.services.store.all_fleet_settings()
        assert order.values == {"log.level": "debug", "firmware.automatic": True}
        path = f"/fleet-settings/{order.id}"
        await answers(client, "M1", SettingsAnswer(version="a1", changes=(CHANGE,)))
        await answers(client, "M2", SettingsAnswer(version="b1", changes=(REFUSED,)), "refused")
        table = (await client.show(path)).text
        for words in (
            "firmware.automatic = true",
            "info → debug",
            "needs a restart",
            REFUSED.refused,
            "Would change",
        ):
            assert words in table
        assert "One master is told to set them." in (await client.submit(f"{path}/set", most="5")).text
        await answers(client, "M1", SettingsAnswer(version="a2", changes=(CHANGE,), applied=True))
        assert "Set</span>" in (await client.show(path)).text
        assert "Louder" in (await client.show("/fleet-settings")).text
        assert len(client.audited(AuditKind.FLEET_SETTINGS)) == 2
        assert "/fleet-settings" in (await client.show("/masters/M1")).text


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"values": "log.level", "everybody": "true"}, "Each line is a setting"),
        ({"values": "LOG LEVEL = 1", "everybody": "true"}, "These settings cannot be set"),
        ({"values": "log.level = debug"}, "Choose at least one master"),
    ],
)
async def test_settings_that_cannot_be_tried_are_said(
    tmp_path: Path, form: dict[str, str], words: str
) -> None:
    async with utility(tmp_path) as client:
        await client.show("/new-fleet-settings")
        answer = await client.submit("/fleet-settings", form)
        assert answer.status_code == 422
        assert words in answer.text


async def test_programs_try_and_set_settings(tmp_path: Path) -> None:
    async with utility(tmp_path) as client:
        client.headers.update(await client.token())
        given = {"values": {"log.level": "debug"}, "masters": ["M1"], "restart": True}
        tried = (await client.ask("POST", "/fleet-settings", json=given)).json()
        assert [(one["serial"], one["progress"]) for one in tried["masters"]] == [("M1", "waiting")]
        await answers(client, "M1", SettingsAnswer(version="a1", changes=(CHANGE,)))
        found = (await client.ask("GET", f"/fleet-settings/{tried['id']}")).json()
        assert found["masters"][0]["answer"]["changes"][0]["new"] == "debug"
        done = (await client.ask("POST", f"/fleet-settings/{tried['id']}/set", json={})).json()
        assert done["masters"][0]["progress"] == "setting"
