"""The access server's side of RFC 2217: what a client sets on a serial port over telnet. Bytes in, events and bytes out, no I/O.

The port is the bus: 8 data bits and 1 stop bit, the rates of M-Bus, no flow control. What cannot be set stays as it is, and the
answer says what is in force (RFC 2217, section 3).
Parity is none or even, as the client likes: the client's is between the client and its software; on the bus it is always even.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mbusmaster.channels.telnet import (
    BINARY,
    SUPPRESS_GO_AHEAD,
    Data,
    Negotiate,
    Options,
    Subnegotiation,
    TelnetDecoder,
    subnegotiation,
)

COM_PORT: Final = 44
SIGNATURE, SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE, SET_CONTROL = range(6)
NOTIFY_LINESTATE, NOTIFY_MODEMSTATE, SUSPEND, RESUME, SET_LINESTATE_MASK, SET_MODEMSTATE_MASK, PURGE = range(
    6, 13
)
ANSWER: Final = 100
"""The server's codes are the client's and this."""

NONE, ODD, EVEN, MARK, SPACE = range(1, 6)
BAUD_BYTES: Final = 4
DATA_BITS: Final = 8
STOP_BITS: Final = 1
NO_FLOW_CONTROL_OUT: Final = 1
NO_BREAK: Final = 6
DTR_ON, DTR_OFF = 8, 9
RTS_ON, RTS_OFF = 11, 12
NO_FLOW_CONTROL_IN: Final = 14
CTS_CHANGED, DSR_CHANGED, CARRIER_CHANGED = 0x01, 0x02, 0x08
CTS, DSR, CARRIER = 0x10, 0x20, 0x80
"""Of the modem's state: always clear to send and ready; the carrier is the level converter."""
ALL_SENT: Final = 0x60
"""Of the line's state: the transmit registers are empty."""
PURGE_ANSWERS: Final = (1, 3)

_OPTIONS: Final = frozenset((BINARY, SUPPRESS_GO_AHEAD, COM_PORT))


@dataclass(frozen=True, slots=True)
class Rate:
    """The client has set another rate."""

    baud: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The client wants something that this port cannot do; it was told what is in force."""

    what: str


@dataclass(frozen=True, slots=True)
class PurgeAnswers:
    """The client wants nothing of what was answered so far."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Whether the client takes data now."""

    goes: bool


ComPortEvent = Data | Rate | Refused | PurgeAnswers | Flow


class ComPort:
    """One connection.

    :param baud: in force until the client sets another.
    :param rates: that it may set.
    :param has_carrier: tells whether there is a way to the bus now.
    :ivar overhead: bytes so far that were no data.
    """

    def __init__(
        self, signature: str, *, baud: int, rates: frozenset[int], has_carrier: Callable[[], bool]
    ) -> None:
        self.baud = baud
        self.overhead = 0
        self._signature = signature.encode("ascii", "replace")
        self._rates = rates
        self._has_carrier = has_carrier
        self._decoder = TelnetDecoder()
        self._options = Options(_OPTIONS, _OPTIONS)
        self._speaks_it = False
        self._parity = EVEN
        self._dtr = DTR_ON
        self._rts = RTS_ON
        self._modem_mask = 0xFF
        self._modem_told: int | None = None
        self._out = bytearray()
        self._events: list[ComPortEvent] = []

    def begin(self) -> bytes:
        """Give what the server says first."""
        return self._options.ask()

    def feed(self, data: bytes) -> tuple[list[ComPortEvent], bytes]:
        """Take bytes of the client; give what they mean, and what to send back."""
        self._events, self._out = [], bytearray()
        self.overhead += len(data)
        for event in self._decoder.feed(data):
            match event:
                case Data(data=content):
                    self.overhead -= len(content)
                    self._events.append(event)
                case Negotiate():
                    self._out += self._options.negotiate(event)
                case Subnegotiation(data=content):
                    if content[0] == COM_PORT and len(content) > 1:
                        # pyserial does so without WILL when it has heard our DO first.
                        self._speaks_it = True
                        self._command(content[1], content[2:])
        self._tell_modem_state()
        return self._events, bytes(self._out)

    def _command(self, code: int, value: bytes) -> None:
        match code:
            case 0 if not value:
                self._answer(code, self._signature)
            case 1 if len(value) == BAUD_BYTES:
                self._set_baud(int.from_bytes(value))
            case 2 if len(value) == 1:
                self._set_fixed(code, value[0], DATA_BITS, "data bits")
            case 3 if len(value) == 1:
                self._set_parity(value[0])
            case 4 if len(value) == 1:
                self._set_fixed(code, value[0], STOP_BITS, "stop bits")
            case 5 if len(value) == 1:
                self._control(value[0])
            case 7:
                self._modem_told = None
            case 8 | 9:
                self._events.append(Flow(code == RESUME))
            case 10 if len(value) == 1:
                self._answer(code, value)
                if value[0] & ALL_SENT:
                    self._answer(NOTIFY_LINESTATE, bytes((value[0] & ALL_SENT,)))
            case 11 if len(value) == 1:
                self._modem_mask = value[0]
                self._answer(code, value)
            case 12 if len(value) == 1:
                if value[0] in PURGE_ANSWERS:
                    self._events.append(PurgeAnswers())
                self._answer(code, value)

    def _set_baud(self, baud: int) -> None:
        if baud in self._rates:
            self.baud = baud
            self._events.append(Rate(baud))
        elif baud:
            self._events.append(Refused(f"{baud} baud, it stays at {self.baud}"))
        self._answer(SET_BAUDRATE, self.baud.to_bytes(BAUD_BYTES))

    def _set_parity(self, parity: int) -> None:
        if parity in (NONE, EVEN):
            self._parity = parity
        elif parity:
            self._events.append(Refused(f"parity {parity}, it stays at {self._parity}"))
        self._answer(SET_PARITY, bytes((self._parity,)))

    def _set_fixed(self, code: int, value: int, fixed: int, what: str) -> None:
        if value not in (0, fixed):
            self._events.append(Refused(f"{value} {what}, it stays at {fixed}"))
        self._answer(code, bytes((fixed,)))

    def _control(self, value: int) -> None:
        match value:
            case 0 | 1 | 2 | 3 | 17 | 19:
                in_force = NO_FLOW_CONTROL_OUT
            case 4 | 5 | 6:
                in_force = NO_BREAK
            case 7 | 8 | 9:
                self._dtr = in_force = value if value != 7 else self._dtr
            case 10 | 11 | 12:
                self._rts = in_force = value if value != 10 else self._rts
            case 13 | 14 | 15 | 16 | 18:
                in_force = NO_FLOW_CONTROL_IN
            case _:
                return
        self._answer(SET_CONTROL, bytes((in_force,)))

    def _tell_modem_state(self) -> None:
        if not self._speaks_it and not self._options.peer_performs(COM_PORT):
            return
        state = CTS | DSR | (CARRIER if self._has_carrier() else 0)
        if state == self._modem_told:
            return
        changed = CTS_CHANGED | DSR_CHANGED | CARRIER_CHANGED
        if self._modem_told is not None:
            changed = CARRIER_CHANGED
        self._modem_told = state
        if told := (state | changed) & self._modem_mask:
            self._answer(NOTIFY_MODEMSTATE, bytes((told,)))

    def _answer(self, code: int, value: bytes) -> None:
        self._out += subnegotiation(bytes((COM_PORT, ANSWER + code)) + value)
