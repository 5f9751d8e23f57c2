from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.addressing import SecondaryAddress
from mbus.application.encode import (
    MAX_DATA,
    FixedStructure,
    alarm,
    application_error,
    encrypted_response,
    payload,
    response,
    split,
)
from mbus.application.encode_record import RecordSpec
from mbus.application.header import Header, identity_of
from mbus.application.refusal import refusal_of
from mbus.application.telegram import Telegram, decode_telegram
from mbus.errors import EncodeError
from mbus.link.frames import LongFrame, parse_frame

METER = SecondaryAddress.from_text("123456782D2C3504")
LONG = Header(METER, 7, 0x10, 0)
SHORT = Header(None, 7, 0x10, 0)
ENERGY = RecordSpec(b"\x06", 37351)
KEY = bytes(range(16))

specs = st.one_of(
    st.builds(
        RecordSpec,
        st.sampled_from((b"\x03", b"\x13", b"\x2b", b"\xfd\x48", b"\x83\x3c", b"\x7f")),
        st.integers(-(2**31) + 1, 2**31 - 1),
        function=st.sampled_from(("instantaneous", "maximum", "minimum")),
        storage=st.integers(0, 2**20),
        tariff=st.integers(0, 15),
        subunit=st.integers(0, 3),
    ),
    st.builds(RecordSpec, st.just(b"\x06"), st.integers(-(10**7) + 1, 10**8 - 1), st.just(0x0C)),
    st.builds(RecordSpec, st.just(b"\xfd\x10"), st.integers(-(10**9), 10**9), st.just(0x0D)),
)


def read_back(frame: LongFrame, key: bytes | None = None) -> Telegram:
    """Decode the bytes of a frame, as they would come from the wire."""
    return decode_telegram(frame.to_bytes(), key=key)


@pytest.mark.parametrize(("header", "ci"), [(LONG, 0x72), (SHORT, 0x7A), (None, 0x78)])
def test_the_header_decides_the_ci_field(header: Header | None, ci: int) -> None:
    frame = response(5, header, payload([ENERGY]))
    assert frame.ci == ci
    telegram = read_back(frame)
    assert telegram.header == header
    assert [record.value for record in telegram.records] == [37351000]


@given(
    st.lists(specs, max_size=8),
    st.sampled_from((LONG, SHORT, None)),
    st.one_of(st.none(), st.binary(max_size=20)),
    st.booleans(),
)
def test_a_response_is_decoded_to_what_went_in(
    records: list[RecordSpec], header: Header | None, manufacturer_data: bytes | None, more_follows: bool
) -> None:
    data = payload(records, manufacturer_data=manufacturer_data, more_follows=more_follows)
    telegram = read_back(response(5, header, data))
    assert telegram.error is None
    assert telegram.header == header
    assert telegram.more_follows is more_follows
    assert telegram.manufacturer_data == (manufacturer_data or b"")
    assert [
        (record.function, record.storage, record.tariff, record.subunit, record.vib, record.raw)
        for record in telegram.records
    ] == [
        (
            spec.function,
            spec.storage,
            spec.tariff,
            spec.subunit,
            spec.vib,
            spec.to_bytes()[-len(record.raw) :],
        )
        for spec, record in zip(records, telegram.records, strict=True)
    ]


def test_bytes_stand_between_records_as_they_are() -> None:
    data = payload([b"\x2f\x2f", ENERGY, b"\x2f", b"\x01\x7a\x05"])
    assert data.hex() == "2f2f" + "0406e7910000" + "2f" + "017a05"
    assert len(read_back(response(5, LONG, data)).records) == 2


def test_the_tail_is_sent_only_when_there_is_one() -> None:
    assert payload([]) == b""
    assert payload([], manufacturer_data=b"") == b"\x0f"
    assert payload([], manufacturer_data=b"\x01") == b"\x0f\x01"
    assert payload([], more_follows=True) == b"\x1f"
    assert payload([], manufacturer_data=b"\x01", more_follows=True) == b"\x1f\x01"


def test_data_that_do_not_fit_one_frame_are_refused() -> None:
    response(5, LONG, bytes(MAX_DATA - 12))
    with pytest.raises(EncodeError):
        response(5, LONG, bytes(MAX_DATA - 11))


@pytest.mark.parametrize(
    ("header", "ci"),
    [(None, 0x70), (SHORT, 0x6E), (LONG, 0x6F)],
)
def test_an_application_error_is_understood_with_every_header(header: Header | None, ci: int) -> None:
    frame = application_error(5, 8, header=header)
    assert frame.ci == ci
    refusal = refusal_of(frame)
    assert refusal is not None
    assert refusal.code == 8


def test_an_application_error_without_code_is_unspecified() -> None:
    assert application_error(5).to_bytes().hex(" ") == "68 03 03 68 08 05 70 7d 16"


