"""Every recorded telegram decodes and agrees, record by record, with what libmbus's own tests expect, except where that is wrong.

Each exception names the record and the reason. An exception that no longer differs fails too: the list says exactly what is.
"""

import xml.etree.ElementTree as ElementTree  # The files are our own copies, not from outside.
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from mbus.addressing import manufacturer_letters
from mbus.application.records import Record
from mbus.application.telegram import Telegram, decode_telegram
from support.needs import SHARED, shared_telegrams
from support.telegrams import read_hex

NAMES: Final = sorted(path.stem for path in (SHARED / "telegrams" / "good").glob("*.hex"))
COUNT: Final = 76

QUANTITIES: Final = {
    "Time point (date)": "date",
    "Time point (date & time)": "date_time",
    "Fabrication No": "fabrication_number",
    "H.C.A.": "hca_units",
    "Model / Version": "model_version",
    "(Enhanced) Identification": "identification",
    "Special supplier information": "supplier_information",
    "Reserved": "unknown",
}
"""What they call it and we call it otherwise; all others are the same words."""
UNITS: Final = {"m^3": "m³", "m^3/h": "m³/h", "-": "", "Units for H.C.A.": "", "Reserved": ""}
FUNCTIONS: Final = {
    "Instantaneous value": "instantaneous",
    "Actual value": "instantaneous",
    "Maximum value": "maximum",
    "Minimum value": "minimum",
    "Value during error state": "error",
}
NO_RECORDS: Final = ("Manufacturer specific", "More records follow")
"""Functions of entries that stand for DIF 0F and 1F."""
PLAIN_TEXTS: Final = ("%RH", "C", "c", "cust. ID", "bat. time", "PW")

NO_DATE: Final = "0000 is no date; a year 2000, month 0, day 0 does not exist (TRAPS 6)"
DISPLAY: Final = "digits A to F are what the display shows in an error, not a number (TRAPS 2)"
MAXIMUM_DATE: Final = (
    "VIFE 6F makes it the date of the end of the last maximum, not a value of the VIF (MBUS.md 5.11)"
)
LIMIT: Final = "VIFE 50 and 58 make it the duration of a limit exceed (TRAPS 24)"
FIXED: Final = (
    "the fixed structure is scaled to base units, and counter 2 has the unit of counter 1 (MBUS.md 4.8)"
)
SPACES: Final = "the bytes of a large binary are given as one hex text, without spaces"
EXCEPTIONS: Final = {
    ("ACW_Itron-BM-plus-m", 2): NO_DATE,
    ("itron_bm_+m", 2): NO_DATE,
    ("siemens_water", 3): NO_DATE,
    ("siemens_wfh21", 3): NO_DATE,
    ("ELS_Elster-F96-Plus", 4): DISPLAY,
    ("ELS_Elster-F96-Plus", 5): DISPLAY,
    ("abb_f95", 2): DISPLAY,
    ("abb_f95", 3): DISPLAY,
    ("REL-Relay-Padpuls2", 1): "the meter marks its time as invalid; it is no 1900-01-00 (TRAPS 5)",
    ("landis+gyr_ultraheat_t230", 19): MAXIMUM_DATE,
    ("landis+gyr_ultraheat_t230", 20): MAXIMUM_DATE,
    ("landis+gyr_ultraheat_t230", 21): MAXIMUM_DATE,
    ("landis+gyr_ultraheat_t230", 22): MAXIMUM_DATE,
    ("landis+gyr_ultraheat_t230", 32): "year 127 is every year, not 2027 (TRAPS 5)",
    ("SEN_Pollustat", 12): LIMIT,
    ("SEN_Pollustat", 13): LIMIT,
    ("manual_frame2", 0): FIXED,
    ("manual_frame2", 1): FIXED,
    ("sen_pollusonic_2", 0): FIXED,
    ("sen_pollusonic_2", 1): FIXED,
    ("example_binary16_lvar", 0): SPACES,
    ("sen_pollutherm", 2): "VIF 7B without a code is unknown, yet its number is there (TRAPS 11)",
}


@dataclass(frozen=True)
class Expected:
    """One entry of theirs in our words."""

    function: str
    storage: int
    tariff: int
    subunit: int
    quantity: str
    unit: str
    value: str


