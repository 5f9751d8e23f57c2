"""The channels: the doors through which reading software reaches the bus."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from mbusmaster.settings.messages import Template, problem
from mbusmaster.settings.sections.parts import (
    FLEET_RESTART,
    MACHINE,
    RESTART,
    Device,
    FilePath,
    Ip,
    Model,
    must_be,
    port_field,
    refuse,
)


class _ListenerSettings(Model):
    """What every channel that listens on the network has; each says for itself what the first two mean."""

    enabled: bool = False
    port: int = 0
    bind: Annotated[
        tuple[Ip, ...],
        Field(
            title="Addresses",
            description="Local addresses to listen at.",
            min_length=1,
            max_length=16,
            validate_default=True,
            json_schema_extra=RESTART,
        ),
    ] = ("0.0.0.0", "::")  # type: ignore[assignment]  # noqa: S104 - nobody gets in without trust, or where it was switched on
    interfaces: Annotated[
        tuple[Device, ...],
        Field(
            title="Interfaces",
            description="Network devices to listen at, such as eth0; empty is every one that has one of the addresses.",
            max_length=16,
            json_schema_extra=RESTART,
        ),
    ] = ()
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


class SecuredTcpSettings(_ListenerSettings):
    """The transparent channel over TLS 1.3, for clients with a certificate that this master trusts."""

    enabled: Annotated[
        bool,
        Field(
            title="Enable secured TCP at Port",
            description="Encrypted, and only for clients whose certificate this master trusts.",
            json_schema_extra=FLEET_RESTART,
        ),
    ] = True
    port: Annotated[int, port_field("TCP port of the secured channel; 0 takes any free one.")] = 1445


class PlainTcpSettings(_ListenerSettings):
    """The transparent channel without encryption."""

    enabled: Annotated[
        bool,
        Field(
            title="Enable unsecured TCP at Port",
            description="Anybody who reaches the port can read the meters: prefer the secured channel.",
            json_schema_extra=RESTART,
        ),
    ] = False
    port: Annotated[int, port_field("TCP port of the unsecured channel; 0 takes any free one.")] = 2445


class Rfc2217Settings(_ListenerSettings):
    """A serial port over the network (RFC 2217), without encryption: the client sets the baud rate."""

    enabled: Annotated[
        bool,
        Field(
            title="Enable RFC 2217 at Port",
            description="A serial port over the network whose baud rate the client sets; without encryption.",
            json_schema_extra=RESTART,
        ),
    ] = False
    port: Annotated[
        int, port_field("TCP port of the serial port over the network; 0 takes any free one.")
    ] = 2217


class SerialPortSettings(Model):
    """The virtual serial port: over USB where the machine has such a gadget, else a pseudo-terminal on this machine."""

    enabled: Annotated[
        bool,
        Field(
            title="Enable virtual serial port",
            description="Local reading over the USB cable, or by programs on this machine.",
            json_schema_extra=RESTART,
        ),
    ] = True
    device: Annotated[
        str | None,
        Field(
            title="Device",
            description="The USB gadget's serial device; empty takes /dev/ttyGS0 where there is one.",
            max_length=128,
            pattern=r"^/dev(/[A-Za-z0-9_][A-Za-z0-9_.:,@#+=\-]*)+$",
            json_schema_extra=must_be(Template.SERIAL_DEVICE, MACHINE),
        ),
    ] = None
    link: Annotated[
        FilePath,
        Field(
            title="Link",
            description="Name of the port on this machine where there is no USB gadget.",
            json_schema_extra=MACHINE,
        ),
    ] = Path("/run/mbusmaster/mbus")
    bus: Annotated[
        str | None,
        Field(
            title="Bus",
            description="Name of the bus behind the port; empty is the first.",
            json_schema_extra=RESTART,
        ),
    ] = None


class ChannelsSettings(Model):
    """The doors through which reading software reaches the bus."""

    secure_only: Annotated[
        bool,
        Field(
            title="Secure communication only",
            description="While this is on, unsecured TCP and RFC 2217 cannot be switched on.",
            json_schema_extra=FLEET_RESTART,
        ),
    ] = False
    secured_tcp: SecuredTcpSettings = Field(default=SecuredTcpSettings(), title="Secured TCP")
    plain_tcp: PlainTcpSettings = Field(default=PlainTcpSettings(), title="Unsecured TCP")
    rfc2217: Rfc2217Settings = Field(default=Rfc2217Settings(), title="RFC 2217")
    serial_port: SerialPortSettings = Field(default=SerialPortSettings(), title="Virtual serial port")
    discovery: Annotated[
        bool,
        Field(
            title="Announce on the network",
            description="Lets programs find this master by mDNS, as mbus discover does.",
            json_schema_extra=FLEET_RESTART,
        ),
    ] = True

    @model_validator(mode="after")
    def _nothing_insecure_where_only_secure(self) -> Self:
        wrong = [
            problem(f"{name}.enabled", Template.NOT_SECURE)
            for name, channel in (("plain_tcp", self.plain_tcp), ("rfc2217", self.rfc2217))
            if self.secure_only and channel.enabled
        ]
        if wrong:
            raise refuse(*wrong)
        return self