def test_an_alarm_has_its_byte_or_its_records() -> None:
    assert alarm(5, b"\x04").to_bytes().hex(" ") == "68 04 04 68 08 05 71 04 82 16"
    assert alarm(5, payload([ENERGY]), header=SHORT).ci == 0x74
    assert identity_of(alarm(5, payload([ENERGY]), header=LONG)) == METER


def test_the_fixed_structure_is_the_recorded_one() -> None:
    recorded = "68 13 13 68 08 05 73 78 56 34 12 0a 00 e9 7e 01 00 00 00 35 01 00 00 3c 16"
    fixed = FixedStructure("12345678", 7, (0x29, 0x3E), (1, 135), access_number=10)
    assert fixed.to_frame(5).to_bytes().hex(" ") == recorded


@given(
    st.integers(0, 15),
    st.tuples(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(-(2**31) + 1, 2**31 - 1)),
    st.booleans(),
)
def test_a_binary_fixed_structure_is_decoded_to_what_went_in(
    medium: int, counters: tuple[int, int], stored: bool
) -> None:
    fixed = FixedStructure(
        "12345678", medium, (0x29, 0x29), counters, binary=True, stored=stored, status=0x04
    )
    telegram = read_back(fixed.to_frame(5))
    # Medium A to F are the mode 2 forms, whose counters begin with the most significant byte.
    if medium < 0x0A:
        assert [str(record.value) for record in telegram.records] == [
            str(record.value)
            for record in read_back(
                response(5, LONG, payload([RecordSpec(b"\x13", counter) for counter in counters]))
            ).records
        ]
    assert telegram.header is not None
    assert telegram.header.status & 0x07 == 0x05 | stored << 1


@pytest.mark.parametrize(
    "wrong",
    [
        FixedStructure("12345678", 16, (0, 0), (0, 0)),
        FixedStructure("12345678", 7, (0x40, 0), (0, 0)),
        FixedStructure("12345678", 7, (0, 0), (10**8, 0)),
        FixedStructure("12345678", 7, (0, 0), (2**31, 0), binary=True),
        FixedStructure("12345678", 7, (0, 0), (0, 0), access_number=256),
    ],
)
def test_a_field_that_does_not_fit_the_fixed_structure_is_refused(wrong: FixedStructure) -> None:
    with pytest.raises(EncodeError):
        wrong.to_frame(5)


@given(st.lists(specs, max_size=60), st.one_of(st.none(), st.binary(max_size=100)), st.integers(0, 255))
def test_a_long_list_is_split_without_loss(
    records: list[RecordSpec], manufacturer_data: bytes | None, access_number: int
) -> None:
    header = replace(LONG, access_number=access_number)
    frames = split(5, header, records, manufacturer_data=manufacturer_data, limit=120)
    telegrams = [read_back(frame) for frame in frames]
    assert all(len(frame.data) <= 120 for frame in frames)
    assert [telegram.more_follows for telegram in telegrams] == [True] * (len(frames) - 1) + [False]
    assert sum((telegram.records for telegram in telegrams), ()) or not records
    assert [record.vib for telegram in telegrams for record in telegram.records] == [
        spec.vib for spec in records
    ]
    assert telegrams[-1].manufacturer_data == (manufacturer_data or b"")
    assert [telegram.header and telegram.header.access_number for telegram in telegrams] == [
        (access_number + index) % 256 for index in range(len(frames))
    ]


def test_what_fits_one_telegram_is_not_split() -> None:
    assert split(5, LONG, [ENERGY]) == (response(5, LONG, payload([ENERGY])),)


@pytest.mark.parametrize(
    ("records", "manufacturer_data"),
    [([bytes(MAX_DATA)], None), ([ENERGY], bytes(MAX_DATA))],
)
def test_what_no_telegram_can_hold_is_refused(records: list[bytes], manufacturer_data: bytes | None) -> None:
    with pytest.raises(EncodeError, match="not fit one telegram"):
        split(5, LONG, records, manufacturer_data=manufacturer_data)


@given(st.lists(specs, max_size=8), st.one_of(st.none(), st.binary(max_size=40)))
def test_an_encrypted_response_is_opened_with_its_key(
    records: list[RecordSpec], manufacturer_data: bytes | None
) -> None:
    frame = encrypted_response(5, LONG, records, KEY, manufacturer_data=manufacturer_data)
    assert frame.ci == 0x72
    telegram = read_back(frame, KEY)
    assert telegram.error is None
    assert [record.vib for record in telegram.records] == [spec.vib for spec in records]
    assert telegram.manufacturer_data == (manufacturer_data or b"")


def test_an_encrypted_response_says_nothing_without_its_key() -> None:
    frame = encrypted_response(5, LONG, [ENERGY], KEY)
    assert parse_frame(frame.to_bytes()) == frame
    assert identity_of(frame) == METER
    assert all(record.value != 37351000 for record in read_back(frame).records)
