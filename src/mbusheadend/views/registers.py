"""Which registers of a meter are shown where nobody chose, and those that somebody did."""

from collections.abc import Iterable, Sequence
from typing import Final

from mbusheadend.decoding.registers import Register
from mbusheadend.export import register_name
from mbusheadend.judging.consumption import cumulates

NO_NUMBERS: Final = frozenset(
    (
        *(
            "date",
            "date_time",
            "fabrication_number",
            "firmware_version",
            "hardware_version",
            "identification",
        ),
        *("software_version", "model_version", "customer_location", "customer", "manufacturer", "medium"),
        *("parameter_set_identification", "manufacturer_specific", "bus_address", "password", "error_flags"),
        *(
            "digital_input",
            "digital_output",
            "unknown",
            "averaging_duration",
            "battery_lifetime",
            "on_time",
            "operating_time",
            "access_number",
        ),
    )
)
"""Quantities that are no course over time that anybody would look at first."""
MOST: Final = 6


def shown_first(registers: Sequence[Register], most: int = MOST) -> tuple[Register, ...]:
    """Give the registers that say most: what counts up first, then what is measured now."""
    counters = [one for one in registers if cumulates(one)]
    measured = [
        one
        for one in registers
        if one not in counters
        and one.quantity not in NO_NUMBERS
        and one.function == "instantaneous"
        and not (one.storage or one.tariff or one.subunit or one.modifiers or one.occurrence)
    ]
    # Their unit is a text of the meter: what is known better comes first.
    momentary = sorted(measured, key=lambda one: one.quantity == "plain_text")
    chosen = [*counters[:1], *momentary[:1], *counters[1:], *momentary[1:]]
    return tuple(chosen[:most]) or tuple(registers[:1])


def named(registers: Iterable[Register], names: Sequence[str]) -> tuple[Register, ...]:
    """Give those of these names (`mbusheadend.export.register_name`), in the order of the names."""
    known = {register_name(register): register for register in registers}
    return tuple(known[name] for name in dict.fromkeys(names) if name in known)
