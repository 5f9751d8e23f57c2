"""A heat meter's telegrams, for tests of the head-end."""

from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.application.header import Header
from mbus.application.security import encrypt_mode_5
from mbus.link.frames import LongFrame
from mbusheadend.decoding.registers import Register
from mbusheadend.store import Store

METER: Final = SecondaryAddress("12345678", 0x2C2D, 0x19, 0x04)
OTHER: Final = SecondaryAddress("12345679", 0x2C2D, 0x19, 0x04)
ADDRESS: Final = str(METER)
KEY: Final = bytes(range(16))
ENERGY: Final = Register("instantaneous", 0, 0, 0, "energy", "Wh", ())
"""In telegrams of these meters in kWh."""


def telegram(
    meter: SecondaryAddress = METER, energy: int = 1000, access: int = 1, sender: int = 0xFD
) -> bytes:
    """Give a telegram with the energy in kWh as its one record."""
    header = Header(meter, access, 0, 0).to_bytes()
    return LongFrame(0x08, sender, 0x72, header + _records(energy)).to_bytes()


def encrypted(energy: int, access: int) -> bytes:
    """Give the same in mode 5 under `KEY`."""
    word, data = encrypt_mode_5(Header(METER, access, 0, 0), _records(energy), KEY)
    return LongFrame(0x08, 0xFD, 0x72, Header(METER, access, 0, word).to_bytes() + data).to_bytes()


async def number_of(store: Store, identity: str = ADDRESS) -> int:
    """Give the number of a meter."""
    return next(meter.id for meter in await store.meters() if meter.identity == identity)


def _records(energy: int) -> bytes:
    return b"\x04\x06" + energy.to_bytes(4, "little")
