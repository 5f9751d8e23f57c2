"""Telegrams of one layout as an Arrow table, for Parquet and whatever else reads Arrow (pyarrow, the extra ``parquet``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from mbus.application.batch import Group
from mbus.application.batch_columns import Values
from mbus.application.column import Column
from mbus.application.datatypes import Reading

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

_MOST_DIGITS: Final = 38
"""Of a decimal of 128 bits."""
_NO_SUFFIX: Final = "instantaneous"
_TAKEN: Final = ("telegram", "primary_address", "secondary_address", "access_number", "status", "remarks")
"""Names of the columns that are no records; there are quantities of these names too."""


def arrow_table(group: Group) -> Any:
    """Give a `pyarrow.Table`: which telegram, who sent it, and a column for each record.

    Whole numbers are int64, others exact decimals of 128 bits, floats where the meter sends floats; times have no zone. The
    column `remarks` says of each telegram which values are missing, and what stands instead. The metadata of a field say what it
    is: quantity, unit, function, storage, tariff, subunit, modifiers, dib, vib. Raise `ImportError` where pyarrow is not
    installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(
            "tables of Arrow need the package 'pyarrow': install the extra 'parquet'"
        ) from error
    names = column_names(group.columns)
    arrays: dict[str, Any] = {"telegram": pyarrow.array(group.indexes)}
    optional = {
        "secondary_address": group.secondaries,
        "access_number": group.access_numbers,
        "status": group.statuses,
    }
    arrays["primary_address"] = pyarrow.array(group.addresses)
    arrays |= {name: pyarrow.array(part) for name, part in optional.items() if part is not None}
    fields = [pyarrow.field(name, array.type) for name, array in arrays.items()]
    for place, (name, values) in enumerate(zip(names, group.values, strict=True)):
        array = _texts(pyarrow, group, place) if values is None else _array(pyarrow, values)
        arrays[name] = array
        fields.append(pyarrow.field(name, array.type, metadata=_metadata(group.columns[place])))
    arrays["remarks"] = pyarrow.array(_remarks(group, names), pyarrow.string())
    fields.append(pyarrow.field("remarks", pyarrow.string()))
    return pyarrow.Table.from_arrays(list(arrays.values()), schema=pyarrow.schema(fields))


def column_names(columns: Iterable[Column]) -> list[str]:
    """Name columns by quantity, and by function, storage, tariff, subunit and modifiers where there are any; each name once."""
    seen = dict.fromkeys(_TAKEN, 1)
    names = []
    for column in columns:
        register, meaning = column.register, column.meaning
        parts = [meaning.quantity]
        if register.function != _NO_SUFFIX:
            parts.append(register.function)
        numbers = (("s", register.storage), ("t", register.tariff), ("u", register.subunit))
        parts += [f"{letter}{number}" for letter, number in numbers if number]
        name = "_".join((*parts, *meaning.modifiers))
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}__{seen[name]}")
    return names


def _metadata(column: Column) -> Mapping[str, str]:
    register, meaning = column.register, column.meaning
    return {
        "quantity": meaning.quantity,
        "unit": meaning.unit,
        "function": register.function,
        "storage": str(register.storage),
        "tariff": str(register.tariff),
        "subunit": str(register.subunit),
        "modifiers": " ".join(meaning.modifiers),
        "dib": column.dib.hex().upper(),
        "vib": column.vib.hex().upper(),
    }


def _array(pyarrow: Any, values: Values) -> Any:
    if not values.exponent:
        return pyarrow.array(values.array, mask=~values.valid)
    if -values.exponent > _MOST_DIGITS:
        return pyarrow.array(values.floats(), mask=~values.valid)
    return pyarrow.Array.from_buffers(
        pyarrow.decimal128(_MOST_DIGITS, -values.exponent),
        len(values.array),
        [_bits(pyarrow, values.valid), pyarrow.py_buffer(_wide(values.array))],
    )


def _wide(mantissas: NDArray[Any]) -> NDArray[Any]:
    """Give whole numbers as 128 bits, the low half first."""
    import numpy

    halves = numpy.zeros((len(mantissas), 2), mantissas.dtype)
    halves[:, 0] = mantissas
    if mantissas.dtype == numpy.int64:
        halves[:, 1] = mantissas >> 63
    return halves


def _bits(pyarrow: Any, valid: NDArray[numpy.bool_]) -> Any:
    import numpy

    return pyarrow.py_buffer(numpy.packbits(valid, bitorder="little"))


def _texts(pyarrow: Any, group: Group, place: int) -> Any:
    texts = [None if value is None else str(value) for value, _, _ in group.readings(place)]
    return pyarrow.array(texts, pyarrow.string())


def _remarks(group: Group, names: list[str]) -> list[str | None]:
    import numpy

    found: list[str | None] = [None] * len(group)
    for place, values in enumerate(group.values):
        remarked: Iterable[tuple[int, Reading]]
        if values is None:
            remarked = enumerate(group.readings(place))
        else:
            rows = numpy.flatnonzero(~values.valid).tolist()
            remarked = ((row, values.reading(row)) for row in rows)
        for row, (value, status, _) in remarked:
            if status is not None or values is not None:
                remark = f"{names[place]}: {status or value}"
                found[row] = remark if found[row] is None else f"{found[row]}; {remark}"
    return found
