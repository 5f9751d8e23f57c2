"""The frames of a tunnel, and the account of the bytes in it. No I/O, no clock.

A frame is a type (one byte), the length of what follows (two bytes), and that. Of all numbers the higher byte comes first.

=====  =========================  =================================================================================
type   content                    meaning
=====  =========================  =================================================================================
HELLO  version (1)                the first frame of each end
DATA   position (8), bytes        bytes of the bus; the position is how many were sent in this direction before them
ACK    position (8)               so many bytes of the other direction were taken by whoever they are for
PING   any (8)                    asks for the same bytes back; the other end answers, not the head-end
PONG   any (8)                    the answer
END    code (1), text             nothing more comes; says why, in English
=====  =========================  =================================================================================

At most `WINDOW` bytes of a direction are on their way: who has sent so many without an ACK waits. So whoever stands between never
holds more for somebody who does not read. A position that does not follow the last one means that something was lost: the tunnel
ends then, and no wrong bytes are handed on.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

VERSION: Final = 1
WINDOW: Final = 16 * 1024
"""Bytes: some sixty of the longest telegrams."""
MAX_DATA: Final = 2048
"""Of one frame."""
MAX_PAYLOAD: Final = MAX_DATA + 8
MAX_REASON: Final = 400
"""Characters."""
HEAD: Final = 3
MEDIA_TYPE: Final = "application/vnd.mbus-tunnel"

KEEP_ALIVE_SECONDS: Final = 15.0
"""Of silence after which an end sends a PING."""
GONE_SECONDS: Final = 45.0
"""Of silence after which the other side is taken for gone."""


class FrameError(ValueError):
    """These are no frames of a tunnel, or not in this place."""


class Kind(IntEnum):
    """The type of a frame."""

    HELLO = 1
    DATA = 2
    ACK = 3
    PING = 4
    PONG = 5
    END = 6


class EndCode(IntEnum):
    """Why a tunnel ends."""

    CLOSED = 0
    """The other end wanted no more."""
    TIME = 1
    """Its time is over."""
    IDLE = 2
    """Nothing passed through it for too long."""
    ENDED = 3
    """Somebody ended it: at the head-end or at the master."""
    REVOKED = 4
    """Who opened it, or the master, is trusted no more."""
    LOST = 5
    """The connection of the other side is gone, or something got lost on the way."""
    BROKEN = 6
    """Somebody does not keep to the rules."""


_SIZES: Final = {
    Kind.HELLO: (1, 1),
    Kind.DATA: (9, MAX_PAYLOAD),
    Kind.ACK: (8, 8),
    Kind.PING: (8, 8),
    Kind.PONG: (8, 8),
    Kind.END: (1, 1 + 4 * MAX_REASON),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame; the sizes of `payload` are kept by `decode` and by whoever makes one."""

    kind: Kind
    payload: bytes

    def to_bytes(self) -> bytes:
        """Give it as it travels."""
        return bytes((self.kind,)) + len(self.payload).to_bytes(2) + self.payload

    @classmethod
    def hello(cls) -> Self:
        """Begin."""
        return cls(Kind.HELLO, bytes((VERSION,)))

    @classmethod
    def data(cls, position: int, data: bytes) -> Self:
        """Carry at most `MAX_DATA` bytes."""
        return cls(Kind.DATA, position.to_bytes(8) + data)

    @classmethod
    def ack(cls, position: int) -> Self:
        """Say what was taken."""
        return cls(Kind.ACK, position.to_bytes(8))

    @classmethod
    def end(cls, code: EndCode, text: str) -> Self:
        """End, and say why."""
        return cls(Kind.END, bytes((code,)) + text[:MAX_REASON].encode())

    @property
    def position(self) -> int:
        """Of a DATA or an ACK."""
        return int.from_bytes(self.payload[:8])

    @property
    def content(self) -> bytes:
        """Of a DATA."""
        return self.payload[8:]

    @property
    def reason(self) -> tuple[EndCode, str]:
        """Of an END, fit to be shown; a code that is not known here is one of the other side's."""
        try:
            code = EndCode(self.payload[0])
        except ValueError:
            code = EndCode.CLOSED
        text = self.payload[1:].decode("utf-8", "replace")
        return code, "".join(char if char.isprintable() else " " for char in text)[:MAX_REASON].strip()


class Decoder:
    """Cuts a stream into frames, in whatever pieces it comes; holds no more than one frame."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, give what is whole. Raise `FrameError`; what comes after that is no use."""
        self._pending += data
        frames: list[Frame] = []
        at = 0
        while len(self._pending) - at >= HEAD:
            length = int.from_bytes(self._pending[at + 1 : at + HEAD])
            kind = _kind(self._pending[at], length)
            if len(self._pending) - at < HEAD + length:
                break
            frames.append(Frame(kind, bytes(self._pending[at + HEAD : at + HEAD + length])))
            at += HEAD + length
        del self._pending[:at]
        return frames


class Account:
    """The bytes of one direction.

    :ivar sent: bytes that were sent.
    :ivar taken: of them, those that the other end is known to have taken.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.taken = 0

    @property
    def room(self) -> int:
        """How many more may be sent now."""
        return WINDOW - (self.sent - self.taken)

    def data(self, frame: Frame) -> bytes:
        """Note a DATA; give its bytes. Raise `FrameError` where it does not follow the one before, or is too much."""
        if frame.position != self.sent:
            raise FrameError(f"bytes from {frame.position} on where those from {self.sent} on should come")
        if len(frame.content) > self.room:
            raise FrameError("more bytes than may be on their way")
        self.sent += len(frame.content)
        return frame.content

    def ack(self, frame: Frame) -> None:
        """Note an ACK. Raise `FrameError` where it says nothing new, or cannot be."""
        if not self.taken < frame.position <= self.sent:
            raise FrameError(f"{frame.position} bytes cannot have been taken")
        self.taken = frame.position


def see_version(frame: Frame) -> None:
    """See that a HELLO is of a version that is spoken here. Raise `FrameError`."""
    if frame.kind is not Kind.HELLO:
        raise FrameError("a tunnel begins with HELLO")
    if frame.payload[0] != VERSION:
        raise FrameError(f"version {frame.payload[0]} of tunnels is not spoken here, only {VERSION}")


def _kind(code: int, length: int) -> Kind:
    try:
        kind = Kind(code)
    except ValueError:
        raise FrameError(f"there is no frame of type {code}") from None
    least, most = _SIZES[kind]
    if not least <= length <= most:
        raise FrameError(f"{kind.name} has no {length} bytes")
    return kind
