import pytest

from mbus.application.dib import Dib, lvar_size


@pytest.mark.parametrize(
    ("block", "function", "storage", "tariff", "subunit"),
    [
        ("04", "instantaneous", 0, 0, 0),
        ("54", "maximum", 1, 0, 0),
        ("64", "minimum", 1, 0, 0),
        ("34", "error", 0, 0, 0),
        ("C4 01", "instantaneous", 3, 0, 0),
        ("84 40", "instantaneous", 0, 0, 1),
        ("84 10", "instantaneous", 0, 1, 0),
        ("84 C0 40", "instantaneous", 0, 0, 3),
        ("84 B0 10", "instantaneous", 0, 7, 0),
        ("C4 81 02", "instantaneous", 1 + 2 + 64, 0, 0),
        ("84 00", "instantaneous", 0, 0, 0),
    ],
)
def test_storage_tariff_and_subunit_are_put_together_from_dif_and_dife(
    block: str, function: str, storage: int, tariff: int, subunit: int
) -> None:
    dib = Dib.from_bytes(bytes.fromhex(block))
    assert (dib.function, dib.storage, dib.tariff, dib.subunit) == (function, storage, tariff, subunit)


@pytest.mark.parametrize(
    ("first", "size"),
    [
        (0x00, 0),
        (0xBF, 0xBF),
        (0xC0, 0),
        (0xC9, 9),
        (0xCA, None),
        (0xD9, 9),
        (0xDF, None),
        (0xE0, 0),
        (0xEF, 15),
        (0xF0, 16),
        (0xF4, 32),
        (0xF5, 48),
        (0xF6, 64),
        (0xF7, None),
        (0xFF, None),
    ],
)
def test_the_first_byte_of_a_variable_length_tells_the_bytes_behind_it(first: int, size: int | None) -> None:
    assert lvar_size(first) == size
