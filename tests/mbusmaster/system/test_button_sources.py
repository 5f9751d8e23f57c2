"""Real buttons, without their hardware: a pipe that is readable, and events as the libraries give them."""

import asyncio
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from mbusmaster.system.button import ButtonError, Press
from mbusmaster.system.button_sources import FileButton, GpioContact, KeyContact, button

KEY_RESTART = 0x198


class Pipe:
    """A contact whose file is a pipe: one byte for each change."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe2(os.O_NONBLOCK)
        self.is_gone = False
        self.is_closed = False

    def change(self, is_pressed: bool) -> None:
        os.write(self.writing, bytes([is_pressed]))

    def fileno(self) -> int:
        return self.reading

    def read(self) -> Iterable[Press]:
        data = os.read(self.reading, 100)
        if self.is_gone:
            raise OSError(19, "No such device")
        return [Press(bool(byte), 1.0) for byte in data]

    def close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)
        self.is_closed = True


async def test_presses_come_as_the_file_becomes_readable_and_it_is_closed_at_the_end() -> None:
    pipe = Pipe()
    presses = FileButton("pipe", lambda: pipe).presses()
    first = asyncio.ensure_future(anext(presses))
    await asyncio.sleep(0)
    pipe.change(True)
    assert await first == Press(True, 1.0)
    pipe.change(False)
    pipe.change(True)
    assert [(await anext(presses)).is_pressed for _ in range(2)] == [False, True]
    await presses.aclose()
    assert pipe.is_closed


async def test_a_device_that_is_gone_is_an_error_with_its_name() -> None:
    pipe = Pipe()
    presses = FileButton("evdev:/dev/input/event0:KEY_RESTART", lambda: pipe).presses()
    first = asyncio.ensure_future(anext(presses))
    await asyncio.sleep(0)
    pipe.is_gone = True
    pipe.change(True)
    with pytest.raises(ButtonError, match="event0:KEY_RESTART cannot be read: No such device"):
        await first
    assert pipe.is_closed


@pytest.mark.parametrize(
    "setting",
    [
        "gpio:/dev/mbusmaster-no-such-chip:17",
        "gpio:/dev/mbusmaster-no-such-chip:!17",
        "evdev:/dev/mbusmaster-no-such-device:KEY_RESTART",
    ],
)
async def test_a_device_that_is_not_there_is_an_error_that_says_what_to_check(setting: str) -> None:
    with pytest.raises(ButtonError, match=r"check panel\.button"):
        await anext(button(setting).presses())


async def test_a_key_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ButtonError, match="there is no key KEY_RESETT"):
        await anext(button("evdev:/dev/mbusmaster-no-such-device:KEY_RESETT").presses())


@pytest.mark.parametrize(
    ("setting", "library"), [("gpio:/dev/x:1", "gpiod"), ("evdev:/dev/x:KEY_A", "evdev")]
)
async def test_without_the_library_the_error_says_what_to_install(
    setting: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ButtonError, match=rf"{library} is not installed; install mbusmaster\[panel\]"):
        await anext(button(setting).presses())


@dataclass
class Edge:
    event_type: object
    timestamp_ns: int


class Request:
    fd = 7
    is_released = False

    def read_edge_events(self) -> list[Edge]:
        return [Edge("rising", 1_500_000_000), Edge("falling", 2_000_000_000)]

    def release(self) -> None:
        self.is_released = True


def test_edges_of_a_line_are_presses_at_the_kernels_time() -> None:
    request = Request()
    contact = GpioContact(request, "rising")
    assert contact.fileno() == 7
    assert contact.read() == [Press(True, 1.5), Press(False, 2.0)]
    contact.close()
    assert request.is_released


@dataclass
class Event:
    type: int
    code: int
    value: int

    def timestamp(self) -> float:
        return 3.0


class Device:
    fd = 8

    def __init__(self, *events: Event) -> None:
        self.events = events
        self.is_closed = False

    def read(self) -> Iterable[Event]:
        if not self.events:
            raise BlockingIOError
        return iter(self.events)

    def close(self) -> None:
        self.is_closed = True


def test_only_the_named_key_counts_and_its_repetition_does_not() -> None:
    device = Device(
        Event(1, KEY_RESTART, 1),
        Event(0, 0, 0),
        Event(1, KEY_RESTART, 2),
        Event(1, 30, 1),
        Event(1, KEY_RESTART, 0),
    )
    contact = KeyContact(device, KEY_RESTART)
    assert contact.fileno() == 8
    assert contact.read() == [Press(True, 3.0), Press(False, 3.0)]
    contact.close()
    assert device.is_closed


def test_a_device_that_has_nothing_to_say_says_nothing() -> None:
    assert list(KeyContact(Device(), KEY_RESTART).read()) == []


def test_a_button_of_the_settings_loads_no_library_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("gpiod", "evdev"):
        monkeypatch.setitem(sys.modules, library, None)
    button("gpio:/dev/gpiochip0:!17")
    button("evdev:/dev/input/event0:KEY_RESTART")
