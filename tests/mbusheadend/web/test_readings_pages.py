"""The pages about readings: each tells what the store has, keeps its choice in the address, and takes anything for an address."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from mbusheadend.export import register_name
from mbusheadend.judging.points import numbers
from mbusheadend.roles import READER
from support.headend_meters import ENERGY
from support.headend_web import NOW, WebClient, headend_web
from support.headend_year import fill

ENERGY_NAME = quote("energy [Wh]")
HOUR = NOW.replace(minute=0, second=0)
"""At which readings were wanted last."""
PATHS = (
    "/readings",
    "/readings/1",
    "/readings/1/table",
    "/readings/1/consumption",
    "/readings/1/completeness",
    "/plot",
    "/consumption",
    "/completeness",
    "/completeness/M1",
    "/export",
)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[WebClient]:
    """A reader in front of three days of four meters."""
    async with headend_web(tmp_path, READER) as client:
        await fill(client.services.store, HOUR - timedelta(days=3), NOW)
        yield client


@pytest.mark.parametrize("path", PATHS)
async def test_each_page_is_there_for_a_reader_and_for_nobody_else(client: WebClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    client.cookies.clear()
    assert (await client.get(path)).status_code == 303


async def test_a_page_without_any_reading_says_so(tmp_path: Path) -> None:
    async with headend_web(tmp_path, READER) as client:
        assert "There are no meters yet" in (await client.show("/readings")).text
        assert "Nothing is expected yet" in (await client.show("/completeness")).text
        assert "No meter fits." in (await client.show("/consumption")).text


async def test_the_meter_says_who_it_is_and_where_it_is_read(client: WebClient) -> None:
    text = (await client.show("/readings/1")).text
    for said in ("30401707", "Heat and cooling", "KAM", "304017072D2C340D", "M1", "Last reading"):
        assert said in text
    assert "/plots/data?s=1%7Cenergy+%5BWh%5D" in text


async def test_the_newest_readings_are_found_by_text_master_and_group(client: WebClient) -> None:
    store = client.services.store
    await store.set_meter(2, name="Cellar", note="", groups=("water",))
    assert "Cellar" in (await client.show("/readings?text=cell")).text
    assert "30401707" not in (await client.show("/readings?group=water")).text
    assert "30401707" in (await client.show("/readings?master=M1")).text
    assert "No meter fits." in (await client.show("/readings?master=M2")).text


async def test_the_table_has_chosen_registers_and_leads_to_raw_telegrams(client: WebClient) -> None:
    answer = await client.show("/readings/1/table?time=day&r=" + quote("volume [m³]"))
    assert "Volume [m³]" in answer.text
    assert "Energy [kWh]</th>" not in answer.text
    path = answer.text.partition('href="/readings/1/raw/')[2].partition('"')[0]
    raw = await client.show(f"/readings/1/raw/{path}")
    assert "Telegram 1" in raw.text
    assert "68" in raw.text
    assert "DIB" in raw.text


async def test_older_readings_are_one_link_away(client: WebClient) -> None:
    answer = await client.show("/readings/1/table?time=week")
    link = (
        answer.text.partition("Older</a>")[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    )
    assert "before=" in link
    assert (await client.show(link)).status_code == 200


async def test_the_data_of_a_plot_have_the_digits_of_the_meter_in_usual_units(client: WebClient) -> None:
    data = (await client.get(f"/plots/data?s=1|{ENERGY_NAME}&time=week")).json()
    (series,) = data["series"]
    assert (series["unit"], series["name"]) == ("kWh", "Energy")
    page = await client.services.store.series(1, ENERGY, NOW - timedelta(days=7), NOW)
    expected = [value / 1000 for _taken, value in numbers(page.points)]
    assert [value for value in series["v"] if value is not None] == expected
    assert data["open"] is True
    assert any(marks == ["clock"] for marks in series["m"].values())
    assert len(series["o"]) == series["count"]


async def test_a_part_of_a_plot_and_what_is_new_are_asked_for_apart(client: WebClient) -> None:
    front = f"/plots/data?s=1|{ENERGY_NAME}&time=week"
    whole = (await client.get(front)).json()["series"][0]
    begin, end = whole["t"][10], whole["t"][20]
    part = (await client.get(f"{front}&from={begin}&to={end}")).json()
    assert (part["since"], part["until"], part["open"]) == (begin, end, False)
    assert part["series"][0]["t"][0] == begin
    news = (await client.get(f"{front}&after={whole['t'][-3]}")).json()["series"][0]
    assert news["t"] == whole["t"][-2:]


async def test_a_year_of_every_quarter_of_an_hour_is_less_than_a_hundred_kilobytes(tmp_path: Path) -> None:
    async with headend_web(tmp_path, READER) as client:
        # A tenth of the readings of a year, each as long: what is thinned does not depend on how many there were.
        await fill(client.services.store, HOUR - timedelta(days=36), NOW, minutes=15, slugs=("abb-b23",))
        answer = await client.get(f"/plots/data?s=1|{ENERGY_NAME}&s=1|{quote('power [W]')}&time=month")
        assert answer.json()["series"][0]["count"] > 2900
        assert len(answer.content) / 2 < 100_000


async def test_the_address_of_a_comparison_holds_the_whole_choice(client: WebClient) -> None:
    answer = await client.show(f"/plot?s=1|{ENERGY_NAME}&s=3|{ENERGY_NAME}&time=month")
    assert answer.text.count('class="remove"') == 2
    assert "/plots/data?s=1%7Cenergy+%5BWh%5D&amp;s=3%7Cenergy+%5BWh%5D&amp;time=month" in answer.text
    data = (await client.get(f"/plots/data?s=1|{ENERGY_NAME}&s=3|{ENERGY_NAME}&time=month")).json()
    assert [one["name"] for one in data["series"]] == ["30401707", "30401721"]


async def test_no_more_registers_are_shown_than_fit(client: WebClient) -> None:
    registers = await client.services.store.registers(3)
    keys = "&".join(f"s=3|{quote(register_name(one))}" for one in registers)
    answer = await client.show(f"/plot?{keys}")
    assert answer.text.count('class="remove"') == 12
    assert "No more than 12 registers" in answer.text


async def test_consumption_shows_days_of_the_zone_with_those_before(client: WebClient) -> None:
    answer = await client.show("/readings/1/consumption?period=day&zone=Europe/Copenhagen")
    assert "so far" in answer.text
    data = (await client.get("/readings/1/consumption/data?period=day&zone=Europe/Copenhagen")).json()
    assert data["kind"] == "bars"
    assert len(data["labels"]) == 32
    assert (await client.show("/readings/1/consumption?since=2000-01-01&until=2026-01-01")).text.count(
        "too many periods"
    ) == 1


async def test_completeness_names_the_gaps_of_a_meter(client: WebClient) -> None:
    text = (await client.show("/readings/2/completeness")).text
    assert "Gaps" in text
    assert "Silent" in text
    assert "share-4" in text


@pytest.mark.parametrize(
    "path",
    [
        "/readings/0",
        "/readings/77",
        "/readings/99999999999999999999999",
        "/readings/77/table",
        "/readings/77/consumption",
        "/readings/77/consumption/data",
        "/readings/77/completeness",
        "/readings/1/raw/0/x",
        "/readings/1/raw/999999999999999999999/x",
        "/readings/1/raw/-5/x",
        "/completeness/M9",
    ],
)
async def test_what_is_not_there_is_not_found(client: WebClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/readings/1?time=nix&r=nix&since=x",
        "/readings/1?since=2026-11-22&until=2026-11-01",
        "/readings/1/table?before=9-9-9&r=%00",
        "/readings/1/consumption?period=x&zone=../../etc&r=x",
        "/readings/1/completeness?zone=%00",
        "/readings?number=99999999999&text=%25_%5C&group=%00",
        "/plot?s=|&s=1|&s=x|y&s=99999999999|z&text=%00&group=x",
        "/plots/data?s=1|x&from=nan&to=inf&after=1e400",
        "/plots/data?from=5&to=1&time=day",
        "/consumption?period=x&number=x&zone=x",
        "/completeness?days=9999&number=0&zone=x",
        "/export?meter=%00&what=x&form=y&time=z",
    ],
)
async def test_any_address_gets_a_page(client: WebClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


async def test_names_of_meters_are_no_html(client: WebClient) -> None:
    await client.services.store.set_meter(1, name="<script>x</script>", note="<b>", groups=("<i>",))
    for path in (
        "/readings",
        "/readings/1",
        "/readings/1/table",
        "/plot",
        "/consumption",
        "/completeness/M1",
        "/export",
    ):
        text = (await client.show(path)).text
        assert "<script>x" not in text
        assert "<b>" not in text
        assert "<i>" not in text


async def test_an_export_is_a_file_with_what_was_chosen(client: WebClient) -> None:
    answer = await client.get("/export/file?what=values&meter=30401707,30401721&register=energy&time=day")
    assert answer.headers["content-disposition"].startswith('attachment; filename="head-end-values-2026')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["meter"][:8] for row in rows} == {"30401707", "30401721"}
    assert {row["quantity"] for row in rows} == {"energy"}


async def test_an_export_of_consumption_has_lines_of_json(client: WebClient) -> None:
    answer = await client.get("/export/file?what=consumption&form=json&time=week&zone=UTC&meter=30401707")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert {line["register"] for line in lines} >= {"energy [Wh]"}


async def test_an_export_that_cannot_be_made_says_why_on_the_page(client: WebClient) -> None:
    answer = await client.get("/export/file?meter=nobody")
    assert answer.status_code == 422
    assert "there is no meter" in answer.text
    assert 'value="nobody"' in answer.text


async def test_numbers_and_days_are_written_as_the_visitor_wants(client: WebClient) -> None:
    client.headers["accept-language"] = "de"
    data = (await client.get(f"/plots/data?s=1|{ENERGY_NAME}")).json()
    assert data["habits"] | {"morning": "", "afternoon": ""} == {
        "date": "dd.MM.yyyy", "time": "HH:mm:ss", "decimal": ",", "group": ".", "morning": "", "afternoon": "",
    }  # fmt: skip
    assert "22.11.2026" in (await client.show("/readings/1/table?time=day")).text
