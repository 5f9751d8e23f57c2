from pathlib import Path

import pytest

from mbusmaster.system.identity import DERIVED_LENGTH, UNKNOWN, SerialSource, identify

MACHINE = "0123456789abcdef0123456789abcdef"


def put(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())


def test_the_setting_counts_before_what_the_machine_says(tmp_path: Path) -> None:
    put(tmp_path, "sys/class/dmi/id/product_serial", "PF3ABCDE\n")
    identity = identify("65012345", root=tmp_path)
    assert (identity.serial_number, identity.serial_source) == ("65012345", SerialSource.SETTING)


def test_without_a_setting_the_maker_of_the_computer_names_it(tmp_path: Path) -> None:
    put(tmp_path, "sys/class/dmi/id/product_serial", "PF3ABCDE\n")
    put(tmp_path, "etc/machine-id", MACHINE)
    identity = identify(None, root=tmp_path)
    assert (identity.serial_number, identity.serial_source) == ("PF3ABCDE", SerialSource.DMI)


@pytest.mark.parametrize(
    "junk",
    ["To be filled by O.E.M.", "Default string", "None", "0", "", "00000000", "........", "N/A", "xxxxxx"],
)
def test_what_makers_leave_unfilled_is_no_serial_number(tmp_path: Path, junk: str) -> None:
    put(tmp_path, "sys/class/dmi/id/product_serial", f"{junk}\n")
    put(tmp_path, "sys/class/dmi/id/board_serial", "BSS-0123456\n")
    assert identify(None, root=tmp_path).serial_number == "BSS-0123456"


def test_a_board_with_a_device_tree_has_its_number_there(tmp_path: Path) -> None:
    put(tmp_path, "proc/device-tree/serial-number", "10000000a1b2c3d4\0")
    identity = identify(None, root=tmp_path)
    assert (identity.serial_number, identity.serial_source) == ("10000000a1b2c3d4", SerialSource.DEVICE_TREE)


def test_characters_that_no_setting_may_have_are_replaced(tmp_path: Path) -> None:
    put(tmp_path, "sys/class/dmi/id/board_serial", "/7XK1/CN<b>é\n")
    assert identify(None, root=tmp_path).serial_number == "7XK1-CN-b"


def test_a_machine_that_has_none_gets_one_that_stays_and_does_not_tell_its_id(tmp_path: Path) -> None:
    put(tmp_path, "etc/machine-id", f"{MACHINE}\n")
    identity = identify(None, root=tmp_path)
    assert identity.serial_source is SerialSource.MACHINE_ID
    assert identity.serial_number == identify(None, root=tmp_path).serial_number == "B1401J07MT"
    assert len(identity.serial_number) == DERIVED_LENGTH
    assert identity.serial_number.lower() not in MACHINE


def test_two_machines_differ(tmp_path: Path) -> None:
    for name, machine in (("one", MACHINE), ("two", MACHINE[::-1])):
        put(tmp_path / name, "etc/machine-id", machine)
    one, two = (identify(None, root=tmp_path / name).serial_number for name in ("one", "two"))
    assert one != two


def test_a_machine_of_which_nothing_is_known_says_so(tmp_path: Path) -> None:
    put(tmp_path, "etc/machine-id", "uninitialized\n")
    identity = identify(None, root=tmp_path)
    assert (identity.serial_number, identity.serial_source) == (UNKNOWN, SerialSource.NOWHERE)


def test_the_firmware_version_is_that_of_the_installed_distribution(tmp_path: Path) -> None:
    identity = identify(None, root=tmp_path)
    assert identity.firmware_version[0].isdigit()
    assert identity.web_page_version == identity.firmware_version
