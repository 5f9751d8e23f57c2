"""Device types (media) as words (MBUS.md chapter 6)."""

from typing import Final

ROWS: Final = (
    (0x00, "other"),
    (0x01, "oil"),
    (0x02, "electricity"),
    (0x03, "gas"),
    (0x04, "heat_outlet"),
    (0x05, "steam"),
    (0x06, "warm_water"),
    (0x07, "water"),
    (0x08, "heat_cost_allocator"),
    (0x09, "compressed_air"),
    (0x0A, "cooling_outlet"),
    (0x0B, "cooling_inlet"),
    (0x0C, "heat_inlet"),
    (0x0D, "heat_cooling"),
    (0x0E, "bus_system"),
    (0x0F, "unknown"),
    (0x10, "irrigation_water"),
    (0x11, "water_data_logger"),
    (0x12, "gas_data_logger"),
    (0x13, "gas_converter"),
    (0x14, "calorific_value"),
    (0x15, "hot_water"),
    (0x16, "cold_water"),
    (0x17, "dual_register_water"),
    (0x18, "pressure"),
    (0x19, "ad_converter"),
    (0x1A, "smoke_alarm"),
    (0x1B, "room_sensor"),
    (0x1C, "gas_detector"),
    (0x1D, "sensor"),
    (0x1E, "sensor"),
    (0x1F, "sensor"),
    (0x20, "breaker"),
    (0x21, "valve"),
    (0x25, "customer_unit"),
    (0x28, "waste_water"),
    (0x29, "garbage"),
    (0x2A, "carbon_dioxide"),
    (0x30, "service_tool"),
    (0x31, "gateway"),
    (0x32, "unidirectional_repeater"),
    (0x33, "bidirectional_repeater"),
    (0x36, "radio_converter_system_side"),
    (0x37, "radio_converter_meter_side"),
    (0x38, "bus_adapter"),
)
"""Code and word; every other code is reserved."""

MEDIA: Final = dict(ROWS)


def medium_name(code: int) -> str:
    """Give the word for a device type code, ``reserved`` where none is assigned."""
    return MEDIA.get(code, "reserved")
