"""A question that a gateway answers itself: is all done that I asked before?

A transparent gateway cannot tell its client that a meter stayed silent. Silence and "your request still waits behind another
client's conversation" look the same, so a client has to wait for the longest such conversation on every silent meter, or take
a waiting one for silent. `BARRIER` ends that: a request for the link status (REQ_SKE) of address 251, which the standard keeps
for repeaters and gateways. A gateway that knows it does not send it to the bus and answers with `BARRIER_ANSWER` in its turn:
behind the answer, or the silence, of everything that this client asked before. A client sends it together with its request, and
what comes in front of `BARRIER_ANSWER` is the meter's answer, all of it. With any other gateway the question goes to the bus,
where nobody answers it.
"""

from typing import Final

from mbus.link.decoder import StreamDecoder
from mbus.link.fields import REQ_SKE
from mbus.link.frames import ShortFrame
from mbus.link.transaction import MAX_ANSWER

GATEWAY: Final = 0xFB
LINK_STATUS: Final = 0x0B
"""Control field of a slave that reports the status of its link."""
BARRIER: Final = ShortFrame(REQ_SKE, GATEWAY)
BARRIER_ANSWER: Final = ShortFrame(LINK_STATUS, GATEWAY)


class Confirmation:
    """Listens until the gateway confirms. No I/O, no clock: bytes and times are handed in.

    :param seconds: longest wait, from the end of the transmission.
    :param gap: quiet after which a confirmation also counts when it stands in what looks like the middle of a frame.
    :ivar outcome: bytes in front of the confirmation, set when it has come or is not going to.
    :ivar came: whether it has come.
    """

    def __init__(self, seconds: float, gap: float) -> None:
        self.outcome: bytes | None = None
        self.came = False
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
        if not self._data.endswith(BARRIER_ANSWER.to_bytes()):
            return
        decoder = StreamDecoder()
        decoder.feed(bytes(self._data))
        # The same bytes may stand inside a long frame, or a broken one may claim them.
        self._deadline = min(self._deadline, now + self._gap if decoder.pending else now)

    def expire(self, now: float) -> None:
        """The deadline has come: decide."""
        if now < self._deadline:
            return
        end = BARRIER_ANSWER.to_bytes()
        self.came = self._data.endswith(end)
        self.outcome = bytes(self._data.removesuffix(end))
