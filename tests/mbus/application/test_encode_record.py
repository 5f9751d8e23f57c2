import math
from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.application.dib import Dib
from mbus.application.encode_record import RecordSpec, Value, data_size, encode_dib, plain_text_vib
from mbus.application.records import decode_records
from mbus.errors import EncodeError


@pytest.mark.parametrize(
    ("dib", "expected"),
    [
        (encode_dib(4), "04"),
        (encode_dib(4, storage=3), "c401"),
        (encode_dib(4, subunit=1), "8440"),
        (encode_dib(4, tariff=1), "8410"),
        (encode_dib(0xC, function="maximum", storage=1), "5c"),
        (encode_dib(2, function="error"), "32"),
        (encode_dib(4, storage=2**41 - 1), "c4" + "8f" * 9 + "0f"),
    ],
)
def test_a_block_has_as_many_bytes_as_its_numbers_need(dib: bytes, expected: str) -> None:
    assert dib.hex() == expected


@given(
    st.sampled_from(("instantaneous", "maximum", "minimum", "error")),
    st.integers(0, 2**41 - 1),
    st.integers(0, 2**20 - 1),
    st.integers(0, 2**10 - 1),
    st.integers(0, 0x0E),
)
def test_every_register_survives_its_block(
    function: str, storage: int, tariff: int, subunit: int, data_field: int
) -> None:
    dib = encode_dib(data_field, function=function, storage=storage, tariff=tariff, subunit=subunit)
    assert Dib.from_bytes(dib) == Dib(function, storage, tariff, subunit, data_field)


@pytest.mark.parametrize(
    ("storage", "tariff", "subunit"), [(2**41, 0, 0), (0, 2**20, 0), (0, 0, 2**10), (-1, 0, 0)]
)
def test_a_number_that_ten_extensions_cannot_hold_is_refused(storage: int, tariff: int, subunit: int) -> None:
    with pytest.raises(EncodeError):
        encode_dib(4, storage=storage, tariff=tariff, subunit=subunit)


def test_special_functions_and_unknown_functions_are_no_records() -> None:
    with pytest.raises(EncodeError, match="no data field"):
        encode_dib(0x0F)
    with pytest.raises(EncodeError, match="average"):
        encode_dib(4, function="average")
    with pytest.raises(EncodeError, match="no fixed length"):
        data_size(0x0D)
    with pytest.raises(EncodeError, match="needs a VIF"):
        RecordSpec(b"", 1).to_bytes()


def test_a_plain_text_unit_travels_last_character_first() -> None:
    assert plain_text_vib("%RH", b"\x74").hex() == "fc0348522574"
    assert plain_text_vib("Imp").hex() == "7c03706d49"


@pytest.mark.parametrize(
    ("data_field", "value"),
    [
        (4, "text"),
        (4, 1.5),
        (2, time(1, 2)),
        (3, date(2026, 1, 1)),
        (4, date(2026, 1, 1)),
        (3, datetime(2026, 1, 1, tzinfo=UTC)),
        (0xD, 1.5),
        (0xD, datetime(2026, 1, 1, tzinfo=UTC)),
        (0, 1),
        (4, b"\x01"),
        (9, "1"),
    ],
)
def test_a_value_that_its_field_cannot_carry_is_refused(data_field: int, value: Value) -> None:
    with pytest.raises(EncodeError):
        RecordSpec(b"\x06", value, data_field).to_bytes()


def decoded(spec: RecordSpec) -> object:
    body = decode_records(spec.to_bytes())
    assert body.error is None
    (record,) = body.records
    assert (record.storage, record.tariff, record.subunit) == (spec.storage, spec.tariff, spec.subunit)
    assert record.vib == spec.vib
    return record.value


@pytest.mark.parametrize("data_field", [1, 2, 3, 4, 6, 7, 5, 9, 0xA, 0xB, 0xC, 0xE])
def test_no_valid_value_is_read_as_none(data_field: int) -> None:
    assert decoded(RecordSpec(b"\x06", None, data_field)) is None


@pytest.mark.parametrize(("vib", "data_field"), [(b"\x6c", 2), (b"\x6d", 4), (b"\x6d", 6), (b"\x78", 4)])
def test_no_date_and_no_number_without_sign_are_all_ones(vib: bytes, data_field: int) -> None:
    spec = RecordSpec(vib, None, data_field, unsigned=vib == b"\x78")
    assert set(spec.to_bytes()[2:]) == {0xFF}
    assert decoded(spec) is None


def _numbers(data_field: int, size: int) -> st.SearchStrategy[RecordSpec]:
    # The most negative number is "invalid".
    bound = 2 ** (8 * size - 1) - 1
    return st.builds(
        RecordSpec,
        st.just(b"\x03"),
        st.integers(-bound, bound),
        st.just(data_field),
        storage=st.integers(0, 50),
    )


def _decimals(data_field: int, digits: int) -> st.SearchStrategy[RecordSpec]:
    return st.builds(
        RecordSpec,
        st.just(b"\x03"),
        st.integers(-(10 ** (digits - 1)) + 1, 10**digits - 1),
        st.just(data_field),
        tariff=st.integers(0, 5),
        subunit=st.integers(0, 3),
    )


@given(
    st.one_of(
        *[_numbers(field, size) for field, size in ((1, 1), (2, 2), (3, 3), (4, 4), (6, 6), (7, 8))],
        *[_decimals(field, digits) for field, digits in ((9, 2), (0xA, 4), (0xB, 6), (0xC, 8), (0xE, 12))],
        st.builds(RecordSpec, st.just(b"\x03"), st.integers(-(10**18) + 1, 10**18 - 1), st.just(0x0D)),
    )
)
def test_a_number_is_read_as_it_was_written(spec: RecordSpec) -> None:
    assert decoded(spec) == spec.value


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_real_is_read_as_it_was_written(number: float) -> None:
    value = decoded(RecordSpec(b"\x2b", number, 5))
    assert isinstance(value, float)
    assert value == number or math.isclose(value, number)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=100))
def test_a_text_is_read_as_it_was_written(text: str) -> None:
    value = decoded(RecordSpec(b"\xfd\x10", text, 0x0D))
    assert isinstance(value, str)
    assert value.strip() == text.strip()


@given(st.datetimes(datetime(1981, 1, 1), datetime(2080, 12, 31, 23, 59)))
def test_a_date_and_time_is_read_as_it_was_written(moment: datetime) -> None:
    minute = moment.replace(second=0, microsecond=0)
    for value in (decoded(RecordSpec(b"\x6d", moment, 4)), decoded(RecordSpec(b"\x6d", moment, 6))):
        assert isinstance(value, str)
        assert datetime.fromisoformat(value).replace(second=0) == minute
    value = decoded(RecordSpec(b"\x6c", moment.date(), 2))
    assert value == moment.date().isoformat()


def test_a_time_of_day_is_read_as_it_was_written() -> None:
    assert decoded(RecordSpec(b"\x6d", time(13, 45, 30), 3)) == "13:45:30"
