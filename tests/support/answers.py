"""Frames that scripted meters answer with, as hex text."""

from mbus.addressing import SecondaryAddress
from mbus.application.encode import Item, application_error, payload, response
from mbus.application.encode_record import RecordSpec
from mbus.application.header import Header

METER = SecondaryAddress.from_text("123456782D2C3504")
STRANGER = SecondaryAddress.from_text("876543212D2C3504")
ENERGY = RecordSpec(b"\x06", 1234)

ACK = "E5"
SILENCE = ""
NKE_5 = "10 40 05 45 16"
REQ_5_FCB1 = "10 7B 05 80 16"
REQ_5_FCB0 = "10 5B 05 60 16"
NKE_FD = "10 40 FD 3D 16"
REQ_FD_FCB1 = "10 7B FD 78 16"
REQ_FD_FCB0 = "10 5B FD 58 16"
SELECT = "68 0B 0B 68 53 FD 52 78 56 34 12 2D 2C 35 04 48 16"


def answer(
    *records: Item,
    address: int = 5,
    who: SecondaryAddress | None = METER,
    access: int = 1,
    more: bool = False,
) -> str:
    """Give a response with long header, with a short one where `who` is None."""
    data = payload(records or (ENERGY,), more_follows=more)
    return response(address, Header(who, access, 0, 0), data).to_bytes().hex()


def refusal(code: int, address: int = 5) -> str:
    """Give an application error."""
    return application_error(address, code).to_bytes().hex()
