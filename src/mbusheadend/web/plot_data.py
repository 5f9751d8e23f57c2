"""What ``plot.js`` draws, as JSON: numbers with all their digits, in the units that people see."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from mbus.application.as_json import dumps
from mbusheadend.decoding.registers import Register
from mbusheadend.views.consumed import Compared
from mbusheadend.views.series import Sample, Series
from mbusheadend.views.spans import Span
from mbusheadend.views.units import in_unit, shown_unit
from mbusheadend.web.reading_choice import ChosenSeries
from mbusheadend.web.register_texts import register_text
from mbusheadend.web.value_texts import meter_text
from mbusweb.locale import conventions_in_use
from mbusweb.locale import gettext as _


def series_json(shown: Sequence[tuple[ChosenSeries, Series]], span: Span, *, is_part: bool) -> str:
    """Describe lines over time; `is_part` leaves out what belongs to the whole time only."""
    several = len({chosen.meter.id for chosen, _series in shown}) > 1
    registers = len({chosen.register for chosen, _series in shown}) > 1
    lines = [
        _line(chosen.key, _name(chosen, several=several, registers=registers), series)
        for chosen, series in shown
    ]
    notes = (
        [_("There is more in this time than can be shown: choose a shorter one.")]
        if any(series.is_cut for _chosen, series in shown)
        else []
    )
    return dumps(
        {
            "kind": "lines",
            "since": span.since.timestamp(),
            "until": span.until.timestamp(),
            "open": span.is_open and not is_part,
            "exact": all(_is_exact(series) for _chosen, series in shown),
            "habits": habits(),
            "notes": notes,
            "series": lines,
        }
    )


def bars_json(
    register: Register, rows: Sequence[Compared], labels: Sequence[str], labels_before: Sequence[str]
) -> str:
    """Describe bars of consumption, each beside the one of the earlier time."""
    unit = shown_unit(register.unit).symbol
    now = [
        (place, in_unit(row.used.amount if row.so_far is None else row.so_far, register.unit))
        for place, row in enumerate(rows)
    ]
    then = [
        (place, in_unit(row.before.amount, register.unit) if row.before is not None else None)
        for place, row in enumerate(rows)
    ]
    marked = {str(place): ["reset"] for place, row in enumerate(rows) if row.used.has_fall}
    bars = [_bars("now", register_text(register), unit, now, marked)]
    if any(value is not None for _place, value in then):
        before = _bars("before", _("Before"), unit, then, {})
        bars.insert(0, {**before, "pale": True, "labels": list(labels_before)})
    return dumps({"kind": "bars", "labels": list(labels), "open": False, "habits": habits(), "series": bars})


def habits() -> dict[str, object]:
    """Say how the visitor writes numbers and times."""
    own = conventions_in_use()
    return {
        "date": own.date,
        "time": own.time,
        "morning": own.morning,
        "afternoon": own.afternoon,
        "decimal": own.decimal,
        "group": own.group,
    }


def _name(chosen: ChosenSeries, *, several: bool, registers: bool) -> str:
    if not several:
        return register_text(chosen.register)
    meter = meter_text(chosen.meter)
    return f"{meter}: {register_text(chosen.register)}" if registers else meter


def _line(key: str, name: str, series: Series) -> dict[str, object]:
    unit = series.register.unit
    times: list[object] = []
    values: list[object] = []
    marks: dict[str, object] = {}
    own: dict[str, object] = {}
    for place, sample in enumerate(series.samples):
        if sample is None:
            times.append(None)
            values.append(None)
            continue
        times.append(_seconds(sample.taken))
        values.append(in_unit(sample.value, unit))
        if sample.marks:
            marks[str(place)] = list(sample.marks)
        if sample.own is not None and _is_exact(series):
            own[str(place)] = int(sample.own.replace(tzinfo=UTC).timestamp())
    # A gap lies in the middle between two readings.
    for place, time in enumerate(times):
        if time is None:
            times[place] = _middle(times[place - 1], times[place + 1])
    return {
        "id": key,
        "name": name,
        "unit": shown_unit(unit).symbol,
        "count": series.count,
        "thinned": not _is_exact(series),
        "min": _value(series.smallest, unit),
        "max": _value(series.largest, unit),
        "last": None if series.last is None else [_seconds(series.last.taken), _value(series.last, unit)],
        "t": times,
        "v": values,
        "m": marks,
        "o": own,
    }


def _bars(
    key: str, name: str, unit: str, places: Sequence[tuple[int, object]], marks: dict[str, list[str]]
) -> dict[str, object]:
    known = [value for _place, value in places if isinstance(value, (int, Decimal))]
    return {
        "id": key,
        "name": name,
        "unit": unit,
        "count": len(known),
        "min": min(known, default=None),
        "max": max(known, default=None),
        "last": None,
        "t": [place for place, _value in places],
        "v": [value for _place, value in places],
        "m": marks,
    }


def _is_exact(series: Series) -> bool:
    return sum(sample is not None for sample in series.samples) >= series.count


def _value(sample: Sample | None, unit: str) -> object:
    return None if sample is None else in_unit(sample.value, unit)


def _seconds(moment: datetime) -> Decimal | int:
    """Give seconds since 1970 with as few digits as tell the time."""
    milliseconds = round(moment.timestamp() * 1000)
    whole, rest = divmod(milliseconds, 1000)
    return Decimal(milliseconds).scaleb(-3).normalize() if rest else whole


def _middle(early: object, late: object) -> int:
    assert isinstance(early, (int, Decimal))
    assert isinstance(late, (int, Decimal))
    return int((early + late) / 2)
