"""One record of a layout, apart from its data."""

from dataclasses import dataclass

from mbus.application.datatypes import Reader
from mbus.application.dib import Dib
from mbus.application.layout import How
from mbus.application.vib import Vib


@dataclass(frozen=True, slots=True)
class Column:
    """One record of a layout: all of it but its data.

    :ivar start: of the data, counted from the byte behind the CI field.
    :ivar size: of the data, with the length byte of a variable length.
    """

    start: int
    size: int
    dib: bytes
    vib: bytes
    register: Dib
    meaning: Vib
    how: How
    read: Reader
