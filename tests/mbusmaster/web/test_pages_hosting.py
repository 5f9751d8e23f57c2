"""The page and the API of hosted reading, against a real head-end where one is needed."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mbushosting.parts import MeterName
from mbushosting.schedules import Calendar, Every, Missed, Schedule
from mbusmaster.audit_kinds import AuditKind
from mbusmaster.hosting.state import (
    CredentialState,
    HostedState,
    HostingState,
    OperationalStatus,
    Outgoing,
    Planned,
    RoundDone,
    Standing,
)
from mbusmaster.web.hosting_view import rule_text
from mbusweb.texts import Text
from support.api import api_client
from support.headend import running
from support.hosted_web import Stands, hosted_web, until
from support.web import NOW, WebClient, web_client

PAGE = "/configuration/hosting"
VALID = CredentialState(Standing.VALID, "https://there.example", "SN12345", NOW + timedelta(days=300))


def deeds(client: WebClient) -> list[tuple[str, str, str]]:
    entries = client.services.audit.entries(limit=20, kind=AuditKind.HOSTING)
    return [(entry.who, entry.source, entry.detail) for entry in entries]


async def test_a_master_is_enrolled_on_the_page_is_connected_and_leaves(tmp_path: Path) -> None:
    async with running(tmp_path) as site, hosted_web(tmp_path) as (client, hosted):
        answer = await client.show(PAGE)
        assert "Hosting is switched off" in answer.text or "not enrolled" in answer.text
        answer = await client.submit(
            f"{PAGE}/enrol", url=site.url, token=await site.token(), switch_on="true"
        )
        assert f"This master is enrolled at {site.url}." in answer.text
        assert client.services.settings.running.hosting.enabled
        await until(lambda: hosted.state.work.reached)
        answer = await client.show(PAGE)
        assert f"Connected with the head-end {site.url}." in answer.text
        assert "renewed by itself" in answer.text
        assert (hosted.state.status, hosted.is_reached) == ("Hosted", True)
        answer = await client.show(f"{PAGE}/leave")
        assert "needs a new token" in answer.text
        assert hosted.state.enrolment.standing is Standing.VALID
        answer = await client.submit(f"{PAGE}/leave")
        assert "at no head-end any more" in answer.text
        assert hosted.state.status == "Local"
        assert not list((tmp_path / "hosting").iterdir())
        assert deeds(client) == [
            ("anna", "192.0.2.7", f"left {site.url}"),
            ("anna", "192.0.2.7", f"enrolled at {site.url} as SN12345"),
        ]


@pytest.mark.parametrize(
    ("url", "token", "why"),
    [
        ("http://127.0.0.1", "mbus1-x", "is no address of a head-end"),
        ("https://127.0.0.1:1", "mbus1-x", "This is no enrolment token"),
        ("", "unknown", "The head-end does not know this token"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_nothing_changes(
    tmp_path: Path, url: str, token: str, why: str
) -> None:
    async with running(tmp_path) as site, hosted_web(tmp_path) as (client, hosted):
        if token == "unknown":
            word = await site.token()
            await site.enrol("M1", word)
            why = "used already"
            url, token = site.url, word
        await client.show(PAGE)
        answer = await client.submit(f"{PAGE}/enrol", url=url, token=token, switch_on="true")
        assert answer.status_code == 422
        (problem,) = re.findall(r'id="(?:url|token)-problem" class="problem">([^<]*)', answer.text)
        assert why in problem
        assert hosted.state.enrolment.standing is Standing.NONE
        assert not client.services.settings.running.hosting.enabled
        assert deeds(client) == []


async def test_an_enrolment_by_command_is_noticed_and_written_down(tmp_path: Path) -> None:
    async with running(tmp_path) as site, hosted_web(tmp_path) as (client, hosted):
        await client.show(PAGE)
        await client.submit(PAGE, {"hosting.enabled": "true"})
        assert not hosted.state.work.on
        enrolled = await site.enrol("hosting")
        await until(lambda: hosted.state.work.reached)
        assert deeds(client) == [("", "command", f"enrolled at {enrolled.place} as hosting")]


async def test_hosting_off_ends_the_calls_and_on_begins_them_again(tmp_path: Path) -> None:
    async with running(tmp_path) as site, hosted_web(tmp_path) as (client, hosted):
        await hosted.enrol(site.url, await site.token())
        await client.show(PAGE)
        await client.submit(PAGE, {"hosting.enabled": "true"})
        await until(lambda: hosted.state.work.reached)
        await client.submit(PAGE, {"hosting.enabled": "false"})
        await until(lambda: not hosted.state.work.on)
        assert hosted.is_reached is None
        assert "not called: Hosting is switched off." in (await client.show(PAGE)).text

        async def hosting_there() -> bool | None:
            contact = (await site.store.master("SN12345")).contact
            return None if contact is None else contact.hosting

        while await hosting_there() is not False:
            await until(lambda: True)
        await client.submit(PAGE, {"hosting.enabled": "true"})
        await until(lambda: hosted.state.work.reached)
        while await hosting_there() is not True:
            await until(lambda: True)


async def test_a_reset_of_the_users_is_told_when_hosting_is_on_again(tmp_path: Path) -> None:
    async with running(tmp_path) as site, hosted_web(tmp_path) as (client, hosted):
        await hosted.enrol(site.url, await site.token())
        await hosted.note_users_reset()
        await client.show(PAGE)
        await client.submit(PAGE, {"hosting.enabled": "true"})
        await until(lambda: hosted.state.work.reached)
        while not (contact := (await site.store.master("SN12345")).contact):
            await until(lambda: True)
        assert contact.users_reset


def stands(**facts: object) -> HostedState:
    work = HostingState(True, reached=True, last_contact=NOW)
    return HostedState(OperationalStatus.HOSTED, VALID, replace(work, **facts))  # type: ignore[arg-type]


async def test_the_page_says_how_it_goes(tmp_path: Path) -> None:
    meters = tuple(MeterName(bus="main", address=str(number)) for number in (1, 2))
    night = Schedule(id="n", title="At night", rule=Calendar(times=(30,)), meters=meters, budget=4)
    hourly = Schedule(id="hourly", rule=Every(minutes=60), missed=Missed.SKIP, application_reset=True)
    state = stands(
        plans=(Planned(night, NOW), Planned(hourly, NOW, NOW)),
        rounds=(
            RoundDone("hourly", "", NOW, NOW, 3, 2),
            RoundDone("c", "", NOW, NOW, 1, 1, is_command=True),
        ),
        readings=Outgoing(1234, 56789, 7),
        alarms=(Text("The disk is full."),),
    )
    async with web_client(tmp_path, hosted=Stands(state)) as client:
        await client.log_in()
        text = (await client.show(PAGE)).text
    for expected in (
        "Connected with the head-end https://there.example.",
        "At night", "00:30 (UTC)", "2 meters", "at most 4 readings of a meter a day", "missed readings are made up",
        "hourly", "every hour", "All of the meter list", "missed readings are skipped", "application reset",
        "Reading now", "2 of 3", "Read now", "1,234", "56,789", "The disk is full.",
    ):  # fmt: skip
        assert expected in text


@pytest.mark.parametrize(
    ("standing", "text", "look"),
    [
        (Standing.LAPSED, "The certificate of this master lapsed on 2026-11-01: enrol it with a new token.", "bad"),
        (Standing.DAMAGED, "What this master knows of its head-end is damaged.", "bad"),
    ],
)  # fmt: skip
async def test_a_certificate_that_is_of_no_use_is_said_first(
    tmp_path: Path, standing: Standing, text: str, look: str
) -> None:
    state = replace(stands(reached=False), enrolment=replace(VALID, standing=standing, text=Text(text)))
    async with web_client(tmp_path, hosted=Stands(state)) as client:
        await client.log_in()
        assert f'<strong class="state {look}">{text}</strong>' in (await client.show(PAGE)).text


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Every(minutes=1), "every minute"),
        (Every(minutes=15), "every 15 minutes"),
        (Every(minutes=120), "every 2 hours"),
        (Every(minutes=1440), "every day at 00:00 UTC"),
        (
            Calendar(times=(30, 785), zone="Europe/Copenhagen", weekdays=(1, 7), days=(1, -1)),
            "00:30, 13:05 (Europe/Copenhagen); Monday, Sunday; day of the month: 1, last",
        ),
    ],
)
def test_a_rule_is_said_in_words(rule: Every | Calendar, text: str) -> None:
    assert rule_text(Schedule(id="x", rule=rule)) == text


async def test_the_api_enrols_tells_and_leaves(tmp_path: Path) -> None:
    async with running(tmp_path) as site, hosted_web(tmp_path) as (client, hosted):
        headers = {"x-csrf-token": client.csrf}
        body = {"url": site.url, "token": await site.token()}
        answer = await client.post("/api/v1/hosting/enrolment", json=body, headers=headers)
        assert (answer.status_code, answer.json()["standing"]) == (200, "valid")
        await until(lambda: hosted.state.work.reached)
        said = (await client.get("/api/v1/hosting")).json()
        assert (said["head_end"], said["on"], said["reached"]) == (site.url, True, True)
        assert said["readings"] == {"waiting": 0, "kept": 0, "dropped": 0}
        again = await client.post("/api/v1/hosting/enrolment", json=body, headers=headers)
        assert (again.status_code, again.json()["errors"][0]["field"]) == (422, "token")
        nobody = {**body, "url": "https://127.0.0.1:1"}
        answer = await client.post("/api/v1/hosting/enrolment", json=nobody, headers=headers)
        assert answer.status_code == 503
        for status in (204, 404):
            answer = await client.delete("/api/v1/hosting/enrolment", headers=headers)
            assert answer.status_code == status
        assert not hosted.state.work.on


async def test_without_hosted_reading_the_api_says_so_as_it_is_described(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        assert (await api.get("/hosting"))["standing"] == "none"
        body = {"url": "https://there.example", "token": "mbus1-x"}
        assert (await api.ask("POST", "/hosting/enrolment", json=body)).status_code == 501
        assert (await api.ask("DELETE", "/hosting/enrolment")).status_code == 501
