import pytest

from mbus.link import fields, timing


@pytest.mark.parametrize("control", [0x08, 0x18, 0x28, 0x38])
def test_a_response_is_known_whatever_it_says_of_class_1_data_and_room(control: int) -> None:
    assert fields.is_response(control)
    assert not fields.is_from_master(control)
    assert not fields.counts(control)


@pytest.mark.parametrize("control", [0x00, 0x0B, 0x48, 0x88, 0x5B, 0x40, 0xFF])
def test_other_control_fields_are_no_response(control: int) -> None:
    assert not fields.is_response(control)


@pytest.mark.parametrize(
    ("control", "function", "counts"),
    [
        (0x40, fields.SND_NKE, False),
        (0x43, fields.SND_UD2, False),
        (0x49, fields.REQ_SKE, False),
        (0x53, fields.SND_UD, True),
        (0x73, fields.SND_UD, True),
        (0x5A, fields.REQ_UD1, True),
        (0x7B, fields.REQ_UD2, True),
    ],
)
def test_the_frame_count_bit_is_no_part_of_the_function(control: int, function: int, counts: bool) -> None:
    assert fields.function_of(control) == function
    assert fields.counts(control) is counts
    assert fields.is_from_master(control)


@pytest.mark.parametrize(
    ("baud", "window", "idle", "longest"),
    [
        (300, 1.150, 0.1100, 9.570),
        (2400, 0.1875, 0.01375, 1.19625),
        (9600, 0.084375, 0.0034375, 0.2990625),
        (19200, 0.0671875, 0.00171875, 0.14953125),
    ],
)
def test_times_are_those_of_the_standard(baud: int, window: float, idle: float, longest: float) -> None:
    assert timing.answer_window(baud) == pytest.approx(window)
    assert timing.idle(baud) == pytest.approx(idle)
    assert timing.characters(261, baud) == pytest.approx(longest)
    assert timing.bits(33, baud) == timing.idle(baud)
