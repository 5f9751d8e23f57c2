"""The columns of an archive. Programs of others read them: a column that was once there keeps its name, type and meaning."""

from typing import Final

import pyarrow as pa

from mbusheadend.decoding.exact import DIGITS, FRACTION

FORMAT: Final = 1
"""Of the columns; rises when one changes its meaning."""

_MOMENT: Final = pa.timestamp("ms", tz="UTC")
_LABELS: Final = pa.list_(pa.field("element", pa.string()))

HEADER: Final = pa.struct(
    [
        pa.field("access_number", pa.int16()),
        pa.field("status", pa.int16()),
        pa.field("error", pa.string()),
    ]
)
"""Of one telegram; `error` says why not all of it was understood."""
RECORD: Final = pa.struct(
    [
        pa.field("telegram", pa.int16()),
        pa.field("register", pa.string()),
        pa.field("function", pa.string()),
        pa.field("storage", pa.int64()),
        pa.field("tariff", pa.int64()),
        pa.field("subunit", pa.int64()),
        pa.field("quantity", pa.string()),
        pa.field("unit", pa.string()),
        pa.field("modifiers", _LABELS),
        pa.field("occurrence", pa.int32()),
        pa.field("number", pa.decimal128(DIGITS, FRACTION)),
        pa.field("real", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("status", pa.string()),
        pa.field("labels", _LABELS),
    ]
)
"""One value of one telegram, which counts from 1."""
HEADERS: Final = pa.list_(pa.field("element", HEADER))
RECORDS: Final = pa.list_(pa.field("element", RECORD))
SCHEMA: Final = pa.schema(
    [
        pa.field("meter", pa.string(), nullable=False),
        pa.field("taken", _MOMENT, nullable=False),
        pa.field("id", pa.binary(), nullable=False),
        pa.field("master", pa.string()),
        pa.field("bus", pa.string()),
        pa.field("address", pa.string()),
        pa.field("schedule", pa.string()),
        pa.field("slot", _MOMENT),
        pa.field("received", _MOMENT),
        pa.field("meter_time", pa.timestamp("ms")),
        pa.field("clock", pa.string()),
        pa.field("outcome", pa.string()),
        pa.field("attempts", pa.int32()),
        pa.field("baud", pa.int32()),
        pa.field("remark", pa.string()),
        pa.field("decoder", pa.int32()),
        pa.field("telegrams", pa.list_(pa.field("element", pa.binary()))),
        pa.field("headers", HEADERS),
        pa.field("records", RECORDS),
    ],
    metadata={"mbus-archive": str(FORMAT)},
)
SORTED_BY: Final = ("meter", "taken")
COUNTED: Final = ("meter", "taken", "slot", "received", "master", "schedule", "outcome", "decoder")
"""Columns with lowest and highest value per row group, by which readers leave groups out."""
REPEATED: Final = (
    "meter", "master", "bus", "address", "schedule", "slot", "clock", "outcome", "attempts", "baud", "remark", "decoder",
    *(f"headers.list.element.{name}" for name in ("status", "error")),
    *(
        f"records.list.element.{name}"
        for name in (
            "telegram", "register", "function", "storage", "tariff", "subunit", "quantity", "unit", "modifiers.list.element",
            "occurrence", "text", "status", "labels.list.element",
        )
    ),
)  # fmt: skip
"""Columns whose values come again and again: a dictionary in front keeps them short."""
