"""Every code of our VIF tables against the tables of pyMeterBus; each difference stands here with its reason (MBUS.md 13)."""

import math
from collections.abc import Mapping
from enum import Enum
from fractions import Fraction

import pytest
from meterbus.core_objects import VIFTable, VIFUnitEnhExt

from mbus.tables import vif, vif_fb, vif_fd, vife
from mbus.tables.rows import VifRow
from mbus.tables.units import UNITS

TABLES = {"primary": (0x000, vif.CODES), "FD": (0x100, vif_fd.CODES), "FB": (0x200, vif_fb.CODES)}

# What pyMeterBus calls a unit: our base unit, and what one of its units is in ours.
THEIR_UNITS = {
    "m^3": ("m³", 1),
    "m^3/h": ("m³/h", 1),
    "m^3/min": ("m³/h", 60),
    "m^3/s": ("m³/h", 3600),
    "C": ("°C", 1),
    "degF": ("°F", 1),
    "seconds": ("s", 1),
    "date": ("", 1),
    "date time": ("", 1),
    "none": ("", 1),
    "H.C.A": ("", 1),
    "Currency unit": ("currency", 1),
    "Baud": ("Bd", 1),
    "Bittimes": ("bit times", 1),
    "feet^3": ("feet³", 1),
    "American gallon": ("US gal", 1),
    "American gallon/min": ("US gal/h", 60),
    "American gallon/h": ("US gal/h", 1),
}


def _codes(*spans: tuple[int, int]) -> set[int]:
    return {code for first, last in spans for code in range(first, last + 1)}


# Reason -> (table, codes): pyMeterBus has another meaning, scale or unit, or none at all.
DIFFERENCES = {
    "a month and a year have no fixed number of seconds; the unit stays": (
        "FD",
        {0x28, 0x29, 0x38, 0x39, 0x6A, 0x6B, 0x6E, 0x6F},
    ),
    "newer than its table, which says reserved: FD 2B, 3C to 3F, 74": (
        "FD",
        {0x2B} | _codes((0x3C, 0x3F)) | {0x74},
    ),
    "GJ has no unit there (TRAPS 10)": ("FB", {0x08, 0x09}),
    "GJ/h is given as J there, a power in a unit of energy": ("FB", {0x30, 0x31}),
    "cumulative maximum power: 79 has the factor of 78 there (MBUS.md 13, 5)": ("FB", {0x79}),
    "reactive and apparent quantities, COP, Mcal, humidity, phases, frequency, HCA factors: reserved there (TRAPS 10)": (
        "FB",
        _codes(
            (0x02, 0x06), (0x0C, 0x0F), (0x14, 0x17), (0x1B, 0x1B), (0x2A, 0x2F), (0x34, 0x37), (0x68, 0x6E)
        ),
        # 14 and 34 have the factor 1 by chance, but still no unit.
    ),
    "cubic feet: the code before the tenth of it is reserved there": ("FB", {0x20}),
    "the third extension has the factor 0 there, which would lose the number": ("primary", {0x6F}),
}
MISSING_HERE = {
    ("primary", 0x7C): "leads to a plain-text unit, not to a quantity",
    **{("FD", code): "reserved in both" for code in range(0x77, 0x7D)},
    ("FD", 0x7D): "leads to the second level FD FD",
    ("FD", 0x7E): "reserved in both",
    **{
        ("FB", code): "reserved in both"
        for code in _codes(
            (0x07, 0x07),
            (0x0A, 0x0B),
            (0x12, 0x13),
            (0x1C, 0x1F),
            (0x27, 0x27),
            (0x32, 0x33),
            (0x38, 0x57),
            (0x6F, 0x6F),
        )
    },
}


def _ours(row: VifRow) -> tuple[str, Fraction]:
    unit = UNITS[row.unit]
    return unit.base, unit.factor * Fraction(10) ** (unit.exponent + row.exponent)


def _theirs(number: int) -> tuple[str, Fraction]:
    factor, unit, _ = VIFTable.lut[number]
    name = unit.value if isinstance(unit, Enum) else unit
    base, multiple = THEIR_UNITS.get(name, (name, 1))
    return base, Fraction(factor) * multiple


def _differing(table: str, start: int, codes: Mapping[int, VifRow]) -> set[int]:
    found = set()
    for code, row in codes.items():
        base, scale = _ours(row)
        their_base, their_scale = _theirs(start | code)
        if base != their_base or not math.isclose(scale, their_scale, rel_tol=1e-9):
            found.add(code)
    return found


@pytest.mark.parametrize("table", TABLES)
def test_unit_and_scale_of_every_code_agree_except_where_a_reason_is_given(table: str) -> None:
    start, codes = TABLES[table]
    explained = {code for name, group in DIFFERENCES.values() if name == table for code in group}
    assert _differing(table, start, codes) == explained


@pytest.mark.parametrize("table", TABLES)
def test_every_code_that_it_has_and_we_lack_is_explained(table: str) -> None:
    start, codes = TABLES[table]
    theirs = {number & 0x7F for number in VIFTable.lut if number & ~0x7F == start}
    assert theirs - set(codes) == {code for name, code in MISSING_HERE if name == table}


@pytest.mark.parametrize("table", TABLES)
def test_codes_in_one_group_of_ours_have_one_name_there(table: str) -> None:
    """A row of ours that reached too far would swallow a code that has another name there."""
    start, codes = TABLES[table]
    unnamed = ("RESERVED", "Reserved")
    names: dict[str, set[str]] = {}
    for code, row in codes.items():
        theirs = VIFTable.lut[start | code][2]
        name = theirs.name if isinstance(theirs, Enum) else str(theirs)
        if not name.startswith(unnamed):
            names.setdefault(f"{row.quantity} in {row.unit}", set()).add(name)
    assert {quantity: found for quantity, found in names.items() if len(found) > 1} == {}


THEIR_VIFE_WORDS = {
    "PER_LITER": "per_litre",
    "PER_M3": "per_cubic_metre",
    "PER_KG": "per_kilogram",
    "PER_KWH": "per_kilowatt_hour",
    "PER_GJ": "per_gigajoule",
    "PER_KW": "per_kilowatt",
    "PER_KELVIN_LITER": "per_kelvin_litre",
    "PER_INPUT_PULSE0": "per_input_pulse_0",
    "PER_INPUT_PULSE1": "per_input_pulse_1",
    "PER_OUTPUT_PULSE0": "per_output_pulse_0",
    "PER_OUTPUT_PULSE1": "per_output_pulse_1",
    "MULT_SEK": "times_second",
    "MULT_SEK_PER_VOLT": "times_second_per_volt",
    "MULT_SEK_PER_AMPERE": "times_second_per_ampere",
    "START_DATE_TIME": "start_date",
    "UNCORRECTED_UNIT": "uncorrected",
    "POSITIVE_ACCUMULATION": "forward",
    "NEGATIVE_ACCUMULATION": "backward",
}


@pytest.mark.parametrize("code", sorted(VIFTable.enh))
def test_every_vife_that_it_knows_has_the_same_meaning_here(code: int) -> None:
    name = VIFUnitEnhExt(VIFTable.enh[code]).name
    assert vife.RESPONSE_CODES[code].label == THEIR_VIFE_WORDS.get(name, name.lower())
