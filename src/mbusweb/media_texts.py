"""Names of media in the visitor's language, by the words of `mbus.tables.media`."""

from typing import Final

from mbusweb.locale import gettext as _
from mbusweb.texts import mark

MEDIA: Final = {
    "other": mark("Other"),
    "oil": mark("Oil"),
    "electricity": mark("Electricity"),
    "gas": mark("Gas"),
    "heat": mark("Heat"),
    "heat_outlet": mark("Heat (outlet)"),
    "heat_inlet": mark("Heat (inlet)"),
    "heat_cooling": mark("Heat and cooling"),
    "heat_cost_allocator": mark("Heat cost allocator"),
    "steam": mark("Steam"),
    "warm_water": mark("Warm water"),
    "hot_water": mark("Hot water"),
    "cold_water": mark("Cold water"),
    "water": mark("Water"),
    "waste_water": mark("Waste water"),
    "irrigation_water": mark("Irrigation water"),
    "dual_register_water": mark("Water (two registers)"),
    "water_data_logger": mark("Water data logger"),
    "gas_data_logger": mark("Gas data logger"),
    "gas_converter": mark("Gas converter"),
    "calorific_value": mark("Calorific value"),
    "compressed_air": mark("Compressed air"),
    "cooling_outlet": mark("Cooling (outlet)"),
    "cooling_inlet": mark("Cooling (inlet)"),
    "bus_system": mark("Bus or system"),
    "unknown": mark("Unknown"),
    "reserved": mark("Reserved"),
    "pressure": mark("Pressure"),
    "ad_converter": mark("A/D converter"),
    "smoke_alarm": mark("Smoke alarm"),
    "room_sensor": mark("Room sensor"),
    "gas_detector": mark("Gas detector"),
    "sensor": mark("Sensor"),
    "breaker": mark("Breaker"),
    "valve": mark("Valve"),
    "customer_unit": mark("Customer unit"),
    "garbage": mark("Garbage"),
    "carbon_dioxide": mark("Carbon dioxide"),
    "service_tool": mark("Service tool"),
    "gateway": mark("Gateway"),
    "unidirectional_repeater": mark("Repeater (one way)"),
    "bidirectional_repeater": mark("Repeater (both ways)"),
    "radio_converter_system_side": mark("Radio converter (system side)"),
    "radio_converter_meter_side": mark("Radio converter (meter side)"),
    "bus_adapter": mark("Bus adapter"),
}


def medium_text(medium: str | None) -> str:
    """Give the name of a medium by our word for it."""
    if not medium:
        return ""
    return _(MEDIA[medium]) if medium in MEDIA else medium
