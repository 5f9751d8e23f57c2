"""Every setting of the master, once: its meaning, its default, its limits, and whether a change needs a restart.

Forms, documentation and validation all come from here. Models are frozen: a change is a new `Settings`.
"""

from collections.abc import Iterator
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyAddress,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from mbusio.transport import parse_url
from mbusmaster.settings.messages import Problem, Template, problem

VERSION: Final = 3
"""Of the file's layout; `mbusmaster.settings.migrations` knows how to come here from older ones."""

RESTART: dict[str, Any] = {"needs_restart": True}
MACHINE: dict[str, Any] = {"needs_restart": True, "of_machine": True}
"""Belongs to this machine: a restored configuration leaves it as it is here."""
SETUP_NETWORK: Final = IPv4Network("10.0.0.0/24")
"""Of the USB cable between the master and the installer's computer (guide 3)."""
_LONGEST_PATH: Final = 255
_LONGEST_ADDRESS: Final = 64


def refuse(*problems: Problem) -> PydanticCustomError:
    """Make what a check raises, so that a form can show each message at its setting.

    :param problems: their paths count from what is checked; empty is that itself.
    """
    return PydanticCustomError(
        "problems", "{text}", {"text": "; ".join(one.text for one in problems), "problems": problems}
    )


def _must_be(key: Template, more: dict[str, Any] | None = None) -> dict[str, Any]:
    """Say what is right where a pattern refuses."""
    return {**(more or {}), "must_be": key.name}


def _written(value: object) -> object:
    """An address is text: the number 5 is none."""
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    if isinstance(value, str):
        if len(value) > _LONGEST_ADDRESS:
            raise refuse(problem("", Template.TOO_LONG, maximum=_LONGEST_ADDRESS))
        return _printable(value)
    raise refuse(problem("", Template.TEXT))


def _path(value: object) -> object:
    text = str(value) if isinstance(value, Path) else value
    if not isinstance(text, str):
        raise refuse(problem("", Template.TEXT))
    if not text:
        raise refuse(problem("", Template.EMPTY))
    if len(text) > _LONGEST_PATH:
        raise refuse(problem("", Template.TOO_LONG, maximum=_LONGEST_PATH))
    return _printable(value)


def _printable(value: object) -> object:
    if not all(one.isprintable() for one in str(value)):
        raise refuse(problem("", Template.CONTROL_CHARACTERS))
    return value


Baud = Literal[300, 2400, 9600, 19200]
Ipv4 = Annotated[IPv4Address, BeforeValidator(_written)]
Ip = Annotated[IPvAnyAddress, BeforeValidator(_written)]
FilePath = Annotated[Path, BeforeValidator(_path)]
Device = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@\-]{0,14}$", json_schema_extra=_must_be(Template.NETWORK_DEVICE)
    ),
]
"""Name of a network device, as the system writes it."""
HostName = Annotated[
    str,
    Field(max_length=253, pattern=r"^[A-Za-z0-9.:\[\]\-]+$", json_schema_extra=_must_be(Template.HOST_NAME)),
]
Lamp = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:\-]{0,127}$", json_schema_extra=_must_be(Template.LAMP)),
]
"""Name of an LED, as the system writes it."""


