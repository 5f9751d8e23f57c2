"""Registers in words, in the visitor's language: what is measured, where it is stored, of which tariff."""

from typing import Final

from mbusheadend.decoding.registers import Register
from mbusheadend.views.units import shown_unit
from mbusweb.locale import gettext as _
from mbusweb.texts import mark

QUANTITIES: Final = {
    "access_number": mark("Access number"),
    "actuality_duration": mark("Time since the reading"),
    "apparent_energy": mark("Apparent energy"),
    "apparent_power": mark("Apparent power"),
    "averaging_duration": mark("Averaging time"),
    "battery_lifetime": mark("Battery life left"),
    "battery_operating_time": mark("Battery in use"),
    "coefficient_of_performance": mark("Coefficient of performance"),
    "cumulation_counter": mark("Counter"),
    "current": mark("Current"),
    "customer": mark("Customer"),
    "customer_location": mark("Place of the customer"),
    "date": mark("Date"),
    "date_time": mark("Meter's time"),
    "digital_input": mark("Digital input"),
    "digital_output": mark("Digital output"),
    "dimensionless": mark("Number without unit"),
    "energy": mark("Energy"),
    "error_flags": mark("Error flags"),
    "external_temperature": mark("Outside temperature"),
    "fabrication_number": mark("Fabrication number"),
    "firmware_version": mark("Firmware version"),
    "flow_temperature": mark("Flow temperature"),
    "frequency": mark("Frequency"),
    "hardware_version": mark("Hardware version"),
    "hca_units": mark("Heat cost units"),
    "identification": mark("Identification"),
    "manufacturer_specific": mark("Manufacturer's own value"),
    "mass": mark("Mass"),
    "mass_flow": mark("Mass flow"),
    "model_version": mark("Model version"),
    "on_time": mark("On time"),
    "operating_time": mark("Operating time"),
    "phase_voltage_current": mark("Angle of voltage and current"),
    "phase_voltage_voltage": mark("Angle of two voltages"),
    "plain_text": mark("Value in the meter's own unit"),
    "power": mark("Power"),
    "pressure": mark("Pressure"),
    "reactive_energy": mark("Reactive energy"),
    "reactive_power": mark("Reactive power"),
    "relative_humidity": mark("Relative humidity"),
    "relative_moisture": mark("Relative moisture"),
    "reset_counter": mark("Counter of resets"),
    "return_temperature": mark("Return temperature"),
    "rf_level": mark("Radio level"),
    "software_version": mark("Software version"),
    "storage_interval": mark("Storage interval"),
    "tariff_duration": mark("Duration of the tariff"),
    "tariff_period": mark("Period of the tariff"),
    "tariff_start": mark("Beginning of the tariff"),
    "temperature": mark("Temperature"),
    "temperature_difference": mark("Temperature difference"),
    "temperature_limit": mark("Temperature limit"),
    "unknown": mark("Unknown value"),
    "voltage": mark("Voltage"),
    "volume": mark("Volume"),
    "volume_flow": mark("Volume flow"),
    "week_number": mark("Number of the week"),
}
"""Words of `mbus.tables`; a quantity that is not here is shown by its word there."""
MODIFIERS: Final = {
    "add": mark("added"),
    "average": mark("average"),
    "backward": mark("backward"),
    "forward": mark("forward"),
    "base_conditions": mark("at base conditions"),
    "corrected": mark("corrected"),
    "uncorrected": mark("uncorrected"),
    "absolute_accumulation": mark("amounts without sign"),
    "import_minus_export": mark("import less export"),
    "leakage": mark("leakage"),
    "overflow": mark("overflow"),
}


def quantity_text(register: Register) -> str:
    """Say what is measured."""
    words = QUANTITIES.get(register.quantity)
    return _(words) if words else register.quantity.replace("_", " ").capitalize()


def register_text(register: Register) -> str:
    """Name a register so that people tell those of one meter apart, without its unit."""
    parts = [quantity_text(register)]
    match register.function:
        case "maximum":
            parts.append(_("maximum"))
        case "minimum":
            parts.append(_("minimum"))
        case "error":
            parts.append(_("during an error"))
    parts += [_(MODIFIERS[one]) if one in MODIFIERS else one.replace("_", " ") for one in register.modifiers]
    if register.tariff:
        parts.append(_("tariff %(number)s") % {"number": register.tariff})
    if register.subunit:
        parts.append(_("unit %(number)s of the meter") % {"number": register.subunit})
    if register.storage:
        parts.append(_("stored value %(number)s") % {"number": register.storage})
    if register.occurrence:
        parts.append(_("no. %(number)s") % {"number": register.occurrence + 1})
    return ", ".join(parts)


def register_title(register: Register) -> str:
    """Name a register with the unit in which it is shown."""
    unit = shown_unit(register.unit).symbol
    return f"{register_text(register)} [{unit}]" if unit else register_text(register)
