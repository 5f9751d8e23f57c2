"""The fields of the status page, in the order of the guide (3.1), as facts and as the page shows them."""

from dataclasses import dataclass
from datetime import datetime

from mbusmaster.bus.health import BusState, Health
from mbusmaster.bus.line.reading import LineReading
from mbusmaster.hosting.state import OperationalStatus
from mbusmaster.system.clock import ClockBelief, TimeStatus
from mbusmaster.system.timetext import utc_text
from mbusmaster.web.clock_texts import belief_note, offset_text, status_text
from mbusmaster.web.line_view import line_note
from mbusmaster.web.phrases import phrase
from mbusmaster.web.services import Services
from mbusweb.locale import gettext as _
from mbusweb.locale import said
from mbusweb.texts import Text


@dataclass(frozen=True, slots=True)
class BusFact:
    """How one bus is."""

    name: str
    state: BusState
    reason: str
    warnings: tuple[str, ...] = ()
    line: LineReading | None = None


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """What the status page and the API tell."""

    time: datetime
    firmware_version: str
    operational_status: OperationalStatus
    buses: tuple[BusFact, ...]
    ip_addresses: tuple[str, ...]
    time_server_status: TimeStatus
    time_server_reason: Text
    time_server_offset: float | None
    clock: ClockBelief
    time_server: str
    serial_number: str
    web_page_version: str


@dataclass(frozen=True, slots=True)
class StatusField:
    """One line of the page, in the visitor's language.

    :ivar name: stable, for tests and scripts.
    """

    name: str
    label: str
    value: str
    note: str = ""


def _bus_fact(name: str, health: Health) -> BusFact:
    return BusFact(name, health.state, health.reason, health.warnings, health.line)


def status_facts(services: Services) -> StatusFacts:
    """Look at all parts, without asking anybody over a network."""
    time = services.time.state
    return StatusFacts(
        time=services.now(),
        firmware_version=services.identity.firmware_version,
        operational_status=services.hosted.state.status,
        buses=tuple(_bus_fact(bus.name, bus.health) for bus in services.buses),
        ip_addresses=tuple(str(one.ip) for one in services.network.state().addresses),
        time_server_status=time.status,
        time_server_reason=time.reason,
        time_server_offset=time.offset,
        clock=services.time.belief,
        time_server=time.server,
        serial_number=services.identity.serial_number,
        web_page_version=services.identity.web_page_version,
    )


def status_fields(services: Services) -> tuple[StatusField, ...]:
    """Give the lines of the page."""
    facts = status_facts(services)
    several = len(facts.buses) > 1
    return (
        StatusField("time", _("Time (UTC)"), utc_text(facts.time), belief_note(facts.clock)),
        StatusField("firmware_version", _("Firmware version"), facts.firmware_version),
        StatusField(
            "operational_status", _("Operational status"), _operational_status(facts.operational_status)
        ),
        *(
            StatusField(
                "mbus_status",
                _("M-Bus status %(bus)s") % {"bus": bus.name} if several else _("M-Bus status"),
                _bus_state(bus.state),
                _bus_note(bus),
            )
            for bus in facts.buses
        ),
        StatusField("ip_address", _("IP address"), ", ".join(facts.ip_addresses) or _("none")),
        StatusField(
            "time_server_status",
            _("Time server status"),
            status_text(facts.time_server_status),
            said(facts.time_server_reason) or offset_text(facts.time_server_offset),
        ),
        StatusField("time_server_address", _("Time server address"), facts.time_server or _("none")),
        StatusField("serial_number", _("Serial number"), facts.serial_number),
        StatusField("web_page_version", _("Web page version"), facts.web_page_version),
    )


def _bus_note(bus: BusFact) -> str:
    texts = [phrase(text) for text in (bus.reason, *bus.warnings) if text]
    return "; ".join(text for text in (*texts, line_note(bus.line) if bus.line else "") if text)


def _operational_status(status: OperationalStatus) -> str:
    return {OperationalStatus.LOCAL: _("Local"), OperationalStatus.HOSTED: _("Hosted")}[status]


def _bus_state(state: BusState) -> str:
    return {
        BusState.IDLE: _("Running"),
        BusState.ACTIVE: _("Running, active"),
        BusState.FAULT: _("Fault"),
        BusState.SHUT_DOWN: _("Shut down"),
    }[state]
