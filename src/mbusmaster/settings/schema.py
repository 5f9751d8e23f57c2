"""Every setting of the master, once: its meaning, its default, its limits, and whether a change needs a restart.

Forms, documentation and validation all come from here. Models are frozen: a change is a new `Settings`.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, IPvAnyAddress, field_validator, model_validator

from mbusio.transport import parse_url

VERSION: Final = 2
"""Of the file's layout; `mbusmaster.settings.migrations` knows how to come here from older ones."""

Baud = Literal[300, 2400, 9600, 19200]
RESTART: dict[str, Any] = {"needs_restart": True}


class Parity(StrEnum):
    """Parity of the characters between this machine and the level converter."""

    EVEN = "even"
    NONE = "none"
    ODD = "odd"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BusSettings(_Model):
    """One bus: where it is, how fast it talks, and how clients share it."""

    name: Annotated[
        str,
        Field(
            title="Name",
            description="Short name of the bus: small letters, digits, '-' and '_'.",
            pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$",
            json_schema_extra=RESTART,
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
            json_schema_extra=RESTART,
        ),
    ] = 300
    default_baud: Annotated[
        Baud,
        Field(
            title="Default baud rate",
            description="Used for every local reading, and tried first by hosted readings.",
            json_schema_extra=RESTART,
        ),
    ] = 2400
    max_baud: Annotated[
        Baud,
        Field(
            title="Max. baud rate",
            description="The highest rate that hosted readings and scans may use.",
            json_schema_extra=RESTART,
        ),
    ] = 19200
    timeout: Annotated[
        int,
        Field(
            title="Timeout [seconds]",
            description="How long a hosted reading or a scan waits for a meter that does not answer.",
            ge=1,
            le=3,
            json_schema_extra=RESTART,
        ),
    ] = 2
    retries: Annotated[
        int,
        Field(
            title="Max. retries",
            description="How often a hosted reading or a scan asks again before it tries another baud rate.",
            ge=1,
            le=3,
            json_schema_extra=RESTART,
        ),
    ] = 3
    allow_writes: Annotated[
        bool,
        Field(
            title="Allow write services",
            description="Lets clients of the channels write to meters: address, clock, application reset. Baud rates never.",
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
            json_schema_extra=RESTART,
        ),
    ] = 0.5
    lease: Annotated[
        float,
        Field(
            title="Lease [seconds]",
            description="How long a client's selection and its place in a reading of several telegrams are kept for it.",
            ge=1,
            le=60,
            json_schema_extra=RESTART,
        ),
    ] = 10.0
    lease_limit: Annotated[
        float,
        Field(
            title="Longest conversation [seconds]",
            description="After this time the others get their turn, finished or not; rates below 2400 get more in proportion.",
            ge=2,
            le=300,
            json_schema_extra=RESTART,
        ),
    ] = 30.0
    line_monitor: Annotated[
        str | None,
        Field(
            title="Line monitor",
            description="Where current and state of the line can be read: tcp://host:port or unix:///path; empty if nowhere.",
            max_length=512,
            pattern=r"^(tcp://.+:[0-9]+|unix:///.+)$",
            json_schema_extra=RESTART,
        ),
    ] = None

    @field_validator("url")
    @classmethod
    def _names_a_bus(cls, url: str) -> str:
        parse_url(url)
        for inside, beside in (("baud", "default_baud"), ("parity", "parity")):
            if inside in parse_qs(urlsplit(url).query, keep_blank_values=True):
                raise ValueError(f"write {beside} = … on a line of its own instead of {inside}= in the url")
        return url

    @model_validator(mode="after")
    def _rates_in_order(self) -> Self:
        if not self.min_baud <= self.default_baud <= self.max_baud:
            raise ValueError(
                f"baud rates must rise from min_baud over default_baud to max_baud, "
                f"these are {self.min_baud}, {self.default_baud}, {self.max_baud}"
            )
        return self


class PlainTcpSettings(_Model):
    """The transparent channel without encryption."""

    enabled: Annotated[
        bool,
        Field(
            title="Enable unsecured TCP at port",
            description="Anybody who reaches the port can read the meters: prefer the secured channel.",
            json_schema_extra=RESTART,
        ),
    ] = False
    port: Annotated[
        int,
        Field(
            title="Port number",
            description="TCP port of the channel; 0 takes any free one.",
            ge=0,
            le=65535,
            json_schema_extra=RESTART,
        ),
    ] = 2445
    bind: Annotated[
        tuple[IPvAnyAddress, ...],
        Field(
            title="Addresses",
            description="Local addresses to listen at.",
            min_length=1,
            max_length=16,
            validate_default=True,
            json_schema_extra=RESTART,
        ),
    ] = ("0.0.0.0", "::")  # type: ignore[assignment]  # noqa: S104 - the channel is off by default
    bus: Annotated[
        str | None,
        Field(
            title="Bus",
            description="Name of the bus behind the channel; empty is the first.",
            json_schema_extra=RESTART,
        ),
    ] = None
    max_clients: Annotated[
        int,
        Field(
            title="Clients",
            description="Connections at the same time.",
            ge=1,
            le=1000,
            json_schema_extra=RESTART,
        ),
    ] = 100
    max_clients_per_source: Annotated[
        int,
        Field(
            title="Clients per source",
            description="Connections at the same time from one address.",
            ge=1,
            le=1000,
            json_schema_extra=RESTART,
        ),
    ] = 60
    idle_close: Annotated[
        float,
        Field(
            title="Idle close [seconds]",
            description="A connection without a request for so long is closed.",
            ge=10,
            le=86400,
            json_schema_extra=RESTART,
        ),
    ] = 900.0


class ChannelsSettings(_Model):
    """The doors through which reading software reaches the bus."""

    plain_tcp: PlainTcpSettings = Field(default=PlainTcpSettings(), title="Unsecured TCP")


class LogSettings(_Model):
    """What the log shows."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(
            title="Level",
            description="Least weight of a message that is logged.",
            json_schema_extra=RESTART,
        ),
    ] = "info"


class Settings(_Model):
    """All settings of a master."""

    version: Annotated[
        Literal[2],
        Field(
            title="Layout", description="Version of the file's layout.", json_schema_extra={"hidden": True}
        ),
    ] = VERSION
    state_folder: Annotated[
        Path,
        Field(
            title="State folder",
            description="Where the master keeps what must survive a restart.",
            json_schema_extra=RESTART,
        ),
    ] = Path("/var/lib/mbusmaster")
    buses: Annotated[
        tuple[BusSettings, ...],
        Field(title="Buses", description="One section for each bus.", min_length=1, max_length=16),
    ] = (BusSettings(),)
    channels: ChannelsSettings = Field(default=ChannelsSettings(), title="Channels")
    log: LogSettings = Field(default=LogSettings(), title="Log")

    @model_validator(mode="after")
    def _names_are_known_and_unique(self) -> Self:
        names = [bus.name for bus in self.buses]
        if len(set(names)) != len(names):
            raise ValueError(f"two buses have the same name: {', '.join(names)}")
        if self.channels.plain_tcp.bus not in (None, *names):
            raise ValueError(
                f"channels.plain_tcp.bus names {self.channels.plain_tcp.bus!r}; there is only {', '.join(names)}"
            )
        return self
