from itertools import pairwise

import pytest

from mbus.addressing import manufacturer_code
from mbus.tables import fixed, manufacturers, media, refusals, vif, vif_fb, vif_fd, vife
from mbus.tables.rows import CODES, Effect, Rule, VifeRow, VifRow
from mbus.tables.units import ROWS as UNIT_ROWS
from mbus.tables.units import UNITS

VIF_TABLES = {
    "primary": vif.ROWS,
    "FB": vif_fb.ROWS,
    "FD": vif_fd.ROWS,
    "FD FD": vif_fd.SECOND_ROWS,
}
VIFE_TABLES = {
    "response": vife.ERROR_ROWS + vife.ROWS,
    "command": vife.ACTION_ROWS + vife.ROWS,
    "7C extension": vife.EXTENSION_ROWS,
}
LEADS_ELSEWHERE = {vif.EXTENSION_FB, vif.PLAIN_TEXT, vif.EXTENSION_FD}


@pytest.mark.parametrize(
    "rows", [*VIF_TABLES.values(), *VIFE_TABLES.values()], ids=[*VIF_TABLES, *VIFE_TABLES]
)
def test_no_code_belongs_to_two_rows(rows: tuple[VifRow | VifeRow, ...]) -> None:
    for code in range(CODES):
        assert sum(code & row.mask == row.code for row in rows) <= 1, f"{code:02X}"


@pytest.mark.parametrize(
    "rows", [*VIF_TABLES.values(), *VIFE_TABLES.values()], ids=[*VIF_TABLES, *VIFE_TABLES]
)
def test_rows_stand_in_the_order_of_their_codes(rows: tuple[VifRow | VifeRow, ...]) -> None:
    assert all(first.code < second.code for first, second in pairwise(rows))


@pytest.mark.parametrize("rows", VIF_TABLES.values(), ids=VIF_TABLES)
def test_every_row_has_a_known_unit_a_source_and_a_quantity_in_snake_case(rows: tuple[VifRow, ...]) -> None:
    for row in rows:
        assert row.unit in UNITS
        assert row.source.startswith("5.")
        assert row.quantity.replace("_", "").isalnum()
        assert row.quantity == row.quantity.lower()


def test_the_primary_table_has_every_code_but_those_that_lead_to_another_table() -> None:
    assert set(range(CODES)) - set(vif.CODES) == LEADS_ELSEWHERE


def test_the_exponent_grows_by_one_from_code_to_code_of_a_row() -> None:
    assert [vif.CODES[code].exponent for code in range(8)] == list(range(-3, 5))
    assert [vif_fd.CODES[code].exponent for code in range(0x40, 0x50)] == list(range(-9, 7))


def test_units_are_unique_and_lead_to_units_that_are_their_own_base() -> None:
    assert len(UNITS) == len(UNIT_ROWS)
    bases = {row.base for row in UNIT_ROWS}
    assert {"MWh", "GJ", "t", "h", "min", "d"} & bases == set()
    for base in bases & set(UNITS):
        assert (UNITS[base].base, UNITS[base].factor, UNITS[base].exponent) == (base, 1, 0)


def test_vife_codes_0_to_f_are_actions_in_a_command_and_errors_in_a_response() -> None:
    assert all(vife.COMMAND_CODES[code].effect is Effect.LABEL for code in range(0x0E))
    assert all(
        vife.RESPONSE_CODES[code].effect is Effect.ERROR
        for code in range(1, 0x10)
        if code not in (8, 9, 0x0A)
    )
    assert vife.RESPONSE_CODES[0].effect is Effect.NOTHING


def test_dates_and_durations_about_a_quantity_come_with_their_type_and_unit() -> None:
    for row in vife.ROWS:
        if row.quantity == "duration":
            assert row.unit in ("s", "min", "h", "d")
            assert row.unit == ("s", "min", "h", "d")[row.code & 3]
        if row.quantity == "date":
            assert row.rule is Rule.ANY_DATE


def test_every_secret_of_table_fd_is_marked() -> None:
    assert {row.code for row in vif_fd.ROWS if row.rule is Rule.SECRET} == {
        0x12,
        0x13,
        0x14,
        0x15,
        0x16,
        0x19,
    }


def test_media_have_one_word_per_code_and_reserved_where_none_is_given() -> None:
    assert len(media.MEDIA) == len(media.ROWS)
    assert media.medium_name(0x04) == "heat_outlet"
    assert media.medium_name(0x22) == media.medium_name(0xFE) == "reserved"


def test_fixed_units_cover_all_codes_but_the_reserved_ones_and_the_historic_mark() -> None:
    assert set(range(0x40)) - set(fixed.UNITS) == {0x3A, 0x3B, 0x3C, 0x3D, fixed.HISTORIC}


@pytest.mark.parametrize(
    ("code", "unit", "exponent"),
    [
        (0x05, "Wh", 3),
        (0x0A, "Wh", 8),
        (0x0B, "J", 3),
        (0x0D, "J", 5),
        (0x0E, "J", 6),
        (0x13, "J", 11),
        (0x17, "W", 3),
        (0x1D, "J/h", 3),
        (0x25, "J/h", 11),
        (0x29, "m³", -3),
        (0x2E, "m³", 2),
        (0x2F, "m³/h", -6),
        (0x30, "m³/h", -5),
        (0x35, "m³/h", 0),
        (0x37, "m³/h", 2),
    ],
)
def test_fixed_units_have_the_scale_of_the_standard(code: int, unit: str, exponent: int) -> None:
    assert (fixed.UNITS[code].unit, fixed.UNITS[code].exponent) == (unit, exponent)


def test_makers_have_letters_that_make_a_code() -> None:
    assert len(manufacturers.MANUFACTURERS) == len(manufacturers.ROWS)
    assert all(0x0421 <= manufacturer_code(letters) <= 0x6B5A for letters, _ in manufacturers.ROWS)


def test_refusals_name_the_code_for_a_busy_meter() -> None:
    assert refusals.REFUSALS[0x08] == "application too busy"
