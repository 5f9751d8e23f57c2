"""A question that a gateway answers itself: was all carried out that I asked before?

A transparent gateway cannot tell its client that a meter stayed silent. Silence and "your request still waits behind another
client's conversation" look the same, so a client has to wait for the longest such conversation on every silent meter, or take
a waiting one for silent. `BARRIER` ends that: a request for the link status (REQ_SKE) of address 251, which the standard keeps
for repeaters and gateways. A gateway that knows it does not send it to the bus and answers with a `Verdict` in its turn: behind
the answer, or the silence, of everything that this client asked before. A client sends it together with its request, and what
comes in front of the verdict is the meter's answer, all of it. With any other gateway the question goes to the bus, where nobody
answers it.
"""

from enum import IntEnum
from typing import Final

from mbus.link.decoder import StreamDecoder
from mbus.link.fields import REQ_SKE
from mbus.link.frames import ShortFrame
from mbus.link.transaction import MAX_ANSWER

GATEWAY: Final = 0xFB
BARRIER: Final = ShortFrame(REQ_SKE, GATEWAY)


class Verdict(IntEnum):
    """What a gateway says of what was asked since the last question: the control field of its answer (IEC 60870-5-2)."""

    DONE = 0x0B
    """Status of the link: all was on the bus, and silence was the meters'."""
    BUSY = 0x01
    """Not accepted, link busy: something had waited for the bus for too long and was not sent; ask again."""
    DOWN = 0x0E
    """Link service not functioning: the gateway has no connection to its bus."""
    REFUSED = 0x0F
    """Link service not implemented: the gateway does not pass something on."""

    @property
    def frame(self) -> ShortFrame:
        """The answer to `BARRIER`."""
        return ShortFrame(self, GATEWAY)


_VERDICTS: Final = {verdict.frame.to_bytes(): verdict for verdict in Verdict}


class Confirmation:
    """Listens until the gateway confirms. No I/O, no clock: bytes and times are handed in.

    :param seconds: longest wait, from the end of the transmission.
    :param gap: quiet after which a confirmation also counts when it stands in what looks like the middle of a frame.
    :ivar outcome: bytes in front of the verdict, set when it has come or is not going to.
    :ivar verdict: what the gateway says; None when it has not come.
    """

    def __init__(self, seconds: float, gap: float) -> None:
        self.outcome: bytes | None = None
        self.verdict: Verdict | None = None
        self._seconds = seconds
        self._gap = gap
        self._data = bytearray()
        self._deadline = float("inf")

    @property
    def deadline(self) -> float:
        """When `expire` must be called."""
        return self._deadline

    @property
    def answer(self) -> bytes:
        """Nothing: what comes is known for an answer only in the end."""
        return b""

    def transmitted(self, now: float) -> None:
        """All bytes are on their way."""
        self._deadline = min(self._deadline, now + self._seconds)

    def received(self, data: bytes, now: float) -> None:
        """Take bytes as they come."""
        self._data += data
        del self._data[2 * MAX_ANSWER :]
        if not self._data.endswith(tuple(_VERDICTS)):
            return
        decoder = StreamDecoder()
        decoder.feed(bytes(self._data))
        # The same bytes may stand inside a long frame, or a broken one may claim them.
        self._deadline = min(self._deadline, now + self._gap if decoder.pending else now)

    def expire(self, now: float) -> None:
        """The deadline has come: decide."""
        if now < self._deadline:
            return
        for end, verdict in _VERDICTS.items():
            if self._data.endswith(end):
                self.verdict = verdict
                del self._data[-len(end) :]
                break
        self.outcome = bytes(self._data)
