"""Files of readings and consumption."""

import csv
import io
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet
import pytest

from mbus.application.header import Header
from mbus.link.frames import LongFrame
from mbusheadend.decoding.registers import Register
from mbusheadend.errors import HeadEndError
from mbusheadend.export import (
    Consumed,
    Form,
    Registers,
    Source,
    Values,
    choose_meters,
    export,
    is_named,
    register_name,
)
from mbusheadend.export.columns import Column, Kind
from mbusheadend.export.forms import CsvFile
from mbusheadend.export.parquet import ParquetFile
from mbusheadend.judging.consumption import Period
from mbusheadend.state import open_store
from mbusheadend.store import Store
from mbushosting.readings import Outcome
from support.headend_messages import SERIAL, START, batch, enrol, reading
from support.headend_meters import METER, OTHER, telegram

HOUR: Final = timedelta(hours=1)
END: Final = START + timedelta(days=30)
RICH: Final = bytes.fromhex("046D0F0A5B3B 0C13 45230100 02FD48 6909 0DFD0B 04 322D3D2D".replace(" ", ""))
"""The meter's clock (2026-11-27 10:15), volume in litres as BCD, voltage in tenths, a text that a spreadsheet would obey."""


def rich(access: int = 1, records: bytes = RICH, status: int = 0x04) -> bytes:
    return LongFrame(0x08, 0xFD, 0x72, Header(OTHER, access, status, 0).to_bytes() + records).to_bytes()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Store, None]:
    """Give a store with 24 readings of one meter, and of another a rich, a silent and a garbled one."""
    store = open_store(tmp_path)
    await enrol(store)
    for hour in range(24):
        frame = telegram(energy=1000 + hour, access=hour)
        await store.take(
            SERIAL,
            batch(reading(hour + 1, str(METER), [frame], taken=START + hour * HOUR)),
            START + hour * HOUR,
        )
    others = (
        reading(101, str(OTHER), [rich()], taken=START, attempts=2, remark="=late"),
        reading(102, str(OTHER), taken=START + HOUR, outcome=Outcome.SILENT, attempts=9),
        reading(
            103, str(OTHER), [rich(2, b"\x04\x13\x01")], taken=START + 2 * HOUR, outcome=Outcome.INCOMPLETE
        ),
    )
    await store.take(SERIAL, batch(*others), START + 3 * HOUR)
    yield store
    store.close()


async def whole(source: Source[Any], form: Form = Form.CSV, **options: Any) -> bytes:
    return b"".join([piece async for piece in await export(source, form, **options)])


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


async def test_csv_has_a_row_for_each_value_with_both_times_quality_and_unit(store: Store) -> None:
    data = await whole(Values(store, await store.meters(), START, END))
    rows = rows_of(data)
    assert len(rows) == 24 + 4 + 1 + 1
    first = rows[0]
    assert (first["meter"], first["taken"], first["value"], first["unit"], first["quantity"]) == (
        str(METER), "2026-11-23T00:00:00.000Z", "1000000", "Wh", "energy",
    )  # fmt: skip
    clock, volume, voltage, text = (
        row for row in rows if row["taken"] == first["taken"] and row["meter"] == str(OTHER)
    )
    assert (clock["meter_time"], clock["value"]) == ("2026-11-27T10:15:00", "2026-11-27T10:15:00")
    assert (volume["value"], volume["unit"], volume["register"]) == ("12.345", "m³", "volume [m³]")
    assert (voltage["value"], voltage["unit"]) == ("240.9", "V")
    assert text["value"].startswith("'-")
    assert (text["remark"], text["attempts"], text["outcome"], text["clock"]) == ("'=late", "2", "ok", "good")
    assert text["meter_status"] == "power_low"
    assert text["received"] == "2026-11-23T03:00:00.000Z"
    silent, garbled = (row for row in rows if row["outcome"] in ("silent", "incomplete"))
    assert (silent["value"], silent["attempts"], silent["register"]) == ("", "9", "")
    assert garbled["error"]
    assert data.endswith(b"\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")


async def test_the_wide_form_has_a_row_for_each_reading_and_a_column_for_each_register(store: Store) -> None:
    rows = rows_of(await whole(await Registers.open(store, await store.meters(), START, END)))
    assert len(rows) == 27
    assert rows[23]["energy [Wh]"] == "1023000"
    assert rows[23]["volume [m³]"] == ""
    assert rows[24]["volume [m³]"] == "12.345"
    assert rows[25]["outcome"] == "silent"


async def test_lines_of_json_have_all_digits(store: Store) -> None:
    data = await whole(Values(store, await store.meters(), START, END, ["volume [m³]", "energy"]), Form.JSON)
    rows = [json.loads(line, parse_float=Decimal) for line in data.splitlines()]
    assert [row["value"] for row in rows if row["quantity"] == "volume"] == [Decimal("12.345")]
    assert {row["quantity"] for row in rows} == {"volume", "energy", None}
    assert rows[0]["taken"] == "2026-11-23T00:00:00.000Z"


async def test_parquet_has_exact_decimals_and_moments(store: Store) -> None:
    data = await whole(Values(store, await store.meters(), START, END), Form.PARQUET)
    rows = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    assert len(rows) == 30
    volume = next(row for row in rows if row["quantity"] == "volume")
    assert volume["value_number"] == Decimal("12.345")
    assert volume["value_text"] == "12.345"
    assert volume["taken"] == START
    assert volume["meter_time"] == datetime(2026, 11, 27, 10, 15)
    assert rows[0]["value_number"] == 1_000_000
    with pytest.raises(HeadEndError, match="one row per value"):
        await whole(await Registers.open(store, await store.meters(), START, END), Form.PARQUET)


