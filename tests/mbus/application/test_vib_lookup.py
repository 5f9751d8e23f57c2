import pytest

from mbus.application.vib_lookup import find_vib
from mbus.errors import EncodeError


@pytest.mark.parametrize(
    ("quantity", "unit", "exponent", "vib"),
    [
        ("energy", "Wh", 0, "03"),
        ("energy", "kWh", 0, "06"),
        ("energy", "MWh", 0, "fb01"),
        ("energy", "GJ", -2, "0f"),
        ("energy", "GJ", 0, "fb09"),
        ("volume", "m³", -2, "14"),
        ("volume", "m3", 0, "16"),
        ("volume", "l", 0, "13"),
        ("power", "kW", -1, "2d"),
        ("volume_flow", "l/h", 0, "3b"),
        ("flow_temperature", "°C", -2, "59"),
        ("on_time", "h", 0, "22"),
        ("operating_time", "d", 0, "27"),
        ("voltage", "V", -1, "fd48"),
        ("current", "mA", 0, "fd59"),
        ("fabrication_number", "", 0, "78"),
    ],
)
def test_a_quantity_in_a_unit_has_its_code(quantity: str, unit: str, exponent: int, vib: str) -> None:
    assert find_vib(quantity, unit, exponent).hex() == vib


@pytest.mark.parametrize(("quantity", "unit"), [("energy", "V"), ("nonsense", "Wh"), ("energy", "PWh")])
def test_what_no_code_says_is_refused(quantity: str, unit: str) -> None:
    with pytest.raises(EncodeError):
        find_vib(quantity, unit)