@cache
def telegram(name: str) -> Telegram:
    return decode_telegram(read_hex(shared_telegrams() / "good" / f"{name}.hex"))


def theirs(name: str) -> ElementTree.Element:
    path: Path = shared_telegrams() / "good" / f"{name}.norm.xml"
    # They declare ISO 8859-1 and write UTF-8 (TRAPS 23).
    return ElementTree.fromstring(path.read_bytes().replace(b"ISO-8859-1", b"UTF-8"))


def expected_records(name: str) -> tuple[list[Expected], list[str]]:
    """Return their records, and the values of the entries that stand for DIF 0F or 1F."""
    records, tails = [], []
    for entry in theirs(name).findall("DataRecord"):
        function = entry.findtext("Function") or ""
        if function in NO_RECORDS:
            tails.append(entry.findtext("Value") or "")
        else:
            records.append(_expected(entry, function))
    return records, tails


def _expected(entry: ElementTree.Element, function: str) -> Expected:
    quantity, unit = entry.findtext("Quantity") or "", entry.findtext("Unit") or ""
    if quantity in PLAIN_TEXTS:
        quantity, unit = "plain_text", quantity
    return Expected(
        FUNCTIONS.get(function, function),
        int(entry.findtext("StorageNumber") or 0),
        int(entry.findtext("Tariff") or 0),
        int(entry.findtext("Device") or 0),
        QUANTITIES.get(quantity, quantity.lower().replace(" ", "_")),
        UNITS.get(unit, unit),
        entry.findtext("Value") or "",
    )


def agrees(record: Record, expected: Expected) -> bool:
    ours = (record.function, record.storage, record.tariff, record.subunit, record.quantity, record.unit)
    wanted = (
        expected.function,
        expected.storage,
        expected.tariff,
        expected.subunit,
        expected.quantity,
        expected.unit,
    )
    return ours == wanted and same_value(record, expected.value)


def same_value(record: Record, value: str) -> bool:
    if record.value is None:
        return value == ""
    if isinstance(record.value, str):
        return record.value == (value.removesuffix("Z") if record.quantity == "date_time" else value)
    try:
        # They print six digits behind the point, of a float.
        return float(value) == pytest.approx(float(record.value), abs=5e-7, rel=1e-12)
    except ValueError:
        return False


def test_the_corpus_is_complete() -> None:
    shared_telegrams()
    assert len(NAMES) == COUNT
    assert {name for name, _ in EXCEPTIONS} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_telegram_is_understood_to_its_end(name: str) -> None:
    assert telegram(name).error is None


@pytest.mark.parametrize("name", NAMES)
def test_the_records_are_those_that_libmbus_expects_except_where_that_is_wrong(name: str) -> None:
    expected, _ = expected_records(name)
    records = telegram(name).records
    assert len(records) == len(expected)
    differing = [
        record.index for record, want in zip(records, expected, strict=True) if not agrees(record, want)
    ]
    assert differing == sorted(index for other, index in EXCEPTIONS if other == name)


@pytest.mark.parametrize("name", NAMES)
def test_manufacturer_data_and_more_follows_are_those_that_libmbus_expects(name: str) -> None:
    _, tails = expected_records(name)
    found = telegram(name)
    entries = [entry.findtext("Function") for entry in theirs(name).findall("DataRecord")]
    assert found.more_follows == ("More records follow" in entries)
    if found.manufacturer_data:
        assert found.manufacturer_data.hex(" ").upper() in tails


@pytest.mark.parametrize("name", NAMES)
def test_the_header_is_the_one_that_libmbus_expects(name: str) -> None:
    information = theirs(name).find("SlaveInformation")
    header = telegram(name).header
    assert information is not None
    assert header is not None
    assert header.secondary is not None
    # They drop leading zeros of the identification.
    assert header.secondary.identification.lstrip("0") == (information.findtext("Id") or "").lstrip("0")
    assert header.access_number == int(information.findtext("AccessNumber") or -1)
    assert header.status == int(information.findtext("Status") or "", 16)
    maker = information.findtext("Manufacturer")
    if maker is not None:
        assert header.secondary.version == int(information.findtext("Version") or -1)
        # Manufacturer 0 gives no letters; they print what lies in front of A.
        assert manufacturer_letters(header.secondary.manufacturer) == maker.replace("@@@", "0000")
