from decimal import Decimal
from fractions import Fraction

import pytest

from mbus.application.vib import resolve_vib
from support.telegrams import record_of, telegram_of


@pytest.mark.parametrize(
    ("vib", "unit", "value"),
    [
        ("23", "s", 86_400),
        ("42", "m³/h", Decimal("0.00060")),
        ("4F", "m³/h", 36),
        ("FB 01", "Wh", 1_000_000),
        ("FB 19", "kg", 1_000_000),
        ("FB 0D", "cal", 1_000_000),
        ("FB 24", "US gal/h", Decimal("0.06")),
        ("FB 31", "J/h", 10**9),
        ("FB 68", "", Decimal("0.000244140625")),
        ("FD 28", "month", 1),
        ("FD 6D", "s", 86_400),
        ("FD 4F", "V", 1_000_000),
        ("FD FD 03", "year", 1),
        ("7E", "", 1),
    ],
)
def test_values_come_in_base_units(vib: str, unit: str, value: int | Decimal) -> None:
    found = record_of(f"01 {vib} 01")
    assert (found.unit, found.value) == (unit, value)


@pytest.mark.parametrize(
    ("vib", "value"),
    [
        ("DB 7B", 26),
        ("DB 78", Decimal("25.001")),
        ("DA 7B", Decimal("3.5")),
        # 25 °C, plus one, times a thousand; and the other way round.
        ("DB FB 7D", 26_000),
        ("DB FD 7B", 25_001),
        ("DB FB 7B", 27),
        # The unit of the VIF is the MWh, the hour: so is what is added.
        ("FB 81 7B", 26_000_000),
        ("A2 7B", 26 * 3600),
    ],
)
def test_corrections_apply_in_their_order_and_in_the_unit_of_the_vif(vib: str, value: int | Decimal) -> None:
    found = record_of(f"01 {vib} 19")
    assert found.value == value
    assert isinstance(found.value, type(value))
    assert found.modifiers == ()


def test_a_correction_of_a_real_is_rounded_once() -> None:
    found = record_of("05 DB F4 7A CDCCCC3D")
    assert found.value == float(Fraction(0.10000000149011612) / 100 + Fraction(1, 10))


def test_vife_that_only_qualify_are_labels_in_their_order() -> None:
    found = record_of("04 86 BB 3A 01000000")
    assert (found.value, found.modifiers) == (1000, ("forward", "uncorrected"))


def test_the_extension_of_the_vife_has_its_own_table() -> None:
    assert record_of("04 FD C8 FC 02 01000000").modifiers == ("phase_l2",)
    assert record_of("04 86 FC 81 3B 01000000").modifiers == ("phase_l1", "forward")


def test_an_unknown_vife_is_a_label_with_its_code() -> None:
    assert record_of("04 86 99 3B 01000000").modifiers == ("vife:19", "forward")
    assert record_of("04 86 FC 7E 01000000").modifiers == ("vife:7C7E",)


@pytest.mark.parametrize(
    ("vife", "status"),
    [
        ("01", "too many DIFE"),
        ("0D", "illegal VIF exponent"),
        ("15", "no data available"),
        ("16", "data overflow"),
        ("17", "data underflow"),
        ("18", "data error"),
        ("1C", "premature end of record"),
    ],
)
def test_a_record_error_takes_the_value_away_and_says_why(vife: str, status: str) -> None:
    found = record_of(f"04 86 {vife} 01000000")
    assert (found.value, found.status, found.quantity) == (None, status, "energy")


def test_the_code_for_no_error_changes_nothing() -> None:
    found = record_of("04 86 00 01000000")
    assert (found.value, found.status, found.modifiers) == (1000, None, ())


def test_the_same_codes_are_actions_in_a_command() -> None:
    (found,) = telegram_of("04 86 01 01000000", control=0x53).records
    assert (found.value, found.modifiers) == (1000, ("add",))


@pytest.mark.parametrize(
    ("vib", "quantity", "unit", "value", "modifiers"),
    [
        ("BE 41", "count", "", 2, ("lower_limit_exceeds", "of_volume_flow")),
        ("BE 5D", "duration", "s", 120, ("upper_limit_last_exceed", "of_volume_flow")),
        ("AB 66", "duration", "s", 7200, ("last", "of_power")),
        ("BE 48", "volume_flow", "m³/h", 2, ("upper_limit",)),
        ("BE 68", "volume_flow", "m³/h", 2, ("during_lower_limit_exceed",)),
    ],
)
def test_vife_about_limits_say_what_the_value_then_is(
    vib: str, quantity: str, unit: str, value: int, modifiers: tuple[str, ...]
) -> None:
    found = record_of(f"01 {vib} 02")
    assert (found.quantity, found.unit, found.value, found.modifiers) == (quantity, unit, value, modifiers)


@pytest.mark.parametrize("vife", ["3D", "FC 0D"])
def test_a_non_metric_unit_is_never_shown_as_a_metric_one(vife: str) -> None:
    found = record_of(f"01 86 {vife} 02")
    assert (found.unit, found.value, found.modifiers) == ("", 2, ("non_metric_unit",))


def test_a_plain_text_unit_is_the_unit_and_takes_corrections() -> None:
    meaning = resolve_vib(bytes.fromhex("FC 03 485225 74"))
    assert (meaning.quantity, meaning.unit, meaning.exponent) == ("plain_text", "%RH", -2)
    newer = resolve_vib(bytes.fromhex("FC 74 03 485225"), text_last=True)
    assert newer == meaning


def test_a_plain_text_that_spells_a_unit_of_ours_is_not_scaled_by_it() -> None:
    found = record_of("01 7C 03 68574D 02")
    assert (found.unit, found.value) == ("MWh", 2)


def test_what_follows_the_third_extension_is_not_read_as_a_vife() -> None:
    found = record_of("01 EF 7D 02")
    assert (found.quantity, found.value, found.modifiers) == ("reserved", 2, ("vife:7D",))
