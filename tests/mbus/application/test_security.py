import random

import pytest

from mbus.addressing import SecondaryAddress
from mbus.application.header import Header
from mbus.application.security import derived_key, encrypt_mode_5, initial_vector
from mbus.application.telegram import Telegram, decode_telegram
from mbus.errors import EncodeError
from mbus.link.frames import LongFrame

KEY = bytes.fromhex("0102030405060708090A0B0C0D0E0F11")
ADDRESS = SecondaryAddress("12345678", 0x2C2D, 0x08, 0x04)
RECORDS = bytes.fromhex("04 06 01000000 02 5B 1900")


def mode_5(records: bytes = RECORDS, tail: bytes = b"") -> LongFrame:
    word, data = encrypt_mode_5(Header(ADDRESS, 0x2A, 0, 0), records, KEY)
    return LongFrame(0x08, 1, 0x72, Header(ADDRESS, 0x2A, 0, word).to_bytes() + data + tail)


def values(telegram: Telegram) -> list[object]:
    return [record.value for record in telegram.records]


def test_mode_5_is_opened_with_its_key() -> None:
    telegram = decode_telegram(mode_5(), key=KEY)
    assert telegram.error is None
    assert values(telegram) == [1000, 25]


def test_what_follows_the_encrypted_blocks_is_plain() -> None:
    telegram = decode_telegram(mode_5(tail=bytes.fromhex("01 5F 0A 0F AB")), key=KEY)
    assert values(telegram) == [1000, 25, 10]
    assert telegram.manufacturer_data == b"\xab"


def test_the_initial_vector_is_address_and_access_number() -> None:
    header = Header(ADDRESS, 0x2A, 0, 0)
    assert initial_vector(header) == bytes.fromhex("2D2C 78563412 08 04" + "2A" * 8)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (None, "encrypted by mode 5, and no key was given"),
        (bytes(16), "the key does not fit"),
        (b"short", "a key has 16 bytes"),
    ],
)
def test_without_a_key_that_fits_the_header_is_still_read_and_the_reason_told(
    key: bytes | None, why: str
) -> None:
    telegram = decode_telegram(mode_5(), key=key)
    assert telegram.records == ()
    assert telegram.error == why
    assert telegram.secondary == ADDRESS


@pytest.mark.parametrize("configuration", [0x0510, 0x0710, 0x0500, 0x05F0, 0xFFFF, 0xB627])
@pytest.mark.parametrize("key", [None, KEY])
def test_plain_data_under_a_word_that_looks_encrypted_stay_readable(
    configuration: int, key: bytes | None
) -> None:
    data = Header(ADDRESS, 1, 0, configuration).to_bytes() + RECORDS * 2
    telegram = decode_telegram(LongFrame(0x08, 1, 0x72, data), key=key)
    assert telegram.error is None
    assert values(telegram) == [1000, 25, 1000, 25]


@pytest.mark.parametrize(
    ("configuration", "chance"),
    [
        (0x0510, "04 06 11223344 02 5B 5566 0F 778899AABB"),
        (0x0510, "59 28 02 02 5B 5566 02 5F 5566 13 5B 556677"),
        (0x0510, "04 6F 11223344 02 FD7C 5566 0F 778899AABBCC"),
        (0x0510, "04 06 11223344 02 5B 5566 0F 778899AABBCC"),
        (0x0710, "04 06 11223344 02 5B 5566 02 5F 5566 0F 77 88"),
    ],
)
def test_a_cipher_text_that_happens_to_look_like_records_is_not_shown_as_values(
    configuration: int, chance: str
) -> None:
    header = Header(ADDRESS, 1, 0, configuration).to_bytes()
    telegram = decode_telegram(LongFrame(0x08, 1, 0x72, header + bytes.fromhex(chance)))
    assert telegram.records == ()
    assert telegram.error == f"encrypted by mode {configuration >> 8}, and no key was given"


def test_hardly_a_cipher_text_is_taken_for_plain_data() -> None:
    chance = random.Random(1)
    shown = 0
    for blocks in (1, 2, 3, 8):
        header = Header(ADDRESS, 1, 0, 0x0500 | blocks << 4).to_bytes()
        for tail in (b"", RECORDS):
            for _ in range(500):
                data = header + chance.randbytes(16 * blocks) + tail
                shown += decode_telegram(LongFrame(0x08, 1, 0x72, data)).records != ()
    assert shown < 10


def test_data_that_a_gateway_has_opened_are_read_under_the_word_of_their_encryption() -> None:
    data = Header(ADDRESS, 1, 0, 0x0510).to_bytes() + b"\x2f\x2f" + RECORDS + b"\x2f" * 4
    telegram = decode_telegram(LongFrame(0x08, 1, 0x72, data))
    assert telegram.error is None
    assert values(telegram) == [1000, 25]


def test_mode_5_behind_a_short_header_lacks_the_address() -> None:
    header = Header(None, 1, 0, 0x0510)
    frame = LongFrame(0x08, 1, 0x7A, header.to_bytes() + b"\x84" * 16)
    assert "secondary address" in (decode_telegram(frame, key=KEY).error or "")


def mode_7(counter: bytes = b"\x01\x00\x00\x00", control: int = 0x2C00) -> LongFrame:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    header = Header(ADDRESS, 0x2A, 0, 0x0710)
    context = Cipher(algorithms.AES(derived_key(KEY, header, counter)), modes.CBC(bytes(16))).encryptor()
    cipher = context.update(b"\x2f\x2f" + RECORDS + b"\x2f" * 4) + context.finalize()
    layer = control.to_bytes(2, "little") + b"\x25" + counter + bytes(8)
    inner = b"\x72" + header.to_bytes() + b"\x10" + cipher
    return LongFrame(0x08, 1, 0x90, bytes((len(layer),)) + layer + inner)


def test_mode_7_is_opened_with_a_key_derived_from_the_message_counter() -> None:
    telegram = decode_telegram(mode_7(), key=KEY)
    assert telegram.error is None
    assert values(telegram) == [1000, 25]


@pytest.mark.parametrize(
    ("control", "why"),
    [(0x2400, "mode 7 needs the message counter"), (0x6C00, "a fragment of a message")],
)
def test_mode_7_without_a_counter_or_in_fragments_is_said(control: int, why: str) -> None:
    assert why in (decode_telegram(mode_7(control=control), key=KEY).error or "")


@pytest.mark.parametrize("data", ["", "05", "02 0000", "01 00 72", "02 0000 90 02 0000 72"])
def test_a_cut_off_or_doubled_authentication_layer_is_said(data: str) -> None:
    assert "authentication layer" in (
        decode_telegram(LongFrame(0x08, 1, 0x90, bytes.fromhex(data))).error or ""
    )


@pytest.mark.parametrize(("address", "key"), [(ADDRESS, b"short"), (None, KEY)])
def test_mode_5_without_key_or_address_is_refused(address: SecondaryAddress | None, key: bytes) -> None:
    with pytest.raises(EncodeError, match="mode 5 needs a secondary address and a key of 16 bytes"):
        encrypt_mode_5(Header(address, 1, 0, 0), RECORDS, key)


def test_too_much_for_fifteen_blocks_is_refused() -> None:
    with pytest.raises(EncodeError, match="at most 240 bytes"):
        encrypt_mode_5(Header(ADDRESS, 1, 0, 0), bytes(239), KEY)


def test_neither_key_nor_data_show_in_the_text_of_a_telegram() -> None:
    frame = mode_5()
    shown = repr(decode_telegram(frame, key=KEY))
    assert repr(KEY) not in shown
    assert "frame" not in shown
