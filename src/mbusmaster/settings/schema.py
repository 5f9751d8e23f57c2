"""Every setting of the master, once: its meaning, its default, its limits, and whether a change needs a restart.

Forms, documentation and validation all come from here and from the `sections`. Models are frozen: a change is a new `Settings`.
"""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from mbusmaster.settings.messages import Template, problem
from mbusmaster.settings.sections.bus import Baud, BusSettings, Parity
from mbusmaster.settings.sections.channels import (
    ChannelsSettings,
    PlainTcpSettings,
    Rfc2217Settings,
    SecuredTcpSettings,
    SerialPortSettings,
)
from mbusmaster.settings.sections.line import LineSettings
from mbusmaster.settings.sections.line import Place as LinePlace
from mbusmaster.settings.sections.network import SETUP_NETWORK, DeviceSettings, EthernetSettings
from mbusmaster.settings.sections.parts import MACHINE, FilePath, Model, refuse
from mbusmaster.settings.sections.system import (
    FirmwareSettings,
    HostingSettings,
    LogSettings,
    PanelSettings,
    TimeSettings,
    TimeSource,
    WebSettings,
)

__all__ = [
    "SETUP_NETWORK",
    "VERSION",
    "Baud",
    "BusSettings",
    "ChannelsSettings",
    "DeviceSettings",
    "EthernetSettings",
    "FirmwareSettings",
    "HostingSettings",
    "LinePlace",
    "LineSettings",
    "LogSettings",
    "PanelSettings",
    "Parity",
    "PlainTcpSettings",
    "Rfc2217Settings",
    "SecuredTcpSettings",
    "SerialPortSettings",
    "Settings",
    "TimeSettings",
    "TimeSource",
    "WebSettings",
]

VERSION: Final = 4
"""Of the file's layout; `mbusmaster.settings.migrations` knows how to come here from older ones."""


class Settings(Model):
    """All settings of a master."""

    version: Annotated[
        Literal[4],
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
