"""Real buttons: a line of a GPIO chip (gpiod), or a key of an input device (evdev).

Both libraries are loaded only where the settings name such a button.
"""

import asyncio
import fcntl
import struct
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import timedelta
from typing import Any, Final, Protocol

from mbusmaster.system.button import Button, ButtonError, Press

DEBOUNCE: Final = timedelta(milliseconds=20)

_SET_CLOCK: Final = 0x400445A0
"""EVIOCSCLOCKID of <linux/input.h>: which clock stamps the events."""
_KEY: Final = 1
"""EV_KEY."""
_RELEASED_PRESSED: Final = (0, 1)
"""Values of a key; 2 is its repetition."""


class Contact(Protocol):
    """An open button: a file that is readable when something happened."""

    def fileno(self) -> int:
        """Give the file's number."""

    def read(self) -> Iterable[Press]:
        """Give what happened, without waiting; raise `OSError` when the device is gone."""

    def close(self) -> None:
        """Close it."""


class FileButton:
    """A button that is a file of the system.

    :param name: how the settings call it.
    :param open_contact: opens it; raises `OSError`, or `ButtonError` where a library is missing.
    """

    def __init__(self, name: str, open_contact: Callable[[], Contact]) -> None:
        self._name = name
        self._open = open_contact

    async def presses(self) -> AsyncGenerator[Press, None]:
        """Give what happens from now on; raise `ButtonError`."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        try:
            contact = self._open()
        except OSError as error:
            raise self._error(error) from error
        try:
            loop.add_reader(contact.fileno(), readable.set)
            while True:
                await readable.wait()
                readable.clear()
                for press in contact.read():
                    yield press
        except OSError as error:
            raise self._error(error) from error
        finally:
            loop.remove_reader(contact.fileno())
            contact.close()

    def _error(self, error: OSError) -> ButtonError:
        return ButtonError(
            f"the reset button {self._name} cannot be read: {error.strerror or error}; check panel.button, and that the "
            "user of the gateway may read the device"
        )


class GpioContact:
    """A line of a GPIO chip.

    :param request: of gpiod, for one line, with both edges.
    :param pressed: gpiod's type of the edge at which it becomes active.
    """

    def __init__(self, request: Any, pressed: object) -> None:
        self._request = request
        self._pressed = pressed

    def fileno(self) -> int:
        """Give the request's file."""
        return int(self._request.fd)

    def read(self) -> Iterable[Press]:
        """Give the edges; the kernel stamps them with the monotonic clock."""
        return [
            Press(event.event_type is self._pressed, event.timestamp_ns / 1e9)
            for event in self._request.read_edge_events()
        ]

    def close(self) -> None:
        """Give the line back."""
        self._request.release()


class KeyContact:
    """A key of an input device.

    :param device: of evdev, whose events have the monotonic clock's time.
    :param code: of the key.
    """

    def __init__(self, device: Any, code: int) -> None:
        self._device = device
        self._code = code

    def fileno(self) -> int:
        """Give the device's file."""
        return int(self._device.fd)

    def read(self) -> Iterable[Press]:
        """Give what the key did, without its repetition and without other keys."""
        try:
            events = list(self._device.read())
        except BlockingIOError:
            return []
        return [
            Press(event.value == 1, event.timestamp())
            for event in events
            if event.type == _KEY and event.code == self._code and event.value in _RELEASED_PRESSED
        ]

    def close(self) -> None:
        """Close the device."""
        self._device.close()


def button(setting: str) -> Button:
    """Give the button that a setting names (`PanelSettings.button`)."""
    kind, device, what = setting.split(":")
    if kind == "gpio":
        line = int(what.removeprefix("!"))
        return FileButton(setting, lambda: _open_gpio(setting, device, line, what.startswith("!")))
    return FileButton(setting, lambda: _open_key(setting, device, what))


def _open_gpio(name: str, chip: str, line: int, is_active_low: bool) -> Contact:
    try:
        import gpiod
        from gpiod.line import Direction, Edge
    except ImportError as error:
        raise _missing(name, "gpiod") from error
    settings = gpiod.LineSettings(
        direction=Direction.INPUT,
        edge_detection=Edge.BOTH,
        active_low=is_active_low,
        debounce_period=DEBOUNCE,
    )
    request = gpiod.request_lines(chip, {line: settings}, consumer="mbusmaster")
    return GpioContact(request, gpiod.EdgeEvent.Type.RISING_EDGE)


def _open_key(name: str, path: str, key: str) -> Contact:
    try:
        import evdev
    except ImportError as error:
        raise _missing(name, "evdev") from error
    code = evdev.ecodes.ecodes.get(key)
    if not isinstance(code, int):
        raise ButtonError(f"the reset button {name} cannot be read: there is no key {key}; see panel.button")
    device = evdev.InputDevice(path)
    fcntl.ioctl(device.fd, _SET_CLOCK, struct.pack("i", time.CLOCK_MONOTONIC))
    return KeyContact(device, code)


def _missing(name: str, library: str) -> ButtonError:
    return ButtonError(
        f"the reset button {name} cannot be read: {library} is not installed; install mbusmaster[panel]"
    )
