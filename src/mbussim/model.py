"""Models of meters as data files (`models/*.toml`), and the meters made of them.

========================  =========================================================================================
key                       meaning
========================  =========================================================================================
``name``                  for people
``manufacturer``          three letters
``version``, ``medium``   as in the header
``key``                   32 hex digits: mode 5 with this key. A test key, known to everybody who has the file
``fabrication``           it obeys the enhanced selection; its fabrication number differs from its identification
``obeys``                 of ``address id clock baud application readout``; the rest is acknowledged and ignored
``reports_errors``        an unknown CI field is answered by an application error at the next reading
``manufacturer_data``     hex digits behind DIF 0F of the last telegram
``[traits]``              as `mbussim.meter.Traits`
``[[condition]]``         ``status`` bits and ``info`` code that a meter has with a ``chance``
``[[telegram]]``          ``records``: rows of `mbussim.registers`; ``application`` 0 (default) to 15 selects the set
``[fixed]``               instead of telegrams: the old fixed structure (``medium``, ``units``, ``binary``, ``counters``)
========================  =========================================================================================
"""

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final

from mbus.addressing import manufacturer_code
from mbus.errors import MBusError
from mbussim.meter import Traits
from mbussim.registers import ModelError, Register, Source, make_register, make_source

SERVICES: Final = frozenset(("address", "id", "clock", "baud", "application", "readout"))


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong with some meters of a model."""

    chance: float
    status: int = 0
    info: int = 0


@dataclass(frozen=True, slots=True)
class FixedLayout:
    """The two counters of the old fixed structure."""

    medium: int
    units: tuple[int, int]
    counters: Sequence[Mapping[str, Any]]
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """One file, read and checked."""

    slug: str
    name: str
    manufacturer: int
    version: int
    medium: int
    traits: Traits
    telegrams: Sequence[Mapping[str, Any]] = ()
    fixed: FixedLayout | None = None
    key: bytes | None = field(default=None, repr=False)
    has_fabrication: bool = False
    obeys: frozenset[str] = frozenset()
    reports_errors: bool = False
    manufacturer_data: bytes | None = None
    conditions: Sequence[Condition] = ()

    @classmethod
    def from_toml(cls, slug: str, text: str) -> "Model":
        """Read a file; raise `ModelError`."""
        try:
            table = tomllib.loads(text)
            model = cls._from_table(slug, table)
            model.registers(random.Random(0))  # noqa: S311
        except (KeyError, TypeError, ValueError, MBusError) as error:
            raise ModelError(f"model {slug}: {error}") from None
        return model

    @classmethod
    def _from_table(cls, slug: str, table: Mapping[str, Any]) -> "Model":
        obeys = frozenset(table.get("obeys", ()))
        if not obeys <= SERVICES:
            raise ModelError(f"obeys is of {', '.join(sorted(SERVICES))}")
        fixed = table.get("fixed")
        tail = table.get("manufacturer_data")
        return cls(
            slug,
            table["name"],
            manufacturer_code(table["manufacturer"]),
            table["version"],
            table["medium"],
            _traits(table.get("traits", {})),
            table.get("telegram", ()),
            None if fixed is None else _fixed(fixed),
            bytes.fromhex(table["key"]) if "key" in table else None,
            table.get("fabrication", False),
            obeys,
            table.get("reports_errors", False),
            None if tail is None else bytes.fromhex(tail),
            tuple(Condition(**row) for row in table.get("condition", ())),
        )

    def registers(self, chance: random.Random) -> list[tuple[int, list[Register]]]:
        """Give the registers of each telegram behind its application, as one meter of this model has them."""
        named: dict[str, Source] = {}
        return [
            (table.get("application", 0), [make_register(row, chance, named) for row in table["records"]])
            for table in self.telegrams
        ]

    def counters(self, chance: random.Random) -> list[Source]:
        """Give the two counters of the fixed structure."""
        return [make_source(row, chance, {}) for row in self.fixed.counters] if self.fixed else []


def _traits(table: Mapping[str, Any]) -> Traits:
    rates = frozenset(table["rates"]) if "rates" in table else Traits().rates
    return Traits(**{**table, "rates": rates})


def _fixed(table: Mapping[str, Any]) -> FixedLayout:
    first, second = table["units"]
    if len(table["counters"]) != 2:
        raise ModelError("the fixed structure has two counters")
    return FixedLayout(table["medium"], (first, second), table["counters"], table.get("binary", False))


@cache
def models() -> Mapping[str, Model]:
    """Give every model by the name of its file, in the order of those names."""
    folder = files("mbussim") / "models"
    found = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda one: one.name
    )
    return {
        slug: Model.from_toml(slug, entry.read_text("utf-8"))
        for entry in found
        for slug in (entry.name.removesuffix(".toml").partition("-")[2],)
    }
