"""What a master sends, as frames (MBUS.md 2.2, 2.6, 3.2, 3.3, 4.3, 7.1).

Every function builds one frame and sends nothing. `fcb` is the frame count bit; a fresh agreement starts with 1, see
`mbus.link.station`. All raise `AddressError` where nobody could take or answer the frame at that address, and `EncodeError`
where a value does not fit its field.

Nothing on a wired bus authenticates a write: whoever offers these functions to people decides who may use them.
"""

from datetime import date, datetime
from typing import Final

from mbus.addressing import BROADCAST, LAST_PRIMARY, SELECTED, TEST, SecondaryAddress, is_primary
from mbus.application.encode_values import bcd, type_f, type_g, type_i, unsigned
from mbus.application.headed import headed_frame
from mbus.application.header import Header
from mbus.errors import AddressError, EncodeError
from mbus.link.fields import FCB, REQ_SKE, REQ_UD1, REQ_UD2, SND_NKE, SND_UD, SND_UD2, function_of
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.timing import BAUD_RATES

CI_RESET: Final = (0x50, None, 0x53)
"""Application reset or select: without header, with a short one (there is none), with a long one."""
CI_COMMAND: Final = (0x51, 0x5A, 0x5B)
"""Data records follow, by header as above."""
CI_REQUEST_APPLICATION: Final = (0x54, None, 0x55)
"""Request of the selected application, by header as above."""
CI_SELECT: Final = 0x52
"""Selection by secondary address."""
SELECTION_CI: Final = frozenset((CI_SELECT, 0x56))
"""The second one is out of use: last byte first."""
CI_SYNCHRONISE: Final = 0x5C
"""All do now what they were told to do later."""
CI_BAUD_300: Final = 0xB8
"""First of eight codes in a row, 300 to 38400."""

REPEATER: Final = 0xFB
"""Address 251: management of a repeater or gateway."""
GLOBAL_READOUT: Final = b"\x7f"
ALL_RECORDS: Final = bytes.fromhex("C83F7E")
"""Selection for readout of every VIF in every storage; support differs between makers."""


def snd_nke(address: int) -> ShortFrame:
    """Initialise the link: resets the frame count bit, at FD also the selection; FF is answered by nobody."""
    return ShortFrame(SND_NKE, _destination(address))


def req_ud2(address: int, *, fcb: bool) -> ShortFrame:
    """Ask for class 2 data, the ordinary reading."""
    return ShortFrame(_counted(REQ_UD2, fcb), _answering(address))


def req_ud1(address: int, *, fcb: bool) -> ShortFrame:
    """Ask for class 1 data, alarms: answered by E5 when there are none."""
    return ShortFrame(_counted(REQ_UD1, fcb), _answering(address))


def req_ske(address: int) -> ShortFrame:
    """Ask for the status of the link; hardly a meter knows it."""
    return ShortFrame(REQ_SKE, _answering(address))


def select(mask: SecondaryAddress, *, fabrication: str | None = None, fcb: bool = True) -> LongFrame:
    """Select every slave that the mask matches; all others drop out of the selection.

    :param fabrication: eight digits, ``F`` for any, of the enhanced selection (MBUS.md 3.3).
    """
    data = mask.to_bytes()
    if fabrication is not None:
        data += b"\x0c\x78" + SecondaryAddress(fabrication.upper()).to_bytes()[:4]
    return LongFrame(_counted(SND_UD, fcb), SELECTED, CI_SELECT, data)


def command(
    address: int,
    records: bytes,
    *,
    header: Header | None = None,
    answered: bool = False,
    fcb: bool = False,
) -> LongFrame:
    """Send data records to a slave; what they mean is the slave's affair.

    :param header: makes it CI 5A (short) or 5B (long) instead of 51.
    :param answered: ask for a response instead of an acknowledgement (SND_UD2 of the 2018 edition).
    """
    function = SND_UD2 if answered else SND_UD
    return headed_frame(CI_COMMAND, _counted(function, fcb), _destination(address), header, records)


def set_primary(address: int, new: int, *, fcb: bool = False) -> LongFrame:
    """Give a slave another primary address, 0 to 250; it acknowledges with the old one."""
    if not is_primary(new):
        raise AddressError(f"a meter can be given the addresses 0 to {LAST_PRIMARY}, not {new}")
    return command(address, b"\x01\x7a" + bytes((new,)), fcb=fcb)


def set_identification(address: int, identification: str, *, fcb: bool = False) -> LongFrame:
    """Give a slave another identification of eight decimal digits; the rest of its secondary address stays."""
    return command(address, b"\x0c\x79" + _digits(identification), fcb=fcb)


