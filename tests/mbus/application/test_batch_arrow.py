"""A group as a table of Arrow: exact, with what is missing said, and readable again from Parquet."""

from decimal import Decimal
from io import BytesIO
from typing import Any

import pyarrow
import pyarrow.parquet

from mbus.application.batch import decode_batch
from mbus.application.batch_arrow import arrow_table, column_names
from support.layouts import recorded_frames, simulated_frames
from support.telegrams import telegram_of


def table_of(*records: str) -> Any:
    frames = [telegram_of(one).frame.to_bytes() for one in records]
    (group,) = decode_batch(frames * 4).groups
    return arrow_table(group)


def test_values_are_exact_and_what_is_missing_is_said() -> None:
    table = table_of(
        "04 06 01 00 00 00 42 13 FF FF 02 6C FF FC 0D FD 11 02 42 41",
        "04 06 00 00 00 80 42 13 07 00 02 6C 41 22 0D FD 11 02 44 43",
    )
    assert table.column("energy").to_pylist()[:2] == [1000, None]
    assert table.column("volume_s1").to_pylist()[:2] == [Decimal("-0.001"), Decimal("0.007")]
    assert str(table.column("date")[1]) == "2018-02-01"
    assert table.column("remarks").to_pylist()[:2] == ["date: --12-31", "energy: invalid"]
    assert table.column("access_number").to_pylist()[0] == 1
    field = table.schema.field("volume_s1")
    assert (field.metadata[b"unit"], field.metadata[b"storage"]) == ("m³".encode(), b"1")


def test_every_layout_can_be_written_as_parquet_and_read_again() -> None:
    frames = [frame.to_bytes() for frame in recorded_frames() + simulated_frames() for _ in range(4)]
    for group in decode_batch(frames).groups:
        table, file = arrow_table(group), BytesIO()
        table.validate(full=True)
        pyarrow.parquet.write_table(table, file)
        file.seek(0)
        assert pyarrow.parquet.read_table(file).num_rows == len(group)


def test_each_name_is_there_once() -> None:
    for frame in recorded_frames():
        for group in decode_batch([frame.to_bytes()] * 4).groups:
            names = column_names(group.columns)
            assert len(set(names)) == len(names)


def test_a_record_that_is_named_as_what_the_header_says_has_a_column_beside_it() -> None:
    table = table_of("01 FD 08 07")
    assert table.column("access_number__2").to_pylist()[0] == 7
    assert table.column("access_number").to_pylist()[0] == 1
