"""Readings over the API: exact, page by page, for readers."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest

from mbusheadend.roles import READER
from support.headend_web import NOW, WebClient, headend_web
from support.headend_year import fill

ENERGY_NAME = quote("energy [Wh]")
HOUR = NOW.replace(minute=0, second=0)
"""At which readings were wanted last."""


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[WebClient]:
    """A program of a reader in front of two days of four meters."""
    async with headend_web(tmp_path, READER) as client:
        await fill(client.services.store, HOUR - timedelta(days=2), NOW)
        client.headers.update(await client.token())
        client.cookies.clear()
        yield client


async def test_registers_have_the_names_that_files_have(client: WebClient) -> None:
    answer = await client.ask("GET", "/readings/1/registers")
    assert answer.json()[0]["name"] == "energy [Wh]"


async def test_readings_come_page_by_page_each_once(client: WebClient) -> None:
    seen: list[str] = []
    before = ""
    while True:
        answer = (await client.ask("GET", f"/readings/1?limit=20&before={before}")).json()
        seen += [one["id"] for one in answer["readings"]]
        before = answer["before"]
        if before is None:
            break
    assert len(seen) == len(set(seen)) == 49


async def test_values_have_all_their_digits(client: WebClient) -> None:
    answer = await client.ask("GET", f"/readings/3?limit=1&register={quote('power [W]')}")
    exact = json.loads(answer.text, parse_float=Decimal)["readings"][0]
    reading = (await client.services.store.latest((3,)))[3]
    register = next(one for one in await client.services.store.registers(3) if one.quantity == "power")
    assert [one["value"] for one in exact["values"]] == [reading.value(register)]


async def test_raw_telegrams_come_where_they_are_wanted(client: WebClient) -> None:
    with_raw = (await client.ask("GET", "/readings/1?limit=1&raw=true")).json()["readings"][0]
    assert with_raw["telegrams"][0]["bytes"].startswith("68")
    assert "telegrams" not in (await client.ask("GET", "/readings/1?limit=1")).json()["readings"][0]


async def test_series_are_thinned_to_what_is_wanted(client: WebClient) -> None:
    (series,) = (await client.ask("GET", f"/series?series=1|{ENERGY_NAME}&most=10")).json()
    assert series["count"] > 40
    assert len(series["samples"]) <= 16
    assert series["is_exact"] is False


async def test_the_latest_tell_their_age(client: WebClient) -> None:
    answer = (await client.ask("GET", "/latest?limit=2&most=1")).json()
    assert answer["matching"] == 4
    assert [len(one["values"]) for one in answer["meters"]] == [1, 1]
    assert answer["meters"][0]["age"] < 3600


async def test_consumption_has_periods_of_the_zone(client: WebClient) -> None:
    answer = (await client.ask("GET", "/readings/1/consumption?zone=Europe/Copenhagen")).json()
    assert answer["register"] == "energy [Wh]"
    assert answer["periods"][0]["since"].endswith("T23:00:00.000Z")
    assert answer["periods"][-1]["so_far"] is not None


async def test_completeness_is_given_by_master_by_meter_and_by_gap(client: WebClient) -> None:
    (master,) = (await client.ask("GET", "/completeness/masters")).json()
    meters = (await client.ask("GET", "/completeness/meters?master=M1")).json()
    assert master["total"]["received"] == sum(one["total"]["received"] for one in meters)
    gaps = (await client.ask("GET", "/readings/2/gaps")).json()
    assert (
        sum(gap["slots"] for gap in gaps) == meters[1]["total"]["expected"] - meters[1]["total"]["received"]
    )


async def test_an_export_is_sent_as_a_file(client: WebClient) -> None:
    answer = await client.get("/api/v1/export?register=energy&meter=30401707")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert len(answer.text.splitlines()) > 40


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/readings/77", 404),
        ("/readings/77/registers", 404),
        ("/readings/77/gaps", 404),
        ("/readings/77/consumption", 404),
        ("/readings/0", 422),
        ("/readings/1?limit=100000", 422),
        ("/readings/1?since=yesterday", 422),
        ("/readings/1?since=2026-11-22T00:00:00Z&until=2026-11-21T00:00:00Z", 422),
        ("/readings/1/consumption?zone=Nowhere/At_all", 422),
        ("/readings/1/consumption?register=nothing", 422),
        ("/readings/1/consumption?since=1000-01-01T00:00:00Z", 422),
        ("/readings/4/consumption?period=century", 422),
        ("/series", 422),
        ("/series?series=1|nothing", 422),
        ("/completeness/masters?since=1000-01-01T00:00:00Z", 422),
        ("/latest?limit=0", 422),
        ("/export?meter=nobody", 422),
        ("/export?form=parquet&what=readings", 422),
    ],
)
async def test_what_cannot_be_is_refused_and_says_why(client: WebClient, path: str, status: int) -> None:
    answer = await client.get(f"/api/v1{path}")
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


async def test_nobody_reads_without_a_token(client: WebClient) -> None:
    del client.headers["authorization"]
    for path in ("/readings/1", "/series?series=1|x", "/latest", "/completeness/masters", "/export"):
        assert (await client.get(f"/api/v1{path}")).status_code == 401
