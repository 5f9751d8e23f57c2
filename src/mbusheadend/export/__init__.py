"""Readings and consumption as files: CSV, lines of JSON, Parquet; written piece by piece, however many there are.

A page, the API and the command do the same: `choose_meters`, make a source (`Values`, `Registers` or `Consumed`), and send what
`export` gives.
"""

from mbusheadend.decoding.naming import is_named, register_name
from mbusheadend.export.choice import choose_meters
from mbusheadend.export.forms import Form
from mbusheadend.export.run import export
from mbusheadend.export.sources import MAX_COLUMNS, Consumed, Registers, Source, Values

__all__ = [
    "MAX_COLUMNS", "Consumed", "Form", "Registers", "Source", "Values", "choose_meters", "export", "is_named", "register_name",
]  # fmt: skip
