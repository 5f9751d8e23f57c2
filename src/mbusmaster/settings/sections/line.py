"""The line monitor of a bus: where current, temperature and alarms are read, and what they mean (guide 1.3.1)."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import parse_qsl

from pydantic import AfterValidator, Field, model_validator

from mbusmaster.settings.messages import Template, problem
from mbusmaster.settings.sections.parts import RESTART, Model, must_be, printable, refuse

PlaceKind = Literal["file", "iio", "gpio", "modem"]

INPUT_LINES: Final = ("cts", "dsr", "dcd", "ri")
"""Modem lines that a converter can drive."""
OUTPUT_LINES: Final = ("dtr", "rts")
_LONGEST: Final = 512
_PATH: Final = re.compile(r"/[^?\s]+")
_GPIO: Final = re.compile(r"(/dev/[A-Za-z0-9_/\-]+):(!?)([0-9]{1,4})")
_NUMBERS: Final[dict[str, tuple[str, ...]]] = {"file": ("scale", "offset", "shunt"), "iio": ("shunt",)}
_VALUES: Final[tuple[PlaceKind, ...]] = ("file", "iio")
_CONTACTS: Final[tuple[PlaceKind, ...]] = ("file", "gpio", "modem")
_SWITCHES: Final[tuple[PlaceKind, ...]] = ("gpio", "modem")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one thing is read or switched.

    ==========================================================  ============================================================
    text                                                        what it is
    ==========================================================  ============================================================
    ``file:/PATH[?scale=N][&offset=N][&shunt=N]``               a number in a file: (number + offset) x scale; ``*`` in the
                                                                path stands for the one name that fits
    ``iio:/PATH/in_current0[?shunt=N]``                         ``in_current0_raw``, ``_offset`` and ``_scale`` of IIO
    ``gpio:/dev/gpiochip0:17``                                  a line of a GPIO chip; ``!17``: it is active when low
    ``modem:cts``                                               a modem line of the bus's serial port; ``!cts``: active when off
    ==========================================================  ============================================================

    :ivar target: path, device of the chip, or name of the modem line.
    :ivar number: of the GPIO line.
    :ivar scale: None leaves it to the kind of value.
    :ivar shunt: ohm through which the current flows whose voltage is read, in mV.
    """

    kind: PlaceKind
    target: str
    number: int = 0
    is_inverted: bool = False
    scale: float | None = None
    offset: float = 0.0
    shunt: float | None = None

    @classmethod
    def from_text(cls, text: str) -> "Place":
        """Read a place; raise `ValueError`."""
        kind, _, rest = text.partition(":")
        if kind == "gpio" and (found := _GPIO.fullmatch(rest)):
            return cls("gpio", found[1], int(found[3]), bool(found[2]))
        if kind == "modem" and (name := rest.removeprefix("!")) in (*INPUT_LINES, *OUTPUT_LINES):
            return cls("modem", name, is_inverted=rest.startswith("!"))
        path, _, query = rest.partition("?")
        if kind not in _NUMBERS or not _PATH.fullmatch(path):
            raise ValueError(text)
        numbers: dict[str, float] = {}
        for name, value in parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)):
            if name not in _NUMBERS[kind] or name in numbers or abs(number := float(value)) > 1e9:
                raise ValueError(text)
            numbers[name] = number
        if numbers.get("shunt", 1.0) <= 0 or numbers.get("scale", 1.0) == 0:
            raise ValueError(text)
        return cls(
            "iio" if kind == "iio" else "file",
            path,
            scale=numbers.get("scale"),
            offset=numbers.get("offset", 0.0),
            shunt=numbers.get("shunt"),
        )


def _is_place(kinds: tuple[PlaceKind, ...], lines: tuple[str, ...], key: Template) -> AfterValidator:
    def check(text: str) -> str:
        printable(text)
        try:
            place = Place.from_text(text)
        except ValueError:
            raise refuse(problem("", key)) from None
        if place.kind not in kinds or (place.kind == "modem" and place.target not in lines):
            raise refuse(problem("", key))
        return text

    return AfterValidator(check)


