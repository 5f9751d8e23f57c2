"""From a quantity and a unit to the VIB that says so: the tables of `mbus.tables` read backwards.

Where several codes say the same, the primary table comes before the extensions FB and FD.
"""

from functools import cache
from itertools import chain
from typing import Final

from mbus.application.vib import resolve_vib
from mbus.errors import EncodeError
from mbus.tables import vif, vif_fb, vif_fd
from mbus.tables.units import UNITS

_EXTENSION_FB: Final = 0xFB
_EXTENSION_FD: Final = 0xFD
_PREFIXES: Final = {"m": -3, "k": 3, "M": 6, "G": 9}
_OTHER_SPELLINGS: Final = {"m3": ("m³", 0), "m3/h": ("m³/h", 0), "l/h": ("m³/h", -3)}

_Meaning = tuple[str, str, int, int]
"""Quantity, base unit, factor, power of ten."""


def find_vib(quantity: str, unit: str, exponent: int = 0) -> bytes:
    """Give the VIB for a quantity whose number counts ``10^exponent unit``.

    ``find_vib("energy", "kWh")`` is 06, ``find_vib("volume", "m³", -2)`` is 14. Units are those of `mbus.tables.units` with the
    prefixes m, k, M and G. Raise `EncodeError` when no code says that.
    """
    base, factor, power = _base_of(unit)
    vib = _vibs().get((quantity, base, factor, power + exponent))
    if vib is None:
        raise EncodeError(f"no VIF says {quantity} in 10^{exponent} {unit or 'without unit'}")
    return vib


def _base_of(unit: str) -> tuple[str, int, int]:
    unit, power = _OTHER_SPELLINGS.get(unit, (unit, 0))
    if unit not in UNITS and unit[:1] in _PREFIXES:
        power += _PREFIXES[unit[0]]
        unit = unit[1:]
    row = UNITS.get(unit)
    if row is None:
        raise EncodeError(f"{unit!r} is no unit of the tables")
    return row.base, row.factor, power + row.exponent


@cache
def _vibs() -> dict[_Meaning, bytes]:
    found: dict[_Meaning, bytes] = {}
    for raw in chain(
        (bytes((code,)) for code in vif.CODES),
        (bytes((_EXTENSION_FB, code)) for code in vif_fb.CODES),
        (bytes((_EXTENSION_FD, code)) for code in vif_fd.CODES),
    ):
        vib = resolve_vib(raw)
        if not vib.offset and vib.error is None:
            found.setdefault((vib.quantity, vib.unit, vib.factor, vib.exponent), raw)
    return found
