"""Real lamps: LEDs of the kernel, as files (Linux: Documentation/leds/leds-class.rst).

Flashing is the kernel's work (trigger ``timer``), and so is the traffic of the network where it can (trigger ``netdev``).
A file is written only when something changes. A trigger brings files of its own, which udev gives to the gateway's user a moment
later: what fails for the first time is tried again, and a trigger that is in force is not set again, which would take them away.
"""

import contextlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mbusmaster.system.leds import ALL_DARK, Lamp, PanelState

FLASH_MILLISECONDS: Final = 250
"""A flashing lamp is on, and off, for so long."""
_TRIES: Final = 2
"""In a row, before a lamp counts as one that cannot be set."""
LAMPS: Final = (
    ("power", "red"),
    ("mbus", "red"),
    ("mbus", "green"),
    ("data", "green"),
    ("overload", "red"),
    ("ethernet", "green"),
)

_log = logging.getLogger(__name__)


class _Led:
    """One LED, and what was last written to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shown = ""
        self._told = False
        self._failures = 0
        self._full = self._read("max_brightness").strip() or "1"
        self._triggers = frozenset(self._read("trigger").replace("[", "").replace("]", "").split())
        self._can_follow = "netdev" in self._triggers

    def show(self, is_on: bool, is_flashing: bool) -> None:
        """Light it, let it flash, or put it out; where the kernel cannot flash it, it is lit."""
        half = str(FLASH_MILLISECONDS)
        if is_on and is_flashing and "timer" in self._triggers:
            self._write_once(
                "flashing",
                {"brightness": self._full, "trigger": "timer", "delay_on": half, "delay_off": half},
            )
            return
        plain = {"trigger": "none"} if self._triggers else {}
        self._write_once("on" if is_on else "off", {**plain, "brightness": self._full if is_on else "0"})

    def follow(self, interface: str) -> bool:
        """Let the kernel show link and traffic of a network device; false where it cannot."""
        if not self._can_follow or not interface:
            return False
        follows = self._write_once(
            f"netdev {interface}",
            {"trigger": "netdev", "device_name": interface, "link": "1", "tx": "1", "rx": "1"},
        )
        self._can_follow = follows or self._failures < _TRIES
        return self._can_follow

    def _write_once(self, what: str, files: Mapping[str, str]) -> bool:
        """Write files in this order unless they were; tell the first failure."""
        if self._shown == what:
            return True
        try:
            for name, text in files.items():
                if name == "trigger" and text != "none" and f"[{text}]" in self._read(name).split():
                    continue
                self._write(name, text)
        except OSError as error:
            self._shown = ""
            self._failures += 1
            if self._failures >= _TRIES:
                self._tell_once(error)
            return False
        self._shown = what
        self._failures = 0
        return True

    def _tell_once(self, error: OSError) -> None:
        if self._told:
            return
        self._told = True
        _log.warning(
            "the lamp %s cannot be set: %s: %s; the user of the gateway must be allowed to write there",
            self._folder.name,
            error.filename or self._folder,
            error.strerror,
        )

    def _write(self, name: str, text: str) -> None:
        file = os.open(self._folder / name, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)

    def _read(self, name: str) -> str:
        with contextlib.suppress(OSError):
            return (self._folder / name).read_text()
        return ""


class LedFiles:
    """The LEDs of this machine that are lamps of the panel.

    :param folder: of all LEDs of the system.
    :param names: which LED is which lamp (``power_red``); one that is not named is ``mbusmaster:COLOUR:LAMP``.
    """

    def __init__(self, folder: Path, names: Mapping[str, str]) -> None:
        self._leds: dict[tuple[str, str], _Led] = {}
        for lamp, colour in LAMPS:
            named = names.get(f"{lamp}_{colour}")
            path = folder / (named or f"mbusmaster:{colour}:{lamp}")
            if path.parent == folder and path.is_dir():
                self._leds[lamp, colour] = _Led(path)
            elif named:
                _log.warning("there is no LED %s in %s for the lamp %s (%s)", named, folder, lamp, colour)

    def __bool__(self) -> bool:
        """Tell whether this machine has any of the lamps."""
        return bool(self._leds)

    def show(self, state: PanelState, ethernet: str = "") -> None:
        """Show a state.

        :param ethernet: name of the network device whose link and traffic the kernel may show by itself.
        """
        lamps: dict[str, Lamp] = dict(state.lamps())
        for (name, colour), led in self._leds.items():
            if name == "ethernet" and led.follow(ethernet):
                continue
            lamp = lamps[name]
            led.show(lamp.colour == colour, lamp.is_flashing)

    def put_out(self) -> None:
        """Put all lamps out: the master ends."""
        self.show(ALL_DARK)
