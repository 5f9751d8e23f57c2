"""The serial number of this machine: what its maker wrote into it, else what its id gives."""

import hashlib
import hmac
import re
from enum import StrEnum
from pathlib import Path
from typing import Final

UNKNOWN: Final = "unknown"
DERIVED_LENGTH: Final = 10
"""Characters of a serial number that is made from the machine's id."""

_DMI: Final = ("sys/class/dmi/id/product_serial", "sys/class/dmi/id/board_serial")
_DEVICE_TREE: Final = ("proc/device-tree/serial-number", "sys/firmware/devicetree/base/serial-number")
_MACHINE_ID: Final = ("etc/machine-id", "var/lib/dbus/machine-id")
_APPLICATION: Final = b"mbusmaster serial number 1"
_LONGEST: Final = 64
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_JUNK: Final = frozenset(
    {
        "none",
        "null",
        "n/a",
        "na",
        "oem",
        "o.e.m.",
        "tbd",
        "unknown",
        "invalid",
        "default",
        "default string",
        "empty",
        "not specified",
        "not applicable",
        "not available",
        "no serial",
        "serial",
        "serial number",
        "system serial number",
        "board serial number",
        "base board serial number",
        "chassis serial number",
        "to be filled by o.e.m.",
        "to be filled by oem",
        "1234567",
        "12345678",
        "123456789",
        "1234567890",
        "0123456789",
    }
)


class SerialSource(StrEnum):
    """Where a serial number is from."""

    SETTING = "setting"
    DMI = "DMI"
    DEVICE_TREE = "device tree"
    MACHINE_ID = "machine id"
    NOWHERE = "nowhere"


def serial_number(
    setting: str | None, root: Path = Path("/"), *, as_anyone: bool = False
) -> tuple[str, SerialSource]:
    """Find the serial number and where it is from; `UNKNOWN` where nothing tells this machine from another.

    :param setting: the serial number of the settings; counts before all others.
    :param root: where the machine's folders are.
    :param as_anyone: root leaves out what only root may read, and so finds what the gateway finds.
    """
    if setting:
        return setting, SerialSource.SETTING
    dmi = () if as_anyone else _DMI
    for paths, source in ((dmi, SerialSource.DMI), (_DEVICE_TREE, SerialSource.DEVICE_TREE)):
        for path in paths:
            number = _meaningful(_text(root / path))
            if number:
                return number, source
    for path in _MACHINE_ID:
        machine = _text(root / path)
        if re.fullmatch("[0-9a-f]{32}", machine):
            return _derived(machine), SerialSource.MACHINE_ID
    return UNKNOWN, SerialSource.NOWHERE


def is_serial_number(text: str) -> bool:
    """Tell whether the settings may have such a number."""
    return bool(re.fullmatch(rf"[A-Za-z0-9._\-]{{1,{_LONGEST}}}", text))


def _text(path: Path) -> str:
    """Give what a small file says; nothing where it is not there or not for us (DMI serial numbers are root's)."""
    try:
        with path.open("rb") as file:
            return file.read(1024).decode("ascii", "replace").strip("\0 \t\r\n")
    except OSError:
        return ""


def _meaningful(text: str) -> str:
    """Give a serial number in the characters that the setting may have too; nothing for what makers leave unfilled."""
    if text.casefold() in _JUNK or len(set(text) - set(" .-_")) < 2:
        return ""
    return re.sub("[^A-Za-z0-9._-]+", "-", text)[:_LONGEST].strip("-")


def _derived(machine: str) -> str:
    """Give a number that is always the same for a machine and does not tell its id (machine-id(5))."""
    digest = hmac.new(bytes.fromhex(machine), _APPLICATION, hashlib.sha256).digest()
    value = int.from_bytes(digest, "big")
    characters = []
    for _ in range(DERIVED_LENGTH):
        value, position = divmod(value, len(_LETTERS))
        characters.append(_LETTERS[position])
    return "".join(characters)
