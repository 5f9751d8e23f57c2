"""Keys of encrypted meters as a CSV file: which meter, as in a list of meters (`mbusio.meterfile`), and ``key``, 32 hex digits.

No message, and nothing that is logged, has a key in it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.application.security import KEY_SIZE
from mbus.errors import AddressError
from mbusheadend.store import Meter, Store
from mbusheadend.upkeep import decode_meter_again
from mbusio.meterfile import ImportReport, Problem, read_lines
from mbusio.meterline import LineReader

KEY_COLUMN: Final = "key"
MAX_SIZE: Final = 16 << 20
MAX_LINES: Final = 200_000
_LIKE_A_KEY: Final = re.compile(r"[0-9A-Fa-f]{17,}")
"""Longer than an address."""


@dataclass(frozen=True, slots=True)
class MeterKey:
    """A line of a file.

    :ivar address: of the meter, perhaps with wildcards.
    """

    line: int
    address: SecondaryAddress
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyList:
    """A file that was read: what its good lines say, and what is wrong with the others."""

    keys: tuple[MeterKey, ...]
    report: ImportReport


@dataclass(frozen=True, slots=True)
class KeyOutcome:
    """What became of the keys.

    :ivar stored: so many.
    :ivar changed: readings that say something else now that they were decoded again.
    :ivar problems: lines that fit no meter, or more than one.
    """

    stored: int
    changed: int
    problems: tuple[Problem, ...]


def read_keys(data: bytes) -> KeyList:
    """Read a file; what is wrong with it stands in the report, never in an exception. It may take a while: use a thread."""
    lines, report = read_lines(data, (KEY_COLUMN,), max_size=MAX_SIZE, max_lines=MAX_LINES)
    keys: list[MeterKey] = []
    problems: list[Problem] = []
    for line in lines:
        reader = LineReader(line)
        address = reader.secondary() if reader.names_a_meter else None
        key = reader.read(KEY_COLUMN, _key)
        if KEY_COLUMN not in line.cells:
            reader.complain(KEY_COLUMN, "it has none")
        elif address is None and not reader.problems:
            reader.complain("", "a key belongs to a secondary address or an identification")
        if address is not None and key is not None and not reader.problems:
            keys.append(MeterKey(line.number, address, key))
        # A key that stands in another column is a key all the same.
        problems += [replace(one, text=_LIKE_A_KEY.sub("…", one.text)) for one in reader.problems]
    return KeyList(tuple(keys), report.with_problems(problems))


async def import_keys(
    store: Store, found: KeyList, progress: Callable[[int, int], None] = lambda done, of: None
) -> KeyOutcome:
    """Store the keys of the meters that are known, and decode again what those sent. Raise `StoreError`, `KeyFileError`.

    :param progress: is told how many lines of how many are done.
    """
    known = _Known(await store.meters())
    stored = changed = 0
    problems: list[Problem] = []
    for done, one in enumerate(found.keys, 1):
        fitting = known.fitting(one.address)
        if len(fitting) == 1:
            await store.set_key(fitting[0].id, one.key)
            stored += 1
            changed += await decode_meter_again(store, fitting[0].id)
        else:
            text = (
                "no meter of this address is known here" if not fitting else f"{len(fitting)} meters fit it"
            )
            problems.append(Problem(one.line, "", text))
        progress(done, len(found.keys))
    return KeyOutcome(stored, changed, tuple(problems))


class _Known:
    """Meters by their addresses."""

    def __init__(self, meters: Iterable[Meter]) -> None:
        self._by_identification: dict[str, list[tuple[SecondaryAddress, Meter]]] = {}
        for meter in meters:
            try:
                address = SecondaryAddress.from_text(meter.identity)
            except AddressError:
                # It is known by its place only.
                continue
            self._by_identification.setdefault(address.identification, []).append((address, meter))

    def fitting(self, wanted: SecondaryAddress) -> list[Meter]:
        """Give the meters of an address; its identification has no wildcards."""
        found = self._by_identification.get(wanted.identification, [])
        return [meter for address, meter in found if wanted.matches(address)]


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise ValueError(f"a key has {2 * KEY_SIZE} hex digits")
    return key
