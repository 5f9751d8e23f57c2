"""What sections are made of: kinds of values, and how a check says what is wrong."""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyAddress,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from mbusmaster.settings.messages import Problem, Template, problem

RESTART: dict[str, Any] = {"needs_restart": True}
MACHINE: dict[str, Any] = {"needs_restart": True, "of_machine": True}
"""Belongs to this machine: a restored configuration leaves it as it is here."""
FLEET: dict[str, Any] = {"fleet": True}
FLEET_RESTART: dict[str, Any] = {**RESTART, **FLEET}
"""The head-end may set it: nothing that could cut the master off, let somebody in, or is another one at each master."""
_LONGEST_PATH: Final = 255
_LONGEST_ADDRESS: Final = 64


def refuse(*problems: Problem) -> PydanticCustomError:
    """Make what a check raises, so that a form can show each message at its setting.

    :param problems: their paths count from what is checked; empty is that itself.
    """
    return PydanticCustomError(
        "problems", "{text}", {"text": "; ".join(one.text for one in problems), "problems": problems}
    )


def must_be(key: Template, more: dict[str, Any] | None = None) -> dict[str, Any]:
    """Say what is right where a pattern refuses."""
    return {**(more or {}), "must_be": key.name}


def _written(value: object) -> object:
    """An address is text: the number 5 is none."""
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    if isinstance(value, str):
        if len(value) > _LONGEST_ADDRESS:
            raise refuse(problem("", Template.TOO_LONG, maximum=_LONGEST_ADDRESS))
        return printable(value)
    raise refuse(problem("", Template.TEXT))


def _path(value: object) -> object:
    text = str(value) if isinstance(value, Path) else value
    if not isinstance(text, str):
        raise refuse(problem("", Template.TEXT))
    if not text:
        raise refuse(problem("", Template.EMPTY))
    if len(text) > _LONGEST_PATH:
        raise refuse(problem("", Template.TOO_LONG, maximum=_LONGEST_PATH))
    return printable(value)


def printable(value: object) -> object:
    """Check that a text has nothing in it that could break a line, a name or a path."""
    if not all(one.isprintable() for one in str(value)):
        raise refuse(problem("", Template.CONTROL_CHARACTERS))
    return value


Ipv4 = Annotated[IPv4Address, BeforeValidator(_written)]
Ip = Annotated[IPvAnyAddress, BeforeValidator(_written)]
FilePath = Annotated[Path, BeforeValidator(_path)]
Device = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@\-]{0,14}$", json_schema_extra=must_be(Template.NETWORK_DEVICE)
    ),
]
"""Name of a network device, as the system writes it."""
HostName = Annotated[
    str,
    Field(max_length=253, pattern=r"^[A-Za-z0-9.:\[\]\-]+$", json_schema_extra=must_be(Template.HOST_NAME)),
]
Lamp = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:\-]{0,127}$", json_schema_extra=must_be(Template.LAMP)),
]
"""Name of an LED, as the system writes it."""


class Model(BaseModel):
    """Base of all sections."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _a_switch_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse true where pydantic would take it for 1."""
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation in (int, float):
            raise refuse(problem("", Template.NUMBER))
        return value


def port_field(description: str, extra: dict[str, Any] = RESTART) -> Any:
    """Make the field of a TCP port."""
    return Field(title="Port number", description=description, ge=0, le=65535, json_schema_extra=extra)
