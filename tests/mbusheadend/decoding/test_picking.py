"""Few values out of a packed reading are those that all of it gives."""

from pathlib import Path
from typing import Final

import pytest

from mbusheadend.decoding.errors import PackedError
from mbusheadend.decoding.picking import pick
from mbusheadend.decoding.registers import Form, Layout, Register, layout_of_form
from mbusheadend.decoding.telegrams import INLINE, pack_telegram, unpack_telegrams
from support.headend_meters import ENERGY, METER, telegram
from support.needs import SHARED
from support.telegrams import read_hex

GOOD: Final = sorted((SHARED / "telegrams" / "good").glob("*.hex"))
VOLUME: Final = Register("instantaneous", 0, 0, 0, "volume", "m³", ())


class Layouts:
    def __init__(self) -> None:
        self._layouts: list[Layout] = []

    def number_of(self, form: Form) -> int:
        self._layouts.append(layout_of_form(form))
        return len(self._layouts)

    def layout(self, number: int) -> Layout:
        return self._layouts[number - 1]


class Inline(Layouts):
    def number_of(self, form: Form) -> int:
        return INLINE


def packed(frames: list[bytes], layouts: Layouts) -> bytes:
    said = bytearray()
    for frame in frames:
        pack_telegram(frame, None, layouts, said)
    return bytes(said)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_each_value_of_a_recorded_telegram_is_picked_as_it_is_decoded(path: Path) -> None:
    layouts = Layouts()
    said = packed([read_hex(path)], layouts)
    measured = unpack_telegrams(said, layouts)[0].values
    for one in measured:
        picked = pick(said, layouts, (one.register,))
        assert (repr(picked.values[0]), picked.doubts[0]) == (repr(one.value), one.status)
    everything = tuple(one.register for one in reversed(measured))
    assert list(pick(said, layouts, everything).values) == [one.value for one in reversed(measured)]


@pytest.mark.parametrize("kind", [Layouts, Inline])
def test_the_first_telegram_that_has_a_register_gives_it(kind: type[Layouts]) -> None:
    layouts = kind()
    said = packed([telegram(energy=1), telegram(energy=2)], layouts)
    assert pick(said, layouts, (ENERGY,)).values == (1000,)


def test_a_register_that_is_not_there_has_no_value() -> None:
    layouts = Layouts()
    assert pick(packed([telegram(METER)], layouts), layouts, (VOLUME, ENERGY)).values == (None, 1000000)


def test_bits_of_the_status_are_gathered() -> None:
    layouts = Layouts()
    frame = bytearray(telegram())
    frame[16] = 0x04
    frame[-2] = sum(frame[4:-2]) & 0xFF
    assert pick(packed([bytes(frame)], layouts), layouts, (ENERGY,)).status == 0x04


def test_what_is_cut_off_is_an_error() -> None:
    layouts = Layouts()
    with pytest.raises(PackedError):
        pick(packed([telegram()], layouts)[:-1], layouts, (ENERGY,))
