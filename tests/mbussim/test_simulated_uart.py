import random

import pytest

from mbussim import uart
from mbussim.uart import SAMPLES, Levels, levels, levels_at_other_rate, read, superpose


def line(bits: str) -> Levels:
    """Hand-made levels: one digit per bit, 1 = space."""
    text = "".join(bit * SAMPLES for bit in bits)
    return Levels(int(text, 2), len(text))


def values(characters: list[uart.Character]) -> bytes:
    return bytes(character.value for character in characters)


def test_an_e5_is_a_start_bit_its_data_from_the_lowest_bit_odd_ones_in_parity_and_a_stop_bit() -> None:
    # E5 = 1110 0101: five ones, so even parity adds a one; a one is a mark and 0 here.
    assert uart.character_bits(0xE5) == "1" + "01011000" + "0" + "0"


def test_what_is_sent_alone_is_read_back_whatever_it_is() -> None:
    data = bytes(range(256))
    characters = read(levels(data))
    assert values(characters) == data
    assert not any(character.bad for character in characters)


def test_a_character_is_complete_eleven_bits_after_its_start_edge() -> None:
    assert [character.end for character in read(levels(b"\xe5\x16"))] == [11 * SAMPLES, 22 * SAMPLES]


def test_aligned_equal_acknowledgements_add_up_to_one_sound_acknowledgement() -> None:
    assert values(read(superpose([(0, levels(b"\xe5"))] * 3))) == b"\xe5"


def test_a_space_of_anyone_is_a_space_on_the_wire() -> None:
    both = superpose([(0, line("1000")), (0, line("0010"))])
    assert both == line("1010")


def test_acknowledgements_three_bits_apart_superpose_as_drawn_by_hand() -> None:
    #          10101100000       E5
    #             10101100000    E5, three bits later
    drawn = line("10111101100000")
    both = superpose([(0, levels(b"\xe5")), (3 * SAMPLES, levels(b"\xe5"))])
    assert both == drawn
    # Marks at data bits 0 and 5; two ones want a space as parity, and there is a mark.
    (character,) = read(both)
    assert (character.value, character.bad) == (0x21, True)


def test_different_characters_at_once_are_the_and_of_their_bits() -> None:
    (character,) = read(superpose([(0, levels(b"\x3c")), (0, levels(b"\x5a"))]))
    assert character.value == 0x3C & 0x5A


def test_a_line_held_at_space_gives_bad_zeros_until_it_is_released() -> None:
    held = line("1" * 30 + "0" * 20 + uart.character_bits(0x42))
    assert [(character.value, character.bad) for character in read(held)][:2] == [(0x00, True), (0x00, True)]
    assert read(held)[-1].value == 0x42


def test_a_uart_that_reports_a_break_once_looks_for_the_next_start_after_a_mark() -> None:
    held = line("1" * 30 + "0" * 5 + uart.character_bits(0x42))
    characters = read(held, repeats_break=False)
    assert [(character.value, character.bad) for character in characters] == [(0x00, True), (0x42, False)]


def test_a_wrong_parity_bit_marks_the_character() -> None:
    bits = uart.character_bits(0x42)
    flipped = bits[:9] + ("0" if bits[9] == "1" else "1") + bits[10]
    (character,) = read(line(flipped))
    assert (character.value, character.bad) == (0x42, True)


def test_a_glitch_shorter_than_half_a_bit_is_no_start_bit() -> None:
    glitch = Levels(0b111 << (SAMPLES * 4), SAMPLES * 5)
    assert read(superpose([(0, glitch), (SAMPLES * 5, levels(b"\x55"))]))[0].value == 0x55


def test_a_receiver_without_parity_finds_fault_with_characters_that_carry_it() -> None:
    # Even number of ones: the parity bit is a space where the receiver expects its stop bit.
    assert read(levels(b"\x03"), "N")[0].bad
    assert not read(levels(b"\x01"), "N")[0].bad


@pytest.mark.parametrize(("sent", "heard"), [(300, 2400), (2400, 300), (9600, 2400)])
def test_characters_of_another_rate_are_not_read_as_what_they_are(sent: int, heard: int) -> None:
    characters = read(levels_at_other_rate(b"\x68\x1f\x1f\x68\x08", sent, heard))
    assert values(characters) != b"\x68\x1f\x1f\x68\x08"


def test_characters_of_the_same_rate_are_read_the_same_on_both_ways() -> None:
    data = random.Random(5).randbytes(60)
    assert levels_at_other_rate(data, 2400, 2400) == levels(data)


def test_any_superposition_gives_characters_and_never_an_error() -> None:
    chance = random.Random(7)
    for _ in range(100):
        parts = [
            (chance.randrange(400), levels(chance.randbytes(chance.randrange(1, 9))))
            for _ in range(chance.randrange(1, 6))
        ]
        whole = superpose(parts)
        assert all(0 <= character.value <= 255 for character in read(whole))
        assert len(read(whole)) <= whole.samples // (10 * SAMPLES) + 1


def test_a_character_without_its_stop_bit_is_no_break_and_the_next_one_begins_at_once() -> None:
    held = line(uart.character_bits(0x42)[:-1] + "1" * 16 + "0" * 5 + uart.character_bits(0x43))
    characters = read(held, repeats_break=False)
    assert [(character.value, character.bad) for character in characters] == [
        (0x42, True),
        (0x00, True),
        (0x43, False),
    ]
