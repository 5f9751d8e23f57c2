import csv
import io
from decimal import Decimal

import pytest

from mbusio.csvtext import CsvWriter, cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\n=1"])
def test_a_text_that_a_spreadsheet_would_run_is_made_harmless(text: str) -> None:
    assert cell(text) == "'" + text


@pytest.mark.parametrize(
    ("value", "text"), [(-5, "-5"), (Decimal("-1E+3"), "-1000"), (-0.5, "-0.5"), (None, ""), ("a=b", "a=b")]
)
def test_other_values_stay_as_they_are(value: object, text: str) -> None:
    assert cell(value) == text


def test_a_text_cannot_steer_the_terminal() -> None:
    assert cell("a\x1b[2J\x9b2J\x07\x7f\tb") == "a·[2J·2J··\tb"


def test_rows_survive_separators_quotes_and_line_breaks() -> None:
    file = io.StringIO()
    writer = CsvWriter(("a", "b"), file)
    writer.row({"a": 'x,"y"\nz', "b": 1, "c": "not asked for"})
    file.seek(0)
    assert list(csv.DictReader(file)) == [{"a": 'x,"y"\nz', "b": "1"}]
