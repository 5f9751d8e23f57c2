"""Telnet as RFC 2217 uses it: data with commands in between (RFC 854, 855, 856). Bytes and events, no I/O.

Data is binary both ways: nothing is done about line ends (RFC 856).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

IAC: Final = 255
DONT: Final = 254
DO: Final = 253
WONT: Final = 252
WILL: Final = 251
SB: Final = 250
SE: Final = 240

BINARY: Final = 0
SUPPRESS_GO_AHEAD: Final = 3

MAX_SUBNEGOTIATION: Final = 256
"""Bytes of one subnegotiation; a longer one is thrown away."""

_NEGOTIATE: Final = (WILL, WONT, DO, DONT)


@dataclass(frozen=True, slots=True)
class Data:
    """What is no command."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Negotiate:
    """WILL, WONT, DO or DONT about an option."""

    verb: int
    option: int


@dataclass(frozen=True, slots=True)
class Subnegotiation:
    """What the peers tell each other about an option; the option is the first byte."""

    data: bytes


TelnetEvent = Data | Negotiate | Subnegotiation


class TelnetDecoder:
    """Takes a stream apart, in whatever pieces it comes; other commands than these events are skipped.

    A command inside a subnegotiation, which RFC 855 does not allow, ends it: what was gathered is thrown away.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._events: list[TelnetEvent] = []
        self._sub: bytearray | None = None
        self._state: Callable[[int], None] = self._plain
        self._verb = 0

    def feed(self, data: bytes) -> list[TelnetEvent]:
        """Give the events that these bytes complete."""
        self._events = []
        if self._state == self._plain and IAC not in data:
            self._data += data
        else:
            for byte in data:
                self._state(byte)
        self._end_data()
        return self._events

    def _plain(self, byte: int) -> None:
        if byte == IAC:
            self._state = self._command
        else:
            self._data.append(byte)

    def _command(self, byte: int) -> None:
        self._state = self._plain
        if byte == IAC:
            self._data.append(IAC)
        elif byte in _NEGOTIATE:
            self._verb = byte
            self._state = self._option
        elif byte == SB:
            self._sub = bytearray()
            self._state = self._inside

    def _option(self, byte: int) -> None:
        self._state = self._plain
        self._put(Negotiate(self._verb, byte))

    def _inside(self, byte: int) -> None:
        if byte == IAC:
            self._state = self._command_inside
        else:
            self._gather(byte)

    def _command_inside(self, byte: int) -> None:
        self._state = self._inside
        if byte == IAC:
            self._gather(IAC)
        elif byte == SE:
            self._state = self._plain
            if self._sub:
                self._put(Subnegotiation(bytes(self._sub)))
            self._sub = None
        else:
            self._sub = None
            self._command(byte)

    def _gather(self, byte: int) -> None:
        if self._sub is not None:
            self._sub.append(byte)
            if len(self._sub) > MAX_SUBNEGOTIATION:
                self._sub = None

    def _put(self, event: TelnetEvent) -> None:
        self._end_data()
        self._events.append(event)

    def _end_data(self) -> None:
        if self._data:
            self._events.append(Data(bytes(self._data)))
            self._data = bytearray()


def escape(data: bytes) -> bytes:
    """Give data as it travels: each FF twice."""
    return data.replace(b"\xff", b"\xff\xff")


def subnegotiation(data: bytes) -> bytes:
    """Give a subnegotiation as it travels; the option is the first byte of `data`."""
    return bytes((IAC, SB)) + escape(data) + bytes((IAC, SE))


class Options:
    """Which options are in force, ours and the peer's; answers every change once (RFC 1143's rule against loops).

    :param ours: options that this side may perform.
    :param theirs: options that the peer may perform.
    """

    def __init__(self, ours: frozenset[int], theirs: frozenset[int]) -> None:
        self._allowed = {DO: ours, WILL: theirs}
        self._in_force: dict[int, set[int]] = {DO: set(), WILL: set()}
        self._asked: dict[int, set[int]] = {DO: set(), WILL: set()}

    def performs(self, option: int) -> bool:
        """Tell whether this side performs an option."""
        return option in self._in_force[DO]

    def peer_performs(self, option: int) -> bool:
        """Tell whether the peer performs an option."""
        return option in self._in_force[WILL]

    def ask(self) -> bytes:
        """Offer and ask for everything that is allowed."""
        request = bytearray()
        for verb, offer in ((DO, WILL), (WILL, DO)):
            for option in sorted(self._allowed[verb]):
                self._asked[verb].add(option)
                request += bytes((IAC, offer, option))
        return bytes(request)

    def negotiate(self, event: Negotiate) -> bytes:
        """Take what the peer says; give the answer, which may be empty."""
        wants_it = event.verb in (DO, WILL)
        side = {DONT: DO, WONT: WILL}.get(event.verb, event.verb)
        yes, no = (WILL, WONT) if side == DO else (DO, DONT)
        in_force, option = self._in_force[side], event.option
        was_asked = option in self._asked[side]
        self._asked[side].discard(option)
        if not wants_it:
            if option not in in_force:
                return b""
            in_force.discard(option)
            return bytes((IAC, no, option))
        if option not in self._allowed[side]:
            return bytes((IAC, no, option))
        if option in in_force:
            return b""
        in_force.add(option)
        return b"" if was_asked else bytes((IAC, yes, option))
