"""Whom hosted reading reads; how, says `mbus.procedures.persistent`."""

from dataclasses import dataclass

from mbus.addressing import SecondaryAddress


@dataclass(frozen=True, slots=True)
class Subject:
    """A meter of a bus.

    :ivar address: under which the head-end knows it.
    :ivar secondary: by which it is selected; None where only the primary address is known.
    :ivar primary: None where it is not known.
    """

    bus: str
    address: str
    secondary: SecondaryAddress | None = None
    primary: int | None = None
