"""Which serial number the USB device shows: that of the settings, a file that the gateway's user writes and root reads."""

import os
from pathlib import Path

import pytest

from mbusmaster.helper.setup_net.network import chosen_number

GOOD = '[device]\nserial_number = "SN-7"\n'


def test_the_number_of_the_settings_counts(tmp_path: Path) -> None:
    (tmp_path / "settings").write_text(GOOD)
    assert chosen_number(tmp_path / "settings") == "SN-7"


@pytest.mark.parametrize(
    "text", ["", "[", "device = 1", "[device]", '[device]\nserial_number = "a\\nb"', "[" * 100_000]
)
def test_settings_that_cannot_be_read_have_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings").write_text(text)
    assert chosen_number(tmp_path / "settings") is None


def test_a_pipe_in_their_place_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "settings")
    assert chosen_number(tmp_path / "settings") is None


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(GOOD)
    (tmp_path / "settings").symlink_to(tmp_path / "elsewhere")
    assert chosen_number(tmp_path / "settings") is None