_IS_VALUE: Final = _is_place(_VALUES, (), Template.LINE_VALUE)
_IS_CONTACT: Final = _is_place(_CONTACTS, INPUT_LINES, Template.LINE_CONTACT)
_IS_SWITCH: Final = _is_place(_SWITCHES, OUTPUT_LINES, Template.LINE_SWITCH)


def _place_field(title: str, description: str) -> Any:
    return Field(title=title, description=description, max_length=_LONGEST, json_schema_extra=RESTART)


class LineSettings(Model):
    """How the line of a bus is watched, and when it is switched off (guide 1.3.1)."""

    monitor: Annotated[
        str | None,
        Field(
            title="Monitor program",
            description="A program that tells current and state of the line: tcp://host:port or unix:///path; empty if none.",
            max_length=_LONGEST,
            pattern=r"^(tcp://[^\s\/]+:[0-9]{1,5}|unix:///\S+)$",
            json_schema_extra=must_be(Template.LINE_MONITOR, RESTART),
        ),
    ] = None
    current: Annotated[
        Annotated[str, _IS_VALUE] | None,
        _place_field(
            "Current of the bus",
            "In mA: file:/sys/class/hwmon/hwmon0/curr1_input or iio:/sys/bus/iio/devices/iio:device0/in_current0.",
        ),
    ] = None
    temperature: Annotated[
        Annotated[str, _IS_VALUE] | None,
        _place_field(
            "Temperature of the driver",
            "In thousandths of °C, as the kernel gives it: file:/sys/class/hwmon/hwmon0/temp1_input.",
        ),
    ] = None
    overload: Annotated[
        Annotated[str, _IS_CONTACT] | None,
        _place_field(
            "Overload",
            "Active when there is too much load: gpio:/dev/gpiochip0:17 (!17: low), modem:cts (!cts: off) or a file: not 0.",
        ),
    ] = None
    overheated: Annotated[
        Annotated[str, _IS_CONTACT] | None,
        _place_field("Too hot", "Active when the driver is too hot; written as the overload is."),
    ] = None
    supply: Annotated[
        Annotated[str, _IS_SWITCH] | None,
        _place_field(
            "Supply of the bus",
            "Output that feeds the bus while it is active: gpio:/dev/gpiochip0:18, modem:dtr or modem:rts; ! inverts it.",
        ),
    ] = None
    warn_at: Annotated[
        float,
        Field(
            title="Max. normal current [mA]",
            description="More in idle is a warning.",
            ge=1,
            le=10_000,
            json_schema_extra=RESTART,
        ),
    ] = 375.0
    shut_down_at: Annotated[
        float,
        Field(
            title="Shut-down current [mA]",
            description="At this current the bus is shut down.",
            ge=1,
            le=10_000,
            json_schema_extra=RESTART,
        ),
    ] = 550.0
    collision_above: Annotated[
        float,
        Field(
            title="Collision current [mA]",
            description="More than this over the idle current while a meter answers means that several answer.",
            ge=21,
            le=1000,
            json_schema_extra=RESTART,
        ),
    ] = 25.0
    temperature_limit: Annotated[
        float,
        Field(
            title="Temperature limit [°C]",
            description="At this temperature of its driver the bus is shut down.",
            ge=30,
            le=150,
            json_schema_extra=RESTART,
        ),
    ] = 85.0
    back_after: Annotated[
        float,
        Field(
            title="Back after [seconds]",
            description="So long the bus stays shut down; each time it trips again soon, twice as long, up to ten minutes.",
            ge=1,
            le=3600,
            json_schema_extra=RESTART,
        ),
    ] = 5.0

    @model_validator(mode="after")
    def _warns_before_it_shuts_down(self) -> Self:
        if self.warn_at >= self.shut_down_at:
            raise refuse(problem("warn_at", Template.LINE_ORDER, shut_down_at=f"{self.shut_down_at:g}"))
        return self

    @property
    def has_source(self) -> bool:
        """Whether anything of the line can be read."""
        return any((self.monitor, self.current, self.temperature, self.overload, self.overheated))
