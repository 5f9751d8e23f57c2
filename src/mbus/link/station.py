"""Frame count bits: what master and slave agree on about "new" and "again" (EN 13757-2, IEC 60870-5-2; MBUS.md 2.4).

The master toggles the bit for a new exchange and keeps it for a repeat; a slave that sees the bit it saw last sends its last
answer again. Both start anew with SND_NKE: the first counted frame after it carries 1. When a try fails nobody knows whether the
slave saw the frame, so repeats keep the bit, and after the last try the agreement is void until the next SND_NKE.

=============  =====================  ==============  ==============================
state          event                  next state      next counted frame carries
=============  =====================  ==============  ==============================
unknown        initialised            agreed          1
agreed         succeeded              agreed          the other bit
agreed         failed (all tries)     unknown         – (initialise first)
=============  =====================  ==============  ==============================

One `Stations` is one master's memory of a bus; each client of a gateway has its own.
"""

from mbus.link.fields import FCB


class Stations:
    """The frame count bits that one master keeps, per address."""

    def __init__(self) -> None:
        self._next: dict[int, bool] = {}

    def is_agreed(self, address: int) -> bool:
        """Tell whether a counted frame may be sent to this address without SND_NKE first."""
        return address in self._next

    def initialised(self, address: int) -> None:
        """SND_NKE was sent there (acknowledged or not), or a selection made the address anew."""
        self._next[address] = True

    def control(self, function: int, address: int) -> int:
        """Give the control field for a counted function: with the bit that is due, 1 when nothing is agreed yet."""
        return function | FCB if self.fcb(address) else function & ~FCB

    def fcb(self, address: int) -> bool:
        """Give the frame count bit that is due, 1 when nothing is agreed yet."""
        return self._next.get(address, True)

    def succeeded(self, address: int) -> None:
        """An exchange is complete: the next one carries the other bit."""
        self._next[address] = not self.fcb(address)

    def failed(self, address: int) -> None:
        """All tries are used up, or there is another reason to doubt: the agreement is void."""
        self._next.pop(address, None)

    def forget(self) -> None:
        """Everything is in doubt: the bus was without power, or somebody else used it."""
        self._next.clear()
