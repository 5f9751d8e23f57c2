"""What the scan form offers and what it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mbus.addressing import LAST_PRIMARY, SecondaryAddress
from mbus.errors import AddressError
from mbusmaster.meterlist import MeterRefusedError, Mode, Scanner
from mbusmaster.meterlist.scanner import RATES
from mbusmaster.web.phrases import phrase
from mbusweb.locale import gettext as _

_LONGEST_MASK: Final = 40


@dataclass(frozen=True, slots=True)
class ScanForm:
    """The form as it is shown.

    :ivar values: by name of the field.
    :ivar problems: by name of the field, in the visitor's language.
    :ivar busy: buses on which something runs.
    """

    buses: tuple[str, ...]
    busy: tuple[str, ...]
    rates: tuple[int, ...]
    values: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_more(self) -> bool:
        """Whether something under "More" is not as usual."""
        more = ("first", "last", "mask", "thorough")
        return any(name in self.problems or self.values[name] != USUAL[name] for name in more)

    @property
    def rate_options(self) -> list[tuple[str, str]]:
        """Baud rates to choose from."""
        return [(str(rate), str(rate)) for rate in self.rates]

    @property
    def bus_options(self) -> list[tuple[str, str]]:
        """Buses to choose from: those on which nothing runs."""
        return [(bus, bus) for bus in self.buses if bus not in self.busy]

    @property
    def is_open(self) -> bool:
        """Whether a scan can begin now."""
        return len(self.busy) < len(self.buses)


USUAL: Final = {
    "bus": "",
    "baud": "",
    "mode": Mode.SECONDARY.value,
    "first": "0",
    "last": str(LAST_PRIMARY),
    "mask": "",
    "thorough": "",
}


def scan_form(
    scanner: Scanner, given: Mapping[str, str] | None = None, problems: Mapping[str, str] | None = None
) -> ScanForm:
    """Fill the form as it was sent, or as the last scan was, or as usual."""
    buses = scanner.buses
    busy = tuple(bus for bus in buses if (job := scanner.job(bus)) is not None and job.is_running)
    allowed = {rate for bus in buses for rate in scanner.rates(bus)}
    values = {**USUAL, **{name: text for name, text in (given or {}).items() if name in USUAL}}
    return ScanForm(buses, busy, tuple(rate for rate in RATES if rate in allowed), values, problems or {})


def scan_options(scanner: Scanner, given: Mapping[str, str]) -> dict[str, Any]:
    """Give what `Scanner.start` takes; raise `MeterRefusedError` with the name of the field and a translated text."""
    mode = given.get("mode", "")
    if mode not in (Mode.PRIMARY, Mode.SECONDARY):
        raise MeterRefusedError("mode", _("Choose primary or secondary addresses."))
    options: dict[str, Any] = {
        "bus": given.get("bus", "") or next(iter(scanner.buses), ""),
        "baud": _number(given, "baud"),
        "mode": Mode(mode),
        "thorough": given.get("thorough") == "true",
    }
    if options["mode"] is Mode.PRIMARY:
        options |= {"first": _number(given, "first"), "last": _number(given, "last", LAST_PRIMARY)}
    elif mask := given.get("mask", "").strip():
        options["mask"] = _mask(mask)
    return options


def _number(given: Mapping[str, str], name: str, otherwise: int = 0) -> int:
    text = given.get(name, "").strip() or str(otherwise)
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise MeterRefusedError(name, _("This is a number, written in digits."))
    return int(text)


def _mask(text: str) -> SecondaryAddress:
    try:
        return SecondaryAddress.from_text(text[:_LONGEST_MASK])
    except AddressError as error:
        raise MeterRefusedError("mask", phrase(str(error))) from None
