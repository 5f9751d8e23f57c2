"""What one client had from the bus, in numbers."""

from dataclasses import dataclass

from mbus.link.transaction import Ack, Garbled, Outcome, Reply, Silence


@dataclass(slots=True)
class ClientCounters:
    """Requests of one client and what became of them.

    :ivar inserted: transactions put in front of its own.
    :ivar withheld: requests that had to stay off the bus: what they mean was another client's.
    :ivar refused: frames that clients may not send.
    :ivar given_up: requests that waited for too long, or that their client gave up.
    :ivar writes: write services that were let through.
    """

    requests: int = 0
    inserted: int = 0
    withheld: int = 0
    refused: int = 0
    given_up: int = 0
    writes: int = 0
    replies: int = 0
    acknowledgements: int = 0
    silences: int = 0
    garbled: int = 0

    def count(self, outcome: Outcome) -> None:
        """Enter what became of one request."""
        match outcome:
            case Reply():
                self.replies += 1
            case Ack():
                self.acknowledgements += 1
            case Silence():
                self.silences += 1
            case Garbled():
                self.garbled += 1
