"""How a serial port is set."""

from dataclasses import dataclass
from typing import Literal

from mbusio.transport.base import DEFAULT_BAUD

Parity = Literal["E", "N", "O"]


@dataclass(frozen=True, slots=True)
class Wire:
    """The settings of a serial port, here or elsewhere; eight data bits and one stop bit always.

    :ivar parity: even on a plain level converter; a box that makes the parity bit itself wants none (MBUS.md 1.3).
    :ivar dtr: state of that line; None raises it, which also feeds adapters that live on it.
    :ivar rts: as `dtr`.
    """

    baud: int = DEFAULT_BAUD
    parity: Parity = "E"
    dtr: bool | None = None
    rts: bool | None = None
