import pytest

from mbus.application.status import is_suspect, status_words


@pytest.mark.parametrize(
    ("status", "words", "suspect"),
    [
        (0x00, (), False),
        (0x01, ("application_busy",), True),
        (0x02, ("application_error",), True),
        (0x03, ("abnormal_condition",), True),
        (0x04, ("power_low",), True),
        (0x10, ("temporary_error",), False),
        (0x2E, ("application_error", "power_low", "permanent_error", "manufacturer_bit_5"), True),
        (0xC0, ("manufacturer_bit_6", "manufacturer_bit_7"), False),
    ],
)
def test_a_status_byte_in_words(status: int, words: tuple[str, ...], suspect: bool) -> None:
    assert status_words(status) == words
    assert is_suspect(status) is suspect


def test_bits_0_and_1_of_the_fixed_structure_are_about_its_counters() -> None:
    assert status_words(0x07, fixed_structure=True) == ("power_low",)
    assert is_suspect(0x07, fixed_structure=True)
    assert not is_suspect(0x13, fixed_structure=True)
