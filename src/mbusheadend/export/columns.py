"""What the columns of a table hold."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from mbus.application.datatypes import Value

Cell = Value | datetime | bool
Row = tuple[Cell, ...]


class Kind(Enum):
    """What a column holds, or nothing."""

    TEXT = "text"
    WHOLE = "whole number"
    FLAG = "yes or no"
    MOMENT = "moment, UTC"
    LOCAL = "time without a zone"
    VALUE = "value of a register: a number with all its digits, or a text"


@dataclass(frozen=True, slots=True)
class Column:
    """A column; the name is stable, for programs read it."""

    name: str
    kind: Kind
