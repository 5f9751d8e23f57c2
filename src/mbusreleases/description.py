"""What a release says of itself, and what a machine can run."""

import json
import platform as machine
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

FILE_NAME: Final = re.compile(r"MBMC2022_release_([0-9]{4,6})\.tar")
DESCRIPTION: Final = "release.json"
HIGHEST_NUMBER: Final = 999_999
_LARGEST: Final = 4096
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!-]{0,39}")
_PYTHON: Final = re.compile(r"3\.[0-9]{1,2}")
_ARCHITECTURE: Final = re.compile(r"[a-z0-9_]{1,7}")


class Kind(StrEnum):
    """How a release is installed."""

    SLOTS = "slots"
    """Wheels, into one of two virtual environments."""
    RAUC = "rauc"
    """An image of the whole system, handed to RAUC."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What a machine can run.

    :ivar python: ``3.11``; of no concern to an image.
    :ivar architecture: as ``uname -m`` says it.
    """

    python: str
    architecture: str
    kind: Kind = Kind.SLOTS

    def runs(self, other: "Platform") -> bool:
        """Tell whether what was built for the other one can run here."""
        same_python = self.kind is Kind.RAUC or self.python == other.python
        return same_python and (self.architecture, self.kind) == (other.architecture, other.kind)

    def __str__(self) -> str:
        if self.kind is Kind.RAUC:
            return f"an image for {self.architecture}"
        return f"Python {self.python} on {self.architecture}"


def this_platform(kind: Kind = Kind.SLOTS) -> Platform:
    """Give what runs here, with the Python that runs this."""
    return Platform(f"{sys.version_info.major}.{sys.version_info.minor}", machine.machine(), kind)


@dataclass(frozen=True, slots=True)
class Description:
    """A release in its own words: ``release.json``, and the same in the signed metadata.

    :ivar release: number; a higher one is newer.
    :ivar date: when it was made, UTC.
    """

    release: int
    version: str
    date: datetime
    python: str
    architecture: str
    kind: Kind = Kind.SLOTS

    @property
    def platform(self) -> Platform:
        """What it was built for."""
        return Platform(self.python, self.architecture, self.kind)

    @property
    def target(self) -> str:
        """Name of its target in the repository; with its hash before it, it fits into a plain tar (100 bytes)."""
        if self.kind is Kind.RAUC:
            return f"mbusmaster-{self.release:04d}-{self.architecture}.raucb"
        return f"mbusmaster-{self.release:04d}-py{self.python.replace('.', '')}-{self.architecture}.tar"

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return asdict(self) | {
            "date": self.date.astimezone(UTC).isoformat(timespec="seconds"),
            "kind": str(self.kind),
        }


def description_from(content: object) -> Description:
    """Read a description from JSON values of anyone; raise `ValueError`."""
    if not isinstance(content, Mapping):
        raise ValueError("a description is an object")
    number = content.get("release")
    if type(number) is not int or not 0 < number <= HIGHEST_NUMBER:
        raise ValueError(f"the number of a release is from 1 to {HIGHEST_NUMBER}")
    date = datetime.fromisoformat(_text(content, "date", re.compile(r"[0-9T:+Z-]{10,32}")))
    if date.tzinfo is None:
        raise ValueError("the date has no zone")
    return Description(
        release=number,
        version=_text(content, "version", _VERSION),
        date=date.astimezone(UTC),
        python=_text(content, "python", _PYTHON),
        architecture=_text(content, "architecture", _ARCHITECTURE),
        kind=Kind(_text(content, "kind", re.compile("[a-z]+"))),
    )


def read_description(folder: Path) -> Description | None:
    """Read what is installed in a folder, a slot or the package; None where nothing that is a release is."""
    try:
        with open(folder / DESCRIPTION, "rb") as file:
            return description_from(json.loads(file.read(_LARGEST)))
    except (OSError, ValueError, RecursionError):
        return None


def file_name(number: int) -> str:
    """Give the name of the release file of a number (guide 3.1.7)."""
    return f"MBMC2022_release_{number:04d}.tar"


def number_in(name: str) -> int | None:
    """Give the number in the name of a release file, None for other names."""
    found = FILE_NAME.fullmatch(name)
    return int(found[1]) if found else None


def _text(content: Mapping[str, object], name: str, form: re.Pattern[str]) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError(f"{name} is missing or not as it should be")
    return value
