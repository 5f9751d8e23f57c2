"""VIF extension table FD and its second level FD FD (MBUS.md 5.8)."""

from typing import Final

from mbus.tables.rows import Rule, VifRow, expand

_A: Final = "5.8 A"
_B: Final = "5.8 B"
_C: Final = "5.8 C"
_D: Final = "5.8 D"
N: Final = Rule.NUMBER

SECOND_LEVEL: Final = 0x7D
"""The next byte is a code of `SECOND_ROWS`."""

ROWS: Final = (
    VifRow(0x7C, 0x00, "credit", "currency", -3, N, _A),
    VifRow(0x7C, 0x04, "debit", "currency", -3, N, _A),
    VifRow(0x7F, 0x08, "access_number", "", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, 0x09, "medium", "", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, 0x0A, "manufacturer", "", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, 0x0B, "parameter_set_identification", "", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, 0x0C, "model_version", "", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, 0x0D, "hardware_version", "", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, 0x0E, "firmware_version", "", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, 0x0F, "software_version", "", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, 0x10, "customer_location", "", 0, N, _A),
    VifRow(0x7F, 0x11, "customer", "", 0, N, _A),
    VifRow(0x7F, 0x12, "access_code_user", "", 0, Rule.SECRET, _A),
    VifRow(0x7F, 0x13, "access_code_operator", "", 0, Rule.SECRET, _A),
    VifRow(0x7F, 0x14, "access_code_system_operator", "", 0, Rule.SECRET, _A),
    VifRow(0x7F, 0x15, "access_code_developer", "", 0, Rule.SECRET, _A),
    VifRow(0x7F, 0x16, "password", "", 0, Rule.SECRET, _A),
    VifRow(0x7F, 0x17, "error_flags", "", 0, Rule.BITS, _A),
    VifRow(0x7F, 0x18, "error_mask", "", 0, Rule.BITS, _A),
    VifRow(0x7F, 0x19, "security_key", "", 0, Rule.SECRET, _B),
    VifRow(0x7F, 0x1A, "digital_output", "", 0, Rule.BITS, _A),
    VifRow(0x7F, 0x1B, "digital_input", "", 0, Rule.BITS, _A),
    VifRow(0x7F, 0x1C, "baud_rate", "Bd", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, 0x1D, "response_delay", "bit times", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, 0x1E, "retry", "", 0, Rule.UNSIGNED, _A),
    VifRow(0x7F, 0x1F, "remote_control", "", 0, N, _B),
    VifRow(0x7F, 0x20, "first_storage_number", "", 0, N, _A),
    VifRow(0x7F, 0x21, "last_storage_number", "", 0, N, _A),
    VifRow(0x7F, 0x22, "storage_block_size", "", 0, N, _A),
    VifRow(0x7F, 0x23, "tariff_subunit_descriptor", "", 0, N, _B),
    VifRow(0x7F, 0x24, "storage_interval", "s", 0, N, _A),
    VifRow(0x7F, 0x25, "storage_interval", "min", 0, N, _A),
    VifRow(0x7F, 0x26, "storage_interval", "h", 0, N, _A),
    VifRow(0x7F, 0x27, "storage_interval", "d", 0, N, _A),
    VifRow(0x7F, 0x28, "storage_interval", "month", 0, N, _A),
    VifRow(0x7F, 0x29, "storage_interval", "year", 0, N, _A),
    VifRow(0x7F, 0x2A, "operator_data", "", 0, N, _B),
    VifRow(0x7F, 0x2B, "time_point", "s", 0, N, _B),
    VifRow(0x7F, 0x2C, "duration_since_readout", "s", 0, N, _A),
    VifRow(0x7F, 0x2D, "duration_since_readout", "min", 0, N, _A),
    VifRow(0x7F, 0x2E, "duration_since_readout", "h", 0, N, _A),
    VifRow(0x7F, 0x2F, "duration_since_readout", "d", 0, N, _A),
    VifRow(0x7F, 0x30, "tariff_start", "", 0, Rule.ANY_DATE, _A),
    VifRow(0x7F, 0x31, "tariff_duration", "min", 0, N, _A),
    VifRow(0x7F, 0x32, "tariff_duration", "h", 0, N, _A),
    VifRow(0x7F, 0x33, "tariff_duration", "d", 0, N, _A),
    VifRow(0x7F, 0x34, "tariff_period", "s", 0, N, _A),
    VifRow(0x7F, 0x35, "tariff_period", "min", 0, N, _A),
    VifRow(0x7F, 0x36, "tariff_period", "h", 0, N, _A),
    VifRow(0x7F, 0x37, "tariff_period", "d", 0, N, _A),
    VifRow(0x7F, 0x38, "tariff_period", "month", 0, N, _A),
    VifRow(0x7F, 0x39, "tariff_period", "year", 0, N, _A),
    VifRow(0x7F, 0x3A, "dimensionless", "", 0, N, _A),
    VifRow(0x7F, 0x3B, "wireless_container", "", 0, Rule.RAW, _B),
    VifRow(0x7F, 0x3C, "transmission_period", "s", 0, N, _B),
    VifRow(0x7F, 0x3D, "transmission_period", "min", 0, N, _B),
    VifRow(0x7F, 0x3E, "transmission_period", "h", 0, N, _B),
    VifRow(0x7F, 0x3F, "transmission_period", "d", 0, N, _B),
    VifRow(0x70, 0x40, "voltage", "V", -9, N, _A),
    VifRow(0x70, 0x50, "current", "A", -12, N, _A),
    VifRow(0x7F, 0x60, "reset_counter", "", 0, N, _A),
    VifRow(0x7F, 0x61, "cumulation_counter", "", 0, N, _A),
    VifRow(0x7F, 0x62, "control_signal", "", 0, N, _A),
    VifRow(0x7F, 0x63, "day_of_week", "", 0, N, _A),
    VifRow(0x7F, 0x64, "week_number", "", 0, N, _A),
    VifRow(0x7F, 0x65, "time_of_day_change", "", 0, N, _A),
    VifRow(0x7F, 0x66, "parameter_activation_state", "", 0, N, _A),
    VifRow(0x7F, 0x67, "supplier_information", "", 0, N, _A),
    VifRow(0x7F, 0x68, "duration_since_cumulation", "h", 0, N, _A),
    VifRow(0x7F, 0x69, "duration_since_cumulation", "d", 0, N, _A),
    VifRow(0x7F, 0x6A, "duration_since_cumulation", "month", 0, N, _A),
    VifRow(0x7F, 0x6B, "duration_since_cumulation", "year", 0, N, _A),
    VifRow(0x7F, 0x6C, "battery_operating_time", "h", 0, N, _A),
    VifRow(0x7F, 0x6D, "battery_operating_time", "d", 0, N, _A),
    VifRow(0x7F, 0x6E, "battery_operating_time", "month", 0, N, _A),
    VifRow(0x7F, 0x6F, "battery_operating_time", "year", 0, N, _A),
    VifRow(0x7F, 0x70, "battery_change", "", 0, Rule.ANY_DATE, _A),
    VifRow(0x7F, 0x71, "rf_level", "dBm", 0, N, _D),
    VifRow(0x7F, 0x72, "daylight_saving", "", 0, Rule.DAYLIGHT, _B),
    VifRow(0x7F, 0x73, "listening_window", "", 0, Rule.RAW, _B),
    VifRow(0x7F, 0x74, "battery_lifetime", "d", 0, N, _B),
    VifRow(0x7F, 0x75, "stop_counter", "", 0, N, _B),
    VifRow(0x7F, 0x76, "manufacturer_container", "", 0, Rule.RAW, _B),
    VifRow(0x7F, 0x7F, "manufacturer_specific", "", 0, N, _B),
)

SECOND_ROWS: Final = (
    VifRow(0x7F, 0x00, "selected_application", "", 0, N, _B),
    VifRow(0x7F, 0x02, "battery_lifetime", "month", 0, N, _B),
    VifRow(0x7F, 0x03, "battery_lifetime", "year", 0, N, _B),
    VifRow(0x7F, 0x3E, "relative_moisture", "%", 0, N, _C),
)

CODES: Final = expand(ROWS)
SECOND_CODES: Final = expand(SECOND_ROWS)
