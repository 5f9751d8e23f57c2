"""A question that a gateway answers itself: is all done that I asked before?

A transparent gateway cannot tell its client that a meter stayed silent. Silence and "your request still waits behind another
client's conversation" look the same, so a client has to wait for the longest such conversation on every silent meter, or take
a waiting one for silent. This ends it: behind a request without answer the client sends `BARRIER`, a request for the link
status (REQ_SKE) of address 251, which the standard keeps for repeaters and gateways. A gateway that knows it does not send it
to the bus and answers with `BARRIER_ANSWER`, in its turn: after the answer, or the silence, of everything that this client asked
before. With any other gateway the question goes to the bus, where nobody answers it.
"""

from typing import Final

from mbus.link.fields import REQ_SKE
from mbus.link.frames import ShortFrame

GATEWAY: Final = 0xFB
LINK_STATUS: Final = 0x0B
"""Control field of a slave that reports the status of its link."""
BARRIER: Final = ShortFrame(REQ_SKE, GATEWAY)
BARRIER_ANSWER: Final = ShortFrame(LINK_STATUS, GATEWAY)
