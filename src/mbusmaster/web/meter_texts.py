"""Words of the meter list in the visitor's language: what was seen of a meter, what to do about it, media, columns."""

from dataclasses import dataclass
from typing import Final

from mbusmaster.meterlist import Kind, Status
from mbusweb.locale import gettext as _
from mbusweb.texts import mark

COLUMNS: Final = {
    "secondary_address": mark("Secondary address"),
    "identification": mark("Identification"),
    "manufacturer": mark("Manufacturer"),
    "version": mark("Version"),
    "medium": mark("Medium"),
    "primary_address": mark("Primary address"),
    "baud_rate": mark("Baud rate"),
    "fabrication_number": mark("Fabrication number"),
    "first_seen": mark("First seen"),
    "last_seen": mark("Last seen"),
    "status": mark("Status"),
    "note": mark("Note"),
    "bus": mark("Bus"),
}
"""By name in the CSV file."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A word with a sign, so that colour is never all there is.

    :ivar look: class of the style sheet: good, warn, bad, none.
    """

    text: str
    icon: str
    look: str


def status_sign(status: Status) -> Sign:
    """Say what was seen of a meter."""
    return {
        Status.ANSWERS: Sign(_("Answers"), "✓", "good"),
        Status.ACKNOWLEDGES: Sign(_("Acknowledges only"), "!", "warn"),
        Status.SILENT: Sign(_("Silent"), "✕", "bad"),
        Status.COLLISION: Sign(_("Collision"), "⇄", "bad"),
        Status.GARBLED: Sign(_("Garbled"), "≈", "bad"),
        Status.WRONG_ADDRESS: Sign(_("Wrong address"), "≠", "bad"),
        Status.OTHER_BAUD: Sign(_("Other baud rate"), "↕", "warn"),
        Status.NOT_ASKED: Sign(_("Not asked yet"), "–", "none"),
    }[status]


def advice(status: Status) -> str:
    """Say what to do next; empty where nothing is to be done."""
    return {
        Status.ANSWERS: "",
        Status.ACKNOWLEDGES: _(
            "The meter hears the master but sends no data. Check again, then look whether its M-Bus module is made for reading."
        ),
        Status.SILENT: _(
            "Check that the meter has power and both wires have contact, and that its address is the one in this list."
        ),
        Status.COLLISION: _(
            "Several meters have this address. Find out by their numbers which ones, and give each an address of its own."
        ),
        Status.GARBLED: _(
            "Check for several meters at one address, a bad contact, a cable that is too long, or noise from other cables."
        ),
        Status.WRONG_ADDRESS: _(
            "Another meter answers here. Compare the number on the meter with the one in this list."
        ),
        Status.OTHER_BAUD: _(
            "The meter can be read at that baud rate. Set it to the common rate if all meters shall be read at one."
        ),
        Status.NOT_ASKED: _("Scan the M-Bus to see whether this meter answers."),
    }[status]


def kind_sign(kind: Kind) -> Sign:
    """Say what became of an expected meter."""
    return {
        Kind.FOUND: Sign(_("Found"), "✓", "good"),
        Kind.DIFFERING: Sign(_("Different"), "≠", "warn"),
        Kind.MISSING: Sign(_("Missing"), "✕", "bad"),
        Kind.UNEXPECTED: Sign(_("Unexpected"), "+", "warn"),
    }[kind]


def column_text(column: str) -> str:
    """Give the title of a column by its name in the CSV file."""
    return _(COLUMNS[column]) if column in COLUMNS else column


def duration_text(seconds: float) -> str:
    """Give a length of time as people say it."""
    whole = max(0, round(seconds))
    if whole < 60:
        return _("%(seconds)d s") % {"seconds": whole}
    if whole < 3600:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": whole // 60, "seconds": whole % 60}
    return _("%(hours)d h %(minutes)d min") % {"hours": whole // 3600, "minutes": whole % 3600 // 60}
