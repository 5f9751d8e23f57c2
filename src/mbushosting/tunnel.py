"""A tunnel to a bus: ordered by a command, it begins when the master dials ``POST /hosting/v1/tunnel/ID`` with its certificate.

Body and answer of that request stream side by side and carry frames (`mbusio.tunnel.frames`). The id works once, for the master
that the command is for.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from mbushosting.parts import ROOT, Message

TUNNEL: Final = f"{ROOT}/tunnel"
LONGEST_SECONDS: Final = 24 * 3600
Line = Annotated[str, StringConstraints(max_length=200)]


class TunnelOffer(StrEnum):
    """Whether a master opens tunnels to its buses."""

    UNKNOWN = ""
    """It is older than tunnels."""
    OFF = "off"
    ON = "on"


class TunnelOrder(Message):
    """What the head-end wants: that this master dials, and lets somebody read a bus.

    :ivar bus: empty is the first.
    :ivar who: reads, from where, and why, as the head-end knows it.
    :ivar seconds: after so long it ends in any case, `idle_seconds` after so long without a byte.
    """

    bus: Annotated[str, StringConstraints(max_length=64)] = ""
    who: Line = ""
    source: Line = ""
    reason: Line = ""
    seconds: Annotated[int, Field(ge=1, le=LONGEST_SECONDS)]
    idle_seconds: Annotated[int, Field(ge=1, le=LONGEST_SECONDS)]
