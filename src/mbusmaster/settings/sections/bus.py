"""A bus."""

from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, field_validator, model_validator

from mbusio.transport import parse_url
from mbusmaster.settings.messages import Template, problem
from mbusmaster.settings.sections.line import LineSettings
from mbusmaster.settings.sections.parts import FLEET_RESTART, RESTART, Model, must_be, printable, refuse

Baud = Literal[300, 2400, 9600, 19200]


class Parity(StrEnum):
    """Parity of the characters between this machine and the level converter."""

    EVEN = "even"
    NONE = "none"
    ODD = "odd"


class BusSettings(Model):
    """One bus: where it is, how fast it talks, and how clients share it."""

    name: Annotated[
        str,
        Field(
            title="Name",
            description="Short name of the bus: small letters, digits, '-' and '_'.",
            pattern=r"^[a-z0-9][a-z0-9_\-]{0,31}$",
            json_schema_extra=must_be(Template.BUS_NAME, RESTART),
        ),
    ] = "main"
    url: Annotated[
        str,
        Field(
            title="Connection",
            description="Level converter: /dev/ttyUSB0, serial:///dev/ttyUSB0, tcp://host:port, rfc2217://host:port.",
            min_length=1,
            max_length=512,
            json_schema_extra=RESTART,
        ),
    ] = "/dev/ttyUSB0"
    parity: Annotated[
        Parity,
        Field(
            title="Parity",
            description="The bus itself uses even parity; some converters want none from the computer.",
            json_schema_extra=RESTART,
        ),
    ] = Parity.EVEN
    min_baud: Annotated[
        Baud,
        Field(
            title="Min. baud rate",
            description="The lowest rate that hosted readings and scans may use: low enough to reach every meter.",
            json_schema_extra=FLEET_RESTART,
        ),
    ] = 300
    default_baud: Annotated[
        Baud,
        Field(
            title="Default baud rate",
            description="Used for every local reading, and tried first by hosted readings.",
            json_schema_extra=FLEET_RESTART,
        ),
    ] = 2400
    max_baud: Annotated[
        Baud,
        Field(
            title="Max. baud rate",
            description="The highest rate that hosted readings and scans may use.",
            json_schema_extra=FLEET_RESTART,
        ),
    ] = 19200
    timeout: Annotated[
        int,
        Field(
            title="Timeout [seconds]",
            description="How long a hosted reading or a scan waits for a meter that does not answer.",
            ge=1,
            le=3,
            json_schema_extra=FLEET_RESTART,
        ),
    ] = 2
    retries: Annotated[
        int,
        Field(
            title="Max retries",
            description="How often a hosted reading or a scan asks again before it tries another baud rate.",
            ge=1,
            le=3,
            json_schema_extra=FLEET_RESTART,
        ),
    ] = 3
    allow_writes: Annotated[
        bool,
        Field(
            title="Allow write services",
            description="Lets clients of the channels write to meters: address, clock, application reset.",
            json_schema_extra=RESTART,
        ),
    ] = False
    allow_baud_switch: Annotated[
        bool,
        Field(
            title="Allow baud rate switching",
            description="A client may switch a meter's rate for its lease; then the meter is switched back.",
            json_schema_extra=RESTART,
        ),
    ] = False
    hold: Annotated[
        float,
        Field(
            title="Hold time [seconds]",
            description="How long the bus stays reserved for the next request of an unfinished conversation while others wait.",
            ge=0.05,
            le=5,
            json_schema_extra=FLEET_RESTART,
        ),
    ] = 0.5
    lease: Annotated[
        float,
        Field(
            title="Lease [seconds]",
            description="How long a client's selection and its place in a reading of several telegrams are kept for it.",
            ge=1,
            le=60,
            json_schema_extra=FLEET_RESTART,
        ),
    ] = 10.0
    lease_limit: Annotated[
        float,
        Field(
            title="Longest conversation [seconds]",
            description="After this time the others get their turn, finished or not; rates below 2400 get more in proportion.",
            ge=2,
            le=300,
            json_schema_extra=FLEET_RESTART,
        ),
    ] = 30.0
    line: Annotated[
        LineSettings,
        Field(
            title="Line monitor",
            description="Where current and temperature of the line are read, and when the bus is shut down.",
            json_schema_extra=RESTART,
        ),
    ] = LineSettings()

    @field_validator("url")
    @classmethod
    def _names_a_bus(cls, url: str) -> str:
        printable(url)
        try:
            parse_url(url)
            inside = parse_qs(urlsplit(url).query, keep_blank_values=True)
        except ValueError as error:
            raise refuse(problem("", Template.BUS_URL, reason=str(error))) from None
        taken = [
            problem("", Template.BUS_URL_SETTING, name=name) for name in ("baud", "parity") if name in inside
        ]
        if taken:
            raise refuse(*taken)
        return url

    @model_validator(mode="after")
    def _rates_in_order(self) -> Self:
        rates = {"min_baud": self.min_baud, "default_baud": self.default_baud, "max_baud": self.max_baud}
        wrong = [
            problem(name, Template.BAUD_ORDER, **rates)
            for name, is_wrong in (
                ("min_baud", self.min_baud > self.default_baud),
                ("max_baud", self.default_baud > self.max_baud),
            )
            if is_wrong
        ]
        if wrong:
            raise refuse(*wrong)
        return self
