"""What the line monitor of a bus says, as pages show it."""

from mbusmaster.bus.line.reading import LineReading
from mbusmaster.web.phrases import phrase
from mbusweb.locale import format_number, ngettext, pgettext
from mbusweb.locale import gettext as _


def line_facts(line: LineReading) -> tuple[tuple[str, str, str], ...]:
    """Give name, label and value of each thing that is known, in the visitor's language."""
    trips = ngettext("%(num)d time since the start", "%(num)d times since the start", line.trips)
    found: list[tuple[str, str, str]] = [("condition", pgettext("bus", "Line"), _condition(line))]
    if line.current is not None:
        found.append(("current", _("Current"), _milliamperes(line.current)))
    if line.idle is not None:
        found.append(("idle", _("Idle current"), _milliamperes(line.idle)))
    if line.unit_loads is not None:
        found.append(("unit_loads", _("Unit loads"), _number(line.unit_loads)))
    if line.load is not None:
        percent = _("%(percent)s percent of the normal maximum") % {"percent": _number(line.load, 0)}
        found.append(("load", _("Load"), percent))
    if line.temperature is not None:
        found.append(("temperature", _("Temperature of the driver"), f"{_number(line.temperature)} °C"))
    found.append(("trips", _("Shut down"), trips % {"num": line.trips} if line.trips else _("never")))
    return tuple(found)


def line_note(line: LineReading) -> str:
    """Give the figures in short."""
    parts = []
    if line.current is not None:
        parts.append(_milliamperes(line.current))
    if line.unit_loads is not None:
        parts.append(_("%(count)s unit loads") % {"count": _number(line.unit_loads)})
    if line.temperature is not None:
        parts.append(f"{_number(line.temperature)} °C")
    return ", ".join(parts)


def _condition(line: LineReading) -> str:
    words = {"idle": _("Idle"), "active": _("Active"), "warning": _("High load")}
    text = words.get(line.condition) or phrase(line.condition)
    if line.back_in is not None:
        text += _("; tried again in %(seconds)s s") % {"seconds": _number(line.back_in, 0)}
    return text


def _milliamperes(current: float) -> str:
    return f"{_number(current)} mA"


def _number(number: float, digits: int = 1) -> str:
    return format_number(round(number, digits))
