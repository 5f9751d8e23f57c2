"""What the two halves of a tunnel say to each other through the courier: a kind (one byte), a number (four), and what it is.

Frames are numbered from 0 on in each direction: a number that is not the next means that something was lost.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from mbusheadend.courier import MAX_MESSAGE
from mbusio.tunnel.frames import FrameError

HEAD: Final = 5
MOST_FRAMES: Final = MAX_MESSAGE - HEAD
"""Bytes of frames in one message."""


class Part(IntEnum):
    """The kind of a message."""

    JOIN = 1
    """The master is here; with a word that names this half."""
    ACCEPT = 2
    """It is the one, by its word."""
    FRAMES = 3
    STOP = 4
    """From anybody of the head-end: the content is that of an END."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message."""

    part: Part
    number: int
    content: bytes

    def to_bytes(self) -> bytes:
        """Give it as it travels."""
        return bytes((self.part,)) + self.number.to_bytes(4) + self.content

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read it; raise `FrameError`."""
        try:
            return cls(Part(data[0]), int.from_bytes(data[1:HEAD]), data[HEAD:])
        except (IndexError, ValueError):
            raise FrameError("this is no message of a tunnel") from None


def to_operator(id: str) -> str:
    """Give the topic of what the operator's half hears."""
    return f"{id}.operator"


def to_master(id: str) -> str:
    """Give the topic of what the master's half hears."""
    return f"{id}.master"