def test_parquet_keeps_as_text_what_is_no_decimal_of_its_size() -> None:
    writer = ParquetFile([Column("value", Kind.VALUE), Column("flag", Kind.FLAG)])
    cells = (Decimal("1E-13"), 10**27, 1.5, "text", None, Decimal("-0.000000000001"))
    data = writer.begin() + writer.write([(one, True) for one in cells]) + writer.end()
    table = pyarrow.parquet.read_table(io.BytesIO(data))
    assert table["value_number"].to_pylist() == [None] * 5 + [Decimal("-0.000000000001")]
    assert table["value_real"].to_pylist() == [None, None, 1.5, None, None, None]
    assert table["value_text"].to_pylist() == [
        "0.0000000000001", "1" + "0" * 27, "1.5", "text", None, "-0.000000000001",
    ]  # fmt: skip


async def test_without_the_library_only_parquet_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(HeadEndError, match="extra `parquet`"):
        await export(Values(store, await store.meters(), START, END), Form.PARQUET)
    assert await whole(Values(store, await store.meters(), START, END))


async def test_consumption_per_day_is_a_file_too(store: Store) -> None:
    source = Consumed(store, await store.meters(), START, START + HOUR, Period.DAY, "UTC")
    rows = rows_of(await whole(source))
    assert [row["register"] for row in rows] == ["energy [Wh]", "volume [m³]"]
    assert rows[0]["since"] == "2026-11-23T00:00:00.000Z"
    assert (rows[0]["amount"], rows[0]["has_fall"]) == ("", "no")
    for hour in (24, 25):
        frame = telegram(energy=1000 + hour, access=hour)
        await store.take(
            SERIAL, batch(reading(200 + hour, str(METER), [frame], taken=START + hour * HOUR)), END
        )
    rows = rows_of(await whole(source))
    assert (rows[0]["amount"], rows[0]["begin"], rows[0]["end"]) == ("24000", "1000000", "1024000")
    with pytest.raises(HeadEndError, match="no time zone"):
        Consumed(store, (), START, END, Period.DAY, "Nowhere/Town")


async def test_only_what_is_chosen_is_exported(store: Store) -> None:
    (meter,) = await choose_meters(store, meters=[str(METER)])
    rows = rows_of(await whole(Values(store, [meter], START + HOUR, START + 3 * HOUR)))
    assert [row["value"] for row in rows] == ["1001000", "1002000"]


async def test_meters_are_chosen_by_identity_name_group_and_master(store: Store) -> None:
    meters = await store.meters()
    await store.set_meter(meters[0].id, name="cellar", note="", groups=["heat"])
    await store.set_master(SERIAL, name="Mill Lane", groups=[])
    for choice in (
        {"meters": ["cellar"]},
        {"meters": [meters[0].identity.lower()]},
        {"meters": [meters[0].identity[:8]]},
        {"groups": ["heat", "water"]},
        {"groups": ["heat"], "meters": [meters[0].identity]},
    ):
        assert [meter.id for meter in await choose_meters(store, **choice)] == [meters[0].id]
    assert len(await choose_meters(store)) == 2
    with pytest.raises(HeadEndError, match="no meter '999'"):
        await choose_meters(store, meters=["999"])
    for nothing in ({"groups": ["cold"]}, {"masters": ["M9"]}):
        with pytest.raises(HeadEndError, match="fits all"):
            await choose_meters(store, **nothing)
    await store.set_meter(meters[1].id, name="cellar", note="", groups=[])
    with pytest.raises(HeadEndError, match="2 meters"):
        await choose_meters(store, meters=["cellar"])


async def test_a_long_export_comes_in_pieces_and_keeps_nothing(store: Store) -> None:
    (meter,) = await choose_meters(store, meters=[str(METER)])
    for start in range(0, 2000, 250):
        many = (
            reading(1000 + n, str(METER), [telegram(energy=n)], taken=START + timedelta(days=2, minutes=n))
            for n in range(start, start + 250)
        )
        await store.take(SERIAL, batch(*many), END)
    told: list[int] = []
    source = Values(store, [meter], START, END)
    pieces = [piece async for piece in await export(source, Form.CSV, progress=told.append)]
    assert told == [500, 1000, 1500, 2000, 2024]
    assert len(pieces) == 6
    assert max(map(len, pieces)) < 200_000


def test_registers_have_names_that_tell_them_apart() -> None:
    plain = Register("instantaneous", 0, 0, 0, "energy", "Wh", ())
    special = Register("maximum", 1, 2, 3, "power", "W", ("upper_limit",), 1)
    assert register_name(plain) == "energy [Wh]"
    assert register_name(special) == "maximum power storage 1 tariff 2 subunit 3 (upper_limit) #2 [W]"
    assert is_named(special, ["power"])
    assert is_named(plain, ["energy [Wh]"])
    assert not is_named(plain, ["energy tariff 1 [Wh]"])


def test_names_of_columns_are_no_formulas_and_a_mark_stands_in_front_where_it_is_wanted() -> None:
    begin = CsvFile([Column("=1+1 [m³]", Kind.VALUE)], is_marked=True).begin()
    assert begin == b"\xef\xbb\xbf'=1+1 [m\xc2\xb3]\r\n"


def test_moments_are_told_in_utc() -> None:
    row = CsvFile([Column("at", Kind.MOMENT)]).write(
        [(datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC).astimezone(),), (1e300,), (True,)]
    )
    assert row == b"2026-01-02T03:04:05.678Z\r\n1e+300\r\nyes\r\n"
