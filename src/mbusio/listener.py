"""What hears the bytes of one exchange on a line."""

from typing import Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Listener(Protocol[T_co]):
    """What hears the bytes of one exchange, as `Transaction` does: no I/O, no clock."""

    @property
    def outcome(self) -> T_co | None:
        """What became of it; None as long as it runs."""

    @property
    def deadline(self) -> float:
        """When `expire` must be called."""

    @property
    def answer(self) -> bytes:
        """What is known to be the answer so far."""

    def transmitted(self, now: float) -> None:
        """All bytes are on their way."""

    def received(self, data: bytes, now: float) -> None:
        """Take bytes as they come."""

    def expire(self, now: float) -> None:
        """The deadline has come."""
