"""The five lamps as the page shows them: colour for the eye, words for everybody."""

from dataclasses import dataclass

from mbusmaster.system.leds import Colour, Lamp, PanelState
from mbusweb.locale import gettext as _


@dataclass(frozen=True, slots=True)
class ShownLamp:
    """One lamp, in the visitor's language.

    :ivar look: class of the style sheet: off, red, green, flashing.
    :ivar state: what the lamp does.
    :ivar meaning: what that means (guide 4).
    """

    name: str
    label: str
    look: str
    state: str
    meaning: str


def front_panel(state: PanelState) -> tuple[ShownLamp, ...]:
    """Give the lamps from left to right."""
    meanings = _meanings()
    return tuple(
        ShownLamp(name, label, _look(lamp), _state(lamp), meaning[_look(lamp)])
        for (name, lamp), (label, meaning) in zip(state.lamps(), meanings, strict=True)
    )


def _look(lamp: Lamp) -> str:
    return "flashing" if lamp.is_flashing else lamp.colour.value


def _state(lamp: Lamp) -> str:
    if lamp.is_flashing:
        return _("flashing green")
    return {Colour.OFF: _("off"), Colour.RED: _("red"), Colour.GREEN: _("green")}[lamp.colour]


def _meanings() -> tuple[tuple[str, dict[str, str]], ...]:
    return (
        (_("Power"), {"red": _("Master on"), "off": _("Master off")}),
        (
            _("M-Bus"),
            {
                "red": _("M-Bus fault"),
                "green": _("M-Bus running"),
                "flashing": _("M-Bus activity"),
                "off": _("Master off"),
            },
        ),
        (
            _("Data"),
            {
                "green": _("Connected to time server and update server"),
                "off": _("Not connected to time server and update server"),
            },
        ),
        (
            _("Overload"),
            {"red": _("M-Bus shut down by overtemperature"), "off": _("M-Bus temperature OK")},
        ),
        (
            _("Ethernet"),
            {"green": _("Link present"), "flashing": _("Ethernet activity"), "off": _("No link")},
        ),
    )
