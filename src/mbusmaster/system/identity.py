"""Who this master is: its serial number and the versions of its software."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mbusmaster.serial_number import DERIVED_LENGTH, UNKNOWN, SerialSource, serial_number

__all__ = ["DERIVED_LENGTH", "UNKNOWN", "Identity", "SerialSource", "firmware_version", "identify"]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a master says of itself.

    :ivar serial_number: "unknown" where nothing on this machine tells one from another.
    :ivar firmware_version: of the installed distribution.
    :ivar web_page_version: of the pages, which come in the same distribution.
    """

    serial_number: str
    serial_source: SerialSource
    firmware_version: str
    web_page_version: str


def identify(setting: str | None, *, root: Path = Path("/")) -> Identity:
    """Find out who this master is.

    :param setting: the serial number of the settings; counts before all others.
    :param root: where the machine's folders are.
    """
    number, source = serial_number(setting, root)
    firmware = firmware_version()
    return Identity(number, source, firmware, firmware)


def firmware_version() -> str:
    """Give the version of the installed distribution; "unknown" where this runs without being installed."""
    try:
        return version("mbusmaster")
    except PackageNotFoundError:
        return UNKNOWN
