import json
from decimal import Decimal

import pytest

from mbus.application.as_json import dumps, telegram_as_json
from mbus.application.telegram import decode_telegram
from mbus.link.frames import LongFrame
from support.telegrams import recorded, telegram_of


def test_the_example_of_the_contract_comes_out_as_written() -> None:
    found = telegram_as_json(recorded("kamstrup_multical_601"))
    assert list(found) == [
        "link",
        "ci",
        "header",
        "records",
        "manufacturer_data",
        "more_follows",
        "error",
    ]
    assert found["link"] == {"c": 8, "a": 17}
    assert found["ci"] == 114
    assert found["header"] == {
        "id": "06855817",
        "manufacturer": "KAM",
        "version": 8,
        "medium": "heat_outlet",
        "medium_code": 4,
        "access_number": 4,
        "status": 0,
        "configuration": 0,
        "secondary_address": "068558172D2C0804",
    }
    records = found["records"]
    assert isinstance(records, list)
    assert records[1] == {
        "index": 1,
        "function": "instantaneous",
        "storage": 0,
        "tariff": 0,
        "subunit": 0,
        "quantity": "energy",
        "unit": "Wh",
        "value": 37351000,
        "modifiers": [],
        "dib": "04",
        "vib": "06",
        "raw": "E7910000",
    }
    assert str(found["manufacturer_data"]).startswith("00000000E7E4")
    assert (found["more_follows"], found["error"]) == (False, None)


def test_a_status_is_there_only_when_it_says_something() -> None:
    (record,) = json.loads(dumps(telegram_as_json(telegram_of("01 5B 80"))))["records"]
    assert (record["value"], record["status"]) == (None, "invalid")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("561.080"), "561.080"),
        (Decimal("1E-12"), "0.000000000001"),
        (Decimal("9007199254740.993"), "9007199254740.993"),
        (Decimal("-0.18"), "-0.18"),
        (2**200, str(2**200)),
        (0.1, "0.1"),
        ('°"\n', '"°\\"\\n"'),
        ("\x00\x1b\x7f\x80\x9b\xa0", '"\\u0000\\u001b\\u007f\\u0080\\u009b\xa0"'),
        (None, "null"),
        (True, "true"),
        ({"a": [1, Decimal("2.50")], "b": ()}, '{"a": [1, 2.50], "b": []}'),
    ],
)
def test_numbers_are_written_with_all_their_digits(value: object, text: str) -> None:
    assert dumps(value) == text
    json.loads(text)


def test_what_json_has_no_form_of_is_refused() -> None:
    with pytest.raises(TypeError):
        dumps(b"raw")
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps(float("nan"))


@pytest.mark.parametrize("code", ["12", "13", "14", "15", "16", "19"])
@pytest.mark.parametrize("vife", ["", "3B", "FC 11", "13", "39"])
def test_passwords_access_codes_and_keys_appear_nowhere(code: str, vife: str) -> None:
    vib = f"FD {int(code, 16) | 0x80:02X} {vife}" if vife else f"FD {code}"
    telegram = telegram_of(f"04 {vib} 21436587")
    (record,) = telegram.records
    assert (record.value, record.status) == (None, "secret, not shown")
    assert record.raw == bytes.fromhex("21436587")
    for shown in (dumps(telegram_as_json(telegram)), repr(telegram), str(record)):
        assert "21436587" not in shown
        assert "87654321" not in shown
        assert repr(record.raw) not in shown
    assert '"raw": "********"' in dumps(telegram_as_json(telegram))


def test_no_header_is_null_and_a_short_one_says_what_it_has() -> None:
    assert telegram_as_json(decode_telegram(LongFrame(8, 1, 0x78)))["header"] is None
    header = telegram_as_json(decode_telegram(LongFrame(8, 1, 0x7A, b"\x05\x10\x00\x00")))["header"]
    assert isinstance(header, dict)
    assert (header["id"], header["access_number"], header["status"]) == (None, 5, 16)
