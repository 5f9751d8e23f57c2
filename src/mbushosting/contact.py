"""The master calls: how it is; the head-end answers with orders, at once or as soon as there is news.

``POST /hosting/v1/contact?wait=SECONDS``: a master that has nothing to tell lets the head-end keep the request open, so that an
order reaches it within a moment.
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from mbushosting.firmware import UpdateOrder
from mbushosting.fleet_settings import MAX_ANSWER, SettingsOrder
from mbushosting.parts import ROOT, BusName, Id, Message, MeterAddress, MeterName, Moment, SerialNumber
from mbushosting.schedules import Schedule
from mbushosting.tunnel import TunnelOrder

CONTACT: Final = f"{ROOT}/contact"
LONGEST_WAIT: Final = 55
"""Seconds: less than proxies and routers let a silent connection be."""
MAX_CONTACT: Final = 2 << 20
"""Bytes of a body, unpacked."""
Short = Annotated[str, StringConstraints(max_length=256)]
Count = Annotated[int, Field(ge=0, le=10**12)]
"""Of which a head-end can sum up those of any number of masters in 64 bits."""
Whole = Annotated[int, Field(gt=-(1 << 53), lt=1 << 53)]
"""A number that everybody who reads JSON gets exactly."""


class BusReport(Message):
    """How a bus is; words as on the status page."""

    name: BusName
    state: Short
    reason: str = ""
    current: float | None = None
    load: float | None = None
    default_baud: Whole = 2400


class MeterReport(Message):
    """A meter of the master's list.

    :ivar rates: at which it answered.
    """

    bus: BusName
    address: MeterAddress
    primary: Annotated[int, Field(ge=0, le=255)] | None = None
    name: Short = ""
    status: Short = ""
    rates: Annotated[tuple[int, ...], Field(max_length=8)] = ()
    last_seen: Moment | None = None


class OutboxReport(Message):
    """What waits at the master.

    :ivar dropped: readings that were given up for lack of room since the master was set up; more than zero is an alarm.
    """

    waiting: Count = 0
    oldest: Moment | None = None
    kept: Count = 0
    kept_since: Moment | None = None
    dropped: Count = 0


class CommandResult(Message):
    """What became of a command.

    :ivar detail: in words; of settings a `mbushosting.fleet_settings.SettingsAnswer`.
    """

    id: Id
    outcome: Literal["done", "refused", "failed"]
    detail: Annotated[str, StringConstraints(max_length=MAX_ANSWER)] = ""


class Contact(Message):
    """How the master is.

    :ivar clock: quality of the clock, in the master's words; `time` is what it shows.
    :ivar orders: version of the orders that are in force at the master; 0 is none.
    :ivar meter_list: version of the list; `meters` comes only when the head-end has another one.
    :ivar lamps: colour or off, by lamp.
    :ivar tunnel: a `mbushosting.tunnel.TunnelOffer`; one that is not known is none.
    :ivar updates: whether it installs releases when it is told, `settings` whether its settings may be set from there: a
        `mbushosting.fleet_settings.Willing`; one that is not known is unknown.
    """

    serial_number: SerialNumber
    software: Short
    release: Short = ""
    name: Short = ""
    time: Moment
    clock: Short = ""
    started: Moment
    orders: Whole = 0
    hosting: bool = True
    buses: Annotated[tuple[BusReport, ...], Field(max_length=16)] = ()
    lamps: Annotated[dict[Short, Short], Field(max_length=16)] = {}  # noqa: RUF012 - pydantic copies it
    counters: Annotated[dict[Short, Whole | float], Field(max_length=256)] = {}  # noqa: RUF012
    outbox: OutboxReport = OutboxReport()
    alarms: Annotated[tuple[str, ...], Field(max_length=32)] = ()
    meter_list: Short = ""
    meters: Annotated[tuple[MeterReport, ...], Field(max_length=4000)] | None = None
    results: Annotated[tuple[CommandResult, ...], Field(max_length=256)] = ()
    users_reset: bool = False
    tunnel: Short = ""
    updates: Short = ""
    settings: Short = ""


class CommandKind(StrEnum):
    """What a head-end may ask for once."""

    READ = "read"
    """Read meters now; the readings come with the command as their schedule."""
    RESEND = "resend"
    """Deliver again what the history has of a time."""
    CONTACT = "contact"
    """Send the meter list again."""
    TUNNEL = "tunnel"
    """Dial, and let somebody read a bus; only for masters whose contact offers tunnels."""
    UPDATE = "update"
    """Install a release; only for masters whose contact says that they do."""
    SETTINGS = "settings"
    """Try or set settings; only for masters whose contact says that they do."""


class Command(Message):
    """One order for once. A master does it at least once and reports its result; a head-end repeats it until then.

    :ivar since: of a resend: readings that were taken from then on, before `until`.
    :ivar tunnel: of a tunnel, whose id is that of the command; `update` and `settings` of these.
    """

    id: Id
    kind: CommandKind
    meters: Annotated[tuple[MeterName, ...], Field(max_length=2500)] = ()
    application_reset: bool = False
    since: Moment | None = None
    until: Moment | None = None
    expires: Moment | None = None
    tunnel: TunnelOrder | None = None
    update: UpdateOrder | None = None
    settings: SettingsOrder | None = None


class Orders(Message):
    """What the head-end wants.

    :ivar version: rises with each change of schedules.
    :ivar schedules: all of them; None where the version that the master has is in force.
    :ivar interval: seconds between two calls where nothing happens; the master spreads them.
    :ivar meter_list: version that the head-end has; if it is another one, the next contact brings the list.
    :ivar time: of the head-end, to tell a clock that is wrong.
    """

    version: int
    schedules: Annotated[tuple[Schedule, ...], Field(max_length=256)] | None = None
    commands: Annotated[tuple[Command, ...], Field(max_length=64)] = ()
    interval: Annotated[int, Field(ge=5, le=86400)] = 300
    meter_list: Short = ""
    time: Moment | None = None


class RefusalCode(StrEnum):
    """Why a request was refused, for programs."""

    NO_CERTIFICATE = "no certificate"
    REVOKED = "revoked"
    """The certificate is trusted no more: a new token is needed."""
    LAPSED = "lapsed"
    """The certificate is no longer valid: a new token is needed."""
    TOKEN = "token"  # noqa: S105 - names what is wrong
    """The token is not known, was used, or its time is over."""
    OTHER_MASTER = "other master"
    """The request speaks for a master that the certificate does not name."""
    TOO_LARGE = "too large"
    MALFORMED = "malformed"
    BUSY = "busy"
    """Try again after the seconds of the header Retry-After."""
    TROUBLE = "trouble"
    """The head-end cannot do its work."""


class Refusal(Message):
    """Body of an answer other than 200: why, in words for the log.

    :ivar code: a `RefusalCode`; one that is not known says nothing.
    """

    reason: str
    code: Short = ""
    detail: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it
