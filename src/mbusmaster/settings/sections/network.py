"""What the master is called, and its connection to the local network (guide 3.1.2)."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from mbusmaster.settings.messages import Problem, Template, problem
from mbusmaster.settings.sections.parts import (
    MACHINE,
    RESTART,
    Device,
    Ipv4,
    Model,
    must_be,
    printable,
    refuse,
)

SETUP_NETWORK: Final = IPv4Network("10.0.0.0/24")
"""Of the USB cable between the master and the installer's computer (guide 3)."""


class DeviceSettings(Model):
    """What this master is called."""

    name: Annotated[
        str,
        Field(
            title="Name",
            description="Shown on every page and sent to the reading software: the building, for example.",
            max_length=64,
        ),
        AfterValidator(printable),
    ] = ""
    serial_number: Annotated[
        str | None,
        Field(
            title="Serial number",
            description="Empty: what the machine says of itself.",
            pattern=r"^[A-Za-z0-9._\-]{1,64}$",
            json_schema_extra=must_be(Template.SERIAL_NUMBER, MACHINE),
        ),
    ] = None


class EthernetSettings(Model):
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
        ),
    ] = True
    address: Annotated[
        Ipv4 | None,
        Field(
            title="IP address",
            description="Of this master.",
            validate_default=True,
        ),
    ] = None
    netmask: Annotated[
        Ipv4 | None,
        Field(
            title="Netmask",
            description="Such as 255.255.255.0.",
            validate_default=True,
        ),
    ] = None
    gateway: Annotated[
        Ipv4 | None,
        Field(
            title="Gateway",
            description="The way out of the network; may be empty.",
        ),
    ] = None
    dns1: Annotated[
        Ipv4 | None,
        Field(title="DNS1", description="First name server; may be empty."),
    ] = None
    dns2: Annotated[
        Ipv4 | None,
        Field(title="DNS2", description="Second name server; may be empty."),
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
