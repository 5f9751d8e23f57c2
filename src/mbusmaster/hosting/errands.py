"""What a head-end may ask for that has nothing to do with reading: done by the rest of the master, which is wired in."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from mbushosting.contact import Command, CommandKind
from mbusmaster.hosting.commands import Outcome


class Done(NamedTuple):
    """What became of it.

    :ivar then: is called when the result is kept.
    """

    outcome: Outcome
    detail: str = ""
    then: Callable[[], None] = lambda: None


Errand = Callable[[Command], Awaitable[Done]]
"""Does a command, perhaps for hours; after a restart it is asked once more, and a thing that is done is done."""
Errands = Mapping[CommandKind, Errand]