def set_secondary(address: int, secondary: SecondaryAddress, *, fcb: bool = False) -> LongFrame:
    """Give a slave another complete secondary address, without wildcards."""
    if not secondary.is_unique:
        raise AddressError(f"{secondary} has wildcards: it is a mask, not a meter's address")
    _digits(secondary.identification)
    return command(address, b"\x07\x79" + secondary.to_bytes(), fcb=fcb)


def set_clock(
    address: int, when: datetime, *, hundred_years: int = 0, seconds: bool = False, fcb: bool = False
) -> LongFrame:
    """Set date and time, in the meter's local time (a time zone is ignored).

    :param hundred_years: the century bits of type F; 0 is understood by most, some want 1 (MBUS.md 7.1).
    :param seconds: send type I of 6 bytes with seconds instead of type F of 4 bytes.
    """
    if seconds:
        return command(address, b"\x06\x6d" + type_i(when), fcb=fcb)
    return command(address, b"\x04\x6d" + type_f(when, hundred_years=hundred_years), fcb=fcb)


def set_date(address: int, day: date, *, fcb: bool = False) -> LongFrame:
    """Set the date (type G)."""
    return command(address, b"\x02\x6c" + type_g(day), fcb=fcb)


def set_baud(address: int, baud: int, *, fcb: bool = False) -> LongFrame:
    """Ask a slave to use another rate after its acknowledgement, which still comes at the old one (MBUS.md 1.6)."""
    if baud not in BAUD_RATES:
        raise EncodeError(
            f"{baud} baud cannot be set: the rates are {', '.join(str(rate) for rate in BAUD_RATES)}"
        )
    return LongFrame(_counted(SND_UD, fcb), _destination(address), CI_BAUD_300 + BAUD_RATES.index(baud))


def application_reset(
    address: int, subcode: int | None = None, *, header: Header | None = None, fcb: bool = False
) -> LongFrame:
    """Reset the application, or select one: high nibble of `subcode` the application, low nibble the telegram (4.3).

    :param header: a long one makes it CI 53 instead of 50.
    """
    data = b"" if subcode is None else unsigned(subcode, 1)
    return headed_frame(CI_RESET, _counted(SND_UD, fcb), _destination(address), header, data)


def request_application(
    address: int, subcode: int | None = None, *, header: Header | None = None, fcb: bool = False
) -> LongFrame:
    """Ask which application is selected (CI 54, with a long header 55); the next response says it (CI 66 to 68)."""
    data = b"" if subcode is None else unsigned(subcode, 1)
    return headed_frame(CI_REQUEST_APPLICATION, _counted(SND_UD, fcb), _destination(address), header, data)


def request_readout(address: int, *, fcb: bool = False) -> LongFrame:
    """Ask for all data in the next readout, of every storage, tariff and subunit (DIF 7F)."""
    return command(address, GLOBAL_READOUT, fcb=fcb)


def select_records(address: int, records: bytes = ALL_RECORDS, *, fcb: bool = False) -> LongFrame:
    """Choose the records of the next readouts: DIF 08 with DIFE and VIF for each (MBUS.md 7.1)."""
    if not records:
        raise EncodeError("no record to select; the selection is cleared by an application reset")
    return command(address, records, fcb=fcb)


def synchronise(address: int = BROADCAST, *, fcb: bool = False) -> LongFrame:
    """Let slaves carry out now what waits for it (CI 5C), mostly all of them at once."""
    return LongFrame(_counted(SND_UD, fcb), _destination(address), CI_SYNCHRONISE)


def is_selection(frame: ShortFrame | LongFrame) -> bool:
    """Tell whether a frame selects slaves by secondary address."""
    return (
        isinstance(frame, LongFrame)
        and frame.ci in SELECTION_CI
        and frame.address == SELECTED
        and function_of(frame.control) == SND_UD
    )


def is_initialisation(frame: ShortFrame | LongFrame) -> bool:
    """Tell whether a frame is SND_NKE."""
    return function_of(frame.control) == SND_NKE


def _counted(function: int, fcb: bool) -> int:
    return function | FCB if fcb else function


def _destination(address: int) -> int:
    if is_primary(address) or address in (REPEATER, SELECTED, TEST, BROADCAST):
        return address
    raise AddressError(f"no slave listens to address {address}")


def _answering(address: int) -> int:
    if address == BROADCAST:
        raise AddressError("nobody answers a request to the broadcast address 255")
    return _destination(address)


def _digits(identification: str) -> bytes:
    if len(identification) != 8 or not (identification.isascii() and identification.isdecimal()):
        raise EncodeError(f"an identification to be set has eight digits 0 to 9, not {identification!r}")
    return bcd(int(identification), 4)