class Parity(StrEnum):
    """Parity of the characters between this machine and the level converter."""

    EVEN = "even"
    NONE = "none"
    ODD = "odd"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _a_switch_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse true where pydantic would take it for 1."""
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation in (int, float):
            raise refuse(problem("", Template.NUMBER))
        return value


class BusSettings(_Model):
    """One bus: where it is, how fast it talks, and how clients share it."""

    name: Annotated[
        str,
        Field(
            title="Name",
            description="Short name of the bus: small letters, digits, '-' and '_'.",
            pattern=r"^[a-z0-9][a-z0-9_\-]{0,31}$",
            json_schema_extra=_must_be(Template.BUS_NAME, RESTART),
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
            title="Max retries",
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
            description="Lets clients of the channels write to meters: address, clock, application reset. Not baud rates.",
            json_schema_extra=RESTART,
        ),
    ] = False
    allow_baud_switch: Annotated[
        bool,
        Field(
            title="Allow baud rate switching",
            description="A client that tells a meter to use another rate is followed for the time of its lease; then the "
            "meter is switched back.",
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
            pattern=r"^(tcp://[^\s\/]+:[0-9]{1,5}|unix:///\S+)$",
            json_schema_extra=_must_be(Template.LINE_MONITOR, RESTART),
        ),
    ] = None

    @field_validator("url")
    @classmethod
    def _names_a_bus(cls, url: str) -> str:
        _printable(url)
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


class _ListenerSettings(_Model):
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


def _port(default_text: str, extra: dict[str, Any] = RESTART) -> Any:
    return Field(title="Port number", description=default_text, ge=0, le=65535, json_schema_extra=extra)


class SecuredTcpSettings(_ListenerSettings):
    """The transparent channel over TLS 1.3, for clients with a certificate that this master trusts."""

    enabled: Annotated[
        bool,
        Field(
            title="Enable secured TCP at Port",
            description="Encrypted, and only for clients whose certificate this master trusts.",
            json_schema_extra=RESTART,
        ),
    ] = True
    port: Annotated[int, _port("TCP port of the secured channel; 0 takes any free one.")] = 1445


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
    port: Annotated[int, _port("TCP port of the unsecured channel; 0 takes any free one.")] = 2445


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
    port: Annotated[int, _port("TCP port of the serial port over the network; 0 takes any free one.")] = 2217


class SerialPortSettings(_Model):
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
            json_schema_extra=_must_be(Template.SERIAL_DEVICE, MACHINE),
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


class ChannelsSettings(_Model):
    """The doors through which reading software reaches the bus."""

    secure_only: Annotated[
        bool,
        Field(
            title="Secure communication only",
            description="While this is on, unsecured TCP and RFC 2217 cannot be switched on.",
            json_schema_extra=RESTART,
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
            json_schema_extra=RESTART,
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


class DeviceSettings(_Model):
    """What this master is called."""

    name: Annotated[
        str,
        Field(
            title="Name",
            description="Shown on every page and sent to the reading software: the building, for example.",
            max_length=64,
        ),
        AfterValidator(_printable),
    ] = ""
    serial_number: Annotated[
        str | None,
        Field(
            title="Serial number",
            description="Empty: what the machine says of itself.",
            pattern=r"^[A-Za-z0-9._\-]{1,64}$",
            json_schema_extra=_must_be(Template.SERIAL_NUMBER, MACHINE),
        ),
    ] = None


class EthernetSettings(_Model):
    """The connection to the local network (guide 3.1.2)."""

    interface: Annotated[
        Device | None,
        Field(
            title="Interface",
            description="The network device that counts as Ethernet; empty: the one with the default route.",
            json_schema_extra=RESTART,
        ),
    ] = None
    dhcp: Annotated[
        bool,
        Field(
            title="DHCP",
            description="A DHCP server on the network gives all addresses.",
            json_schema_extra=RESTART,
        ),
    ] = True
    address: Annotated[
        Ipv4 | None,
        Field(
            title="IP address",
            description="Of this master.",
            validate_default=True,
            json_schema_extra=RESTART,
        ),
    ] = None
    netmask: Annotated[
        Ipv4 | None,
        Field(
            title="Netmask",
            description="Such as 255.255.255.0.",
            validate_default=True,
            json_schema_extra=RESTART,
        ),
    ] = None
    gateway: Annotated[
        Ipv4 | None,
        Field(
            title="Gateway",
            description="The way out of the network; may be empty.",
            json_schema_extra=RESTART,
        ),
    ] = None
    dns1: Annotated[
        Ipv4 | None,
        Field(title="DNS1", description="First name server; may be empty.", json_schema_extra=RESTART),
    ] = None
    dns2: Annotated[
        Ipv4 | None,
        Field(title="DNS2", description="Second name server; may be empty.", json_schema_extra=RESTART),
    ] = None

    @field_validator("address", "netmask")
    @classmethod
    def _is_there_without_dhcp(cls, value: IPv4Address | None, info: ValidationInfo) -> IPv4Address | None:
        if value is None and info.data.get("dhcp") is False:
            raise refuse(problem("", Template.STATIC_NEEDED))
        return value

    @model_validator(mode="after")
    def _is_a_network(self) -> Self:
        """Check what was entered by hand; under DHCP it lies idle."""
        if self.dhcp or self.address is None or self.netmask is None:
            return self
        try:
            here = IPv4Interface(f"{self.address}/{self.netmask}")
        except ValueError:
            raise refuse(problem("netmask", Template.NETMASK, value=str(self.netmask))) from None
        if here.netmask != self.netmask or not 1 <= here.network.prefixlen <= 31:
            raise refuse(problem("netmask", Template.NETMASK, value=str(self.netmask)))
        wrong = [
            problem(name, Template.NOT_A_MACHINE, value=str(value))
            for name in ("address", "gateway", "dns1", "dns2")
            if (value := getattr(self, name)) is not None and not _can_be_a_machine(value)
        ]
        if wrong:
            raise refuse(*wrong)
        if wrong := [*self._wrong_in(here.network)]:
            raise refuse(*wrong)
        return self

    def _wrong_in(self, network: IPv4Network) -> Iterator[Problem]:
        ends = (network.network_address, network.broadcast_address) if network.prefixlen < 31 else ()
        if self.address in ends:
            yield problem("address", Template.NETWORKS_OWN, value=str(self.address))
        elif network.overlaps(SETUP_NETWORK):
            yield problem("address", Template.SETUP_NETWORK, network=str(SETUP_NETWORK))
        if self.gateway is None:
            return
        if self.gateway not in network:
            yield problem("gateway", Template.NOT_IN_NETWORK, value=str(self.gateway), network=str(network))
        elif self.gateway == self.address:
            yield problem("gateway", Template.OWN_GATEWAY)
        elif self.gateway in ends:
            yield problem("gateway", Template.NETWORKS_OWN, value=str(self.gateway))


def _can_be_a_machine(address: IPv4Address) -> bool:
    return not (address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback)


class HostingSettings(_Model):
    """Hosted reading: the master dials out to a head-end (guide 3.1.3)."""

    enabled: Annotated[
        bool,
        Field(title="Hosting", description="Off: no reading schedule runs. On again: all of them go on."),
    ] = False


class TimeSource(StrEnum):
    """Where the time comes from (guide 3.1.6)."""

    PC = "pc"
    SERVER = "server"
    MANUAL = "manual"


class TimeSettings(_Model):
    """How the master keeps time (guide 3.1.6)."""

    source: Annotated[
        TimeSource,
        Field(title="Time", description="One of: use PC time, use time server, set time manually."),
    ] = TimeSource.SERVER
    server: Annotated[
        str | None,
        Field(
            title="Time server",
            description="Name or address of an NTS server; empty is the standard server.",
            max_length=253,
            pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:\-]*[A-Za-z0-9])?$",
            json_schema_extra=_must_be(Template.HOST_NAME),
        ),
    ] = None
    standard_server: Annotated[
        str,
        Field(
            title="Standard time server",
            description="The NTS server where none is named.",
            max_length=253,
            pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:\-]*[A-Za-z0-9])?$",
            json_schema_extra=_must_be(Template.HOST_NAME),
        ),
    ] = "nts.ready.kamstrup.com"


class FirmwareSettings(_Model):
    """Updates of this software (guide 3.1.7)."""

    automatic: Annotated[
        bool,
        Field(title="Automatic update", description="Whenever the update server can be reached."),
    ] = True


class WebSettings(_Model):
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
        int, _port("TCP port of the pages on the setup interface; 0 takes any free one.", MACHINE)
    ] = 80
    lan: Annotated[
        bool,
        Field(
            title="Web pages on the LAN",
            description="Encrypted, with a certificate of the master's own.",
            json_schema_extra=RESTART,
        ),
    ] = False
    lan_port: Annotated[int, _port("TCP port of the pages on the LAN; 0 takes any free one.")] = 443
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
            title="Idle end [minutes]", description="A login ends after so long without use.", ge=1, le=1440
        ),
    ] = 30
    longest_hours: Annotated[
        int,
        Field(
            title="Longest login [hours]", description="A login ends after so long in any case.", ge=1, le=168
        ),
    ] = 12


class PanelSettings(_Model):
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
            description="Which LED in the folder is which lamp; one that is not named is looked for as mbusmaster:COLOUR:LAMP.",
            json_schema_extra=MACHINE,
        ),
    ] = {}
    button: Annotated[
        str | None,
        Field(
            title="Reset button",
            description="gpio:CHIP:LINE (gpio:/dev/gpiochip0:17; a ! in front of the line number: pressed is low) or "
            "evdev:DEVICE:KEY (evdev:/dev/input/event0:KEY_RESTART).",
            max_length=256,
            pattern=r"^(gpio:/dev/[A-Za-z0-9_\/\-]+:!?[0-9]+|evdev:/dev/[A-Za-z0-9_\/\-]+:KEY_[A-Z0-9_]+)$",
            json_schema_extra=_must_be(Template.BUTTON, MACHINE),
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
        Literal[3],
        Field(
            title="Layout", description="Version of the file's layout.", json_schema_extra={"hidden": True}
        ),
    ] = VERSION
    state_folder: Annotated[
        FilePath,
        Field(
            title="State folder",
            description="Where the master keeps what must survive a restart.",
            json_schema_extra=MACHINE,
        ),
    ] = Path("/var/lib/mbusmaster")
    buses: Annotated[
        tuple[BusSettings, ...],
        Field(title="Buses", description="One section for each bus.", min_length=1, max_length=16),
    ] = (BusSettings(),)
    device: DeviceSettings = Field(default=DeviceSettings(), title="Device")
    ethernet: EthernetSettings = Field(default=EthernetSettings(), title="Ethernet")
    hosting: HostingSettings = Field(default=HostingSettings(), title="Hosting")
    channels: ChannelsSettings = Field(default=ChannelsSettings(), title="Channels")
    time: TimeSettings = Field(default=TimeSettings(), title="Time")
    firmware: FirmwareSettings = Field(default=FirmwareSettings(), title="Firmware")
    web: WebSettings = Field(default=WebSettings(), title="Web pages")
    panel: PanelSettings = Field(default=PanelSettings(), title="Front panel")
    log: LogSettings = Field(default=LogSettings(), title="Log")

    @model_validator(mode="after")
    def _names_are_known_and_unique(self) -> Self:
        names = [bus.name for bus in self.buses]
        wrong = [
            problem(f"buses.{index}.name", Template.BUS_NAME_TAKEN, name=name)
            for index, name in enumerate(names)
            if name in names[:index]
        ]
        for name in ("secured_tcp", "plain_tcp", "rfc2217", "serial_port"):
            bus = getattr(self.channels, name).bus
            if bus not in (None, *names):
                wrong.append(
                    problem(f"channels.{name}.bus", Template.NO_SUCH_BUS, name=bus, names=", ".join(names))
                )
        if wrong:
            raise refuse(*wrong)
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        """Each port has one listener, whatever the addresses: who moves one of them later must not stumble over the other."""
        channels, web = self.channels, self.web
        wanted = [
            (f"channels.{name}.port", channel.port)
            for name in ("secured_tcp", "plain_tcp", "rfc2217")
            if (channel := getattr(channels, name)).enabled
        ]
        if web.enabled:
            wanted.append(("web.port", web.port))
            if web.lan:
                wanted.append(("web.lan_port", web.lan_port))
        seen: set[int] = set()
        wrong = []
        for path, port in wanted:
            if port in seen:
                wrong.append(problem(path, Template.PORT_TAKEN, port=port))
            elif port:
                seen.add(port)
        if wrong:
            raise refuse(*wrong)
        return self
