"""The rest of the machine: hosting, time, updates, web pages, front panel, log."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mbusmaster.settings.messages import Template
from mbusmaster.settings.sections.parts import (
    FLEET,
    FLEET_RESTART,
    MACHINE,
    RESTART,
    Device,
    FilePath,
    HostName,
    Ip,
    Ipv4,
    Lamp,
    Model,
    must_be,
    port_field,
)


class HostingSettings(Model):
    """Hosted reading: the master dials out to a head-end (guide 3.1.3)."""

    enabled: Annotated[
        bool,
        Field(title="Hosting", description="Off: no reading schedule runs. On again: all of them go on."),
    ] = False
    proxy: Annotated[
        str | None,
        Field(
            title="Proxy",
            description="On the way to the head-end: http://name:port, or http://user:password@name:port; empty: none.",
            max_length=255,
            pattern=r"^http:\/\/([^\s\/@:]+(:[^\s\/@]*)?@)?([A-Za-z0-9.\-]+|[\[][0-9A-Fa-f:]+[\]]):[0-9]{1,5}\/?$",
            json_schema_extra=must_be(Template.PROXY),
        ),
    ] = None
    history_days: Annotated[
        int,
        Field(
            title="History [days]",
            description="Readings that the head-end has are kept so long, so that it can ask for them again.",
            ge=1,
            le=3650,
            json_schema_extra=FLEET,
        ),
    ] = 90
    history_size: Annotated[
        int,
        Field(
            title="Room for readings [MiB]",
            description="On the disk, for those that wait and for the history; the history goes first when it is used up.",
            ge=8,
            le=65536,
            json_schema_extra=FLEET,
        ),
    ] = 256
    allow_tunnel: Annotated[
        bool,
        Field(
            title="Tunnels",
            description="Operators of the head-end may read the buses with their own software, as clients of the channels do.",
        ),
    ] = False
    tunnel_minutes: Annotated[
        int,
        Field(
            title="Longest tunnel [min]",
            description="After this time a tunnel ends, whatever the head-end allows.",
            ge=1,
            le=1440,
        ),
    ] = 60
    allow_updates: Annotated[
        bool,
        Field(
            title="Updates from the head-end",
            description="Lets the head-end say when a release that it offers is installed.",
        ),
    ] = True
    allow_settings: Annotated[
        bool,
        Field(
            title="Settings from the head-end",
            description="Lets the head-end set a few settings, such as time servers and timeouts; never network or passwords.",
        ),
    ] = True


class TimeSource(StrEnum):
    """Where the time comes from (guide 3.1.6)."""

    PC = "pc"
    SERVER = "server"
    MANUAL = "manual"


class TimeSettings(Model):
    """How the master keeps time (guide 3.1.6)."""

    source: Annotated[
        TimeSource,
        Field(
            title="Time",
            description="One of: use PC time, use time server, set time manually.",
            json_schema_extra=FLEET,
        ),
    ] = TimeSource.SERVER
    server: Annotated[
        str | None,
        Field(
            title="Time server",
            description="Name or address of an NTS server; empty is the standard server.",
            max_length=253,
            pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:\-]*[A-Za-z0-9])?$",
            json_schema_extra=must_be(Template.HOST_NAME, FLEET),
        ),
    ] = None
    standard_server: Annotated[
        str,
        Field(
            title="Standard time server",
            description="The NTS server where none is named.",
            max_length=253,
            pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:\-]*[A-Za-z0-9])?$",
            json_schema_extra=must_be(Template.HOST_NAME, FLEET),
        ),
    ] = "nts.ready.kamstrup.com"


class FirmwareSettings(Model):
    """Updates of this software (guide 3.1.7)."""

    automatic: Annotated[
        bool,
        Field(
            title="Automatic update",
            description="Whenever the update server can be reached.",
            json_schema_extra=FLEET,
        ),
    ] = True
    server: Annotated[
        str | None,
        Field(
            title="Update server",
            description="Address that begins with https://; empty: the head-end is asked, once it has taken this master in.",
            max_length=255,
            pattern=r"^https://[A-Za-z0-9.\-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~\/\-]*)?$",
            json_schema_extra=must_be(Template.HTTPS),
        ),
    ] = None
    ca_file: Annotated[
        FilePath | None,
        Field(
            title="Authorities of the update server",
            description="File (PEM) with those who may sign its certificate; empty: those of the system.",
            json_schema_extra=MACHINE,
        ),
    ] = None


class WebSettings(Model):
    """The web pages for set-up."""

    enabled: Annotated[
        bool,
        Field(title="Web server", description="The pages for set-up and status.", json_schema_extra=RESTART),
    ] = True
    setup_interface: Annotated[
        Device,
        Field(
            title="Setup interface",
            description="Network device of the setup network (USB); where there is no such device, loopback.",
            json_schema_extra=MACHINE,
        ),
    ] = "usb0"
    setup_address: Annotated[
        Ipv4,
        Field(
            title="Setup address",
            description="Address of the pages on the setup interface.",
            validate_default=True,
            json_schema_extra=MACHINE,
        ),
    ] = "10.0.0.1"  # type: ignore[assignment]
    port: Annotated[
        int, port_field("TCP port of the pages on the setup interface; 0 takes any free one.", MACHINE)
    ] = 80
    lan: Annotated[
        bool,
        Field(
            title="Web pages on the LAN",
            description="Encrypted, with a certificate of the master's own.",
            json_schema_extra=RESTART,
        ),
    ] = False
    lan_port: Annotated[int, port_field("TCP port of the pages on the LAN; 0 takes any free one.")] = 443
    lan_bind: Annotated[
        tuple[Ip, ...],
        Field(
            title="LAN addresses",
            description="Local addresses of the pages on the LAN.",
            min_length=1,
            max_length=16,
            validate_default=True,
            json_schema_extra=RESTART,
        ),
    ] = ("0.0.0.0", "::")  # type: ignore[assignment]  # noqa: S104 - off by default, TLS only
    host_names: Annotated[
        tuple[HostName, ...],
        Field(
            title="Host names",
            description="Further names under which browsers may ask for the pages; the machine's own are known.",
            max_length=16,
            json_schema_extra=RESTART,
        ),
    ] = ()
    idle_minutes: Annotated[
        int,
        Field(
            title="Idle end [minutes]",
            description="A login ends after so long without use.",
            ge=1,
            le=1440,
            json_schema_extra=FLEET,
        ),
    ] = 30
    longest_hours: Annotated[
        int,
        Field(
            title="Longest login [hours]",
            description="A login ends after so long in any case.",
            ge=1,
            le=168,
            json_schema_extra=FLEET,
        ),
    ] = 12


class PanelSettings(Model):
    """The lamps and the button at the front."""

    led_folder: Annotated[
        FilePath,
        Field(title="Lamps", description="Folder of the system's LEDs.", json_schema_extra=MACHINE),
    ] = Path("/sys/class/leds")
    led_names: Annotated[
        dict[
            Literal["power_red", "mbus_red", "mbus_green", "data_green", "overload_red", "ethernet_green"],
            Lamp,
        ],
        Field(
            title="Names of the lamps",
            description="Their names in the folder; else mbusmaster:COLOUR:LAMP.",
            json_schema_extra=MACHINE,
        ),
    ] = {}  # noqa: RUF012 - pydantic copies it
    button: Annotated[
        str | None,
        Field(
            title="Reset button",
            description="gpio:/dev/gpiochip0:17 (!17: pressed is low) or evdev:/dev/input/event0:KEY_RESTART.",
            max_length=256,
            pattern=r"^(gpio:/dev/[A-Za-z0-9_\/\-]+:!?[0-9]+|evdev:/dev/[A-Za-z0-9_\/\-]+:KEY_[A-Z0-9_]+)$",
            json_schema_extra=must_be(Template.BUTTON, MACHINE),
        ),
    ] = None
    virtual_button: Annotated[
        bool,
        Field(
            title="Button on the page",
            description="Shows the reset button on the status page of the setup interface: for demonstrations only.",
            json_schema_extra=MACHINE,
        ),
    ] = False


class LogSettings(Model):
    """What is logged, and how much of it is kept on the disk."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(
            title="Level",
            description="Least weight of a message that is logged.",
            json_schema_extra=FLEET_RESTART,
        ),
    ] = "info"
    system_size: Annotated[
        int,
        Field(
            title="System log [MiB]",
            description="Kept on the disk; 0: the last messages in memory only.",
            ge=0,
            le=256,
            json_schema_extra=FLEET_RESTART,
        ),
    ] = 4
    debug_size: Annotated[
        int,
        Field(
            title="Debug log [MiB]",
            description="Kept on the disk while it is recorded; 0: the last messages in memory only.",
            ge=0,
            le=256,
            json_schema_extra=FLEET_RESTART,
        ),
    ] = 8
    trace_size: Annotated[
        int,
        Field(
            title="Bus trace [MiB]",
            description="Kept on the disk while it is recorded; 0: none can be recorded.",
            ge=0,
            le=256,
            json_schema_extra=FLEET_RESTART,
        ),
    ] = 8
