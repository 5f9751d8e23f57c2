"""What differs between products: how many users there are, what they may, and whether one is there before the first is made."""

from dataclasses import dataclass, field
from typing import Final

MOST_SESSIONS: Final = 32


@dataclass(frozen=True, slots=True)
class DefaultUser:
    """A user who is there until somebody makes an own one, and good for nothing else."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rules:
    """Of one product.

    :ivar most_users: at the most.
    :ivar token_prefix: what API tokens begin with.
    :ivar remedy: what helps where the file of the users cannot be used, for the end of a message.
    :ivar roles: from the one that may least to the one that may all; none where every user may everything.
    :ivar most_sessions: of all users together.
    """

    most_users: int
    token_prefix: str
    remedy: str
    default_user: DefaultUser | None = None
    roles: tuple[str, ...] = ()
    most_sessions: int = MOST_SESSIONS

    @property
    def default_name(self) -> str:
        """Name of the default user; empty where there is none."""
        return self.default_user.name if self.default_user is not None else ""

    @property
    def highest(self) -> str:
        """The role that may all; empty where there are none."""
        return self.roles[-1] if self.roles else ""

    def up_to(self, role: str) -> frozenset[str]:
        """Give a role with all that may less; none for one that is not known."""
        return frozenset(self.roles[: self.roles.index(role) + 1]) if role in self.roles else frozenset()

    def lower(self, one: str, other: str) -> str:
        """Give the role of two that may less; without roles there is none."""
        if not self.roles:
            return ""
        return min(one, other, key=lambda role: self.roles.index(role) if role in self.roles else -1)
