from itertools import pairwise

import pytest

from mbus.application.ci import CI_FIELDS, ROWS, Content, HeaderKind
from mbus.application.header import identity_of
from mbus.application.telegram import decode_telegram
from mbus.link.frames import LongFrame
from support.telegrams import LONG_HEADER


def test_every_ci_field_has_exactly_one_row() -> None:
    assert set(CI_FIELDS) == set(range(256))
    assert all(first.last + 1 == second.first for first, second in pairwise(ROWS))


@pytest.mark.parametrize("ci", range(256))
def test_every_ci_field_gives_a_telegram(ci: int) -> None:
    telegram = decode_telegram(LongFrame(0x08, 1, ci, LONG_HEADER + bytes.fromhex("04 06 01000000")))
    assert telegram.ci == ci
    assert telegram.records or telegram.error or CI_FIELDS[ci].content is Content.PARAMETERS


@pytest.mark.parametrize("ci", [ci for ci, row in CI_FIELDS.items() if row.header is HeaderKind.LONG])
def test_a_long_header_names_the_meter_in_the_decoder_and_in_the_procedures_alike(ci: int) -> None:
    frame = LongFrame(0x08, 1, ci, LONG_HEADER + bytes.fromhex("04 06 01000000"))
    assert identity_of(frame) == decode_telegram(frame).secondary
    assert identity_of(frame) is not None


@pytest.mark.parametrize("ci", [0x74, 0x75, 0x5A, 0x5B, 0x51])
def test_alarms_with_a_header_and_commands_hold_records(ci: int) -> None:
    header = {HeaderKind.NONE: b"", HeaderKind.SHORT: LONG_HEADER[8:], HeaderKind.LONG: LONG_HEADER}
    frame = LongFrame(0x08, 1, ci, header[CI_FIELDS[ci].header] + bytes.fromhex("04 06 01000000"))
    assert [record.value for record in decode_telegram(frame).records] == [1000]


@pytest.mark.parametrize("ci", [0x50, 0x52, 0x54, 0x5C, 0xB8, 0xBF, 0x8A])
def test_services_without_records_are_no_error(ci: int) -> None:
    assert decode_telegram(LongFrame(0x53, 1, ci, LONG_HEADER)).error is None


def test_an_alarm_byte_is_kept_as_it_is() -> None:
    (record,) = decode_telegram(LongFrame(0x08, 1, 0x71, b"\x85")).records
    assert (record.quantity, record.value, record.raw) == ("alarm", 0x85, b"\x85")
    assert decode_telegram(LongFrame(0x08, 1, 0x71)).records == ()
