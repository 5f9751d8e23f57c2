"""How the master is, as the head-end is told with every contact."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mbushosting.contact import BusReport, CommandResult, Contact, MeterReport, OutboxReport
from mbushosting.parts import Moment
from mbusmaster.bus.engine import BusEngine
from mbusmaster.hosting.reader import Subject

MOST_ALARMS: Final = 32
MOST_METERS: Final = 4000
_LONGEST: Final = 256
_LONGEST_ALARM: Final = 1000
_MOST_COUNTERS: Final = 256
_MOST_LAMPS: Final = 16


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the meter list.

    :ivar rates: at which it answered.
    """

    subject: Subject
    name: str = ""
    status: str = ""
    rates: tuple[int, ...] = ()
    last_seen: Moment | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """What hosted reading wants to know of the rest of the master; it asks when it needs it, from the event loop.

    :ivar serial_number: as in the master's certificate.
    :ivar started: when the gateway did.
    :ivar quality: what is to be thought of the clock, in a word.
    :ivar doubtful: whether it may be wrong by any amount.
    :ivar meters: rows of the list that have an address; `revision` is another one whenever they are others.
    :ivar alarms: of the rest of the master, in English.
    :ivar authority: names the head-end at which the master is enrolled, by what does not change with its address; empty while it
        is not: orders of another one are forgotten.
    :ivar updates: whether releases are installed when the head-end says so, `settings` whether it may set settings: words of
        `mbushosting.fleet_settings.Willing`.
    :ivar tunnel: a `mbushosting.tunnel.TunnelOffer`.
    """

    serial_number: str
    software: str
    started: datetime
    meters: Callable[[], Sequence[Listed]]
    revision: Callable[[], int]
    release: Callable[[], str] = lambda: ""
    name: Callable[[], str] = lambda: ""
    quality: Callable[[], str] = lambda: ""
    doubtful: Callable[[], bool] = lambda: False
    lamps: Callable[[], Mapping[str, str]] = dict
    counters: Callable[[], Mapping[str, int | float]] = dict
    alarms: Callable[[], Iterable[str]] = lambda: ()
    authority: Callable[[], str] = lambda: ""
    updates: Callable[[], str] = lambda: ""
    settings: Callable[[], str] = lambda: ""
    tunnel: Callable[[], str] = lambda: ""


class MeterReports:
    """The meter list as the head-end gets it; made again only after changes."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._revision: int | None = None
        self._version = ""
        self._reports: tuple[MeterReport, ...] = ()

    @property
    def version(self) -> str:
        """Another one whenever anything but the time of the last sighting is another."""
        self._look()
        return self._version

    @property
    def reports(self) -> tuple[MeterReport, ...]:
        """All of it."""
        self._look()
        return self._reports

    def _look(self) -> None:
        revision = self._sources.revision()
        if revision == self._revision:
            return
        self._reports = tuple(_meter_report(one) for one in self._sources.meters()[:MOST_METERS])
        hashed = hashlib.sha256()
        for report in self._reports:
            hashed.update(report.model_dump_json(exclude={"last_seen"}).encode())
        self._version = hashed.hexdigest()[:16]
        self._revision = revision


def contact_of(
    sources: Sources,
    engines: Iterable[BusEngine],
    *,
    now: datetime,
    orders: int,
    hosting: bool,
    outbox: OutboxReport,
    alarms: Iterable[str],
    meter_list: str,
    meters: tuple[MeterReport, ...] | None,
    results: tuple[CommandResult, ...],
    users_reset: bool,
) -> Contact:
    """Say how the master is."""
    said = [*alarms, *sources.alarms()]
    return Contact(
        serial_number=sources.serial_number,
        software=sources.software[:_LONGEST],
        release=sources.release()[:_LONGEST],
        name=sources.name()[:_LONGEST],
        time=now,
        clock=sources.quality()[:_LONGEST],
        started=sources.started,
        orders=orders,
        hosting=hosting,
        buses=tuple(bus_report(engine) for engine in engines)[:16],
        lamps=dict(list(sources.lamps().items())[:_MOST_LAMPS]),
        counters=dict(list(sources.counters().items())[:_MOST_COUNTERS]),
        outbox=outbox,
        alarms=tuple(text[:_LONGEST_ALARM] for text in said[:MOST_ALARMS]),
        meter_list=meter_list,
        meters=meters,
        results=results,
        users_reset=users_reset,
        updates=sources.updates(),
        settings=sources.settings(),
        tunnel=sources.tunnel(),
    )


def bus_report(engine: BusEngine) -> BusReport:
    """Say how a bus is."""
    health = engine.health
    return BusReport(
        name=engine.name,
        state=str(health.state),
        reason=health.reason[:_LONGEST_ALARM],
        current=None if health.line is None else health.line.current,
        load=None if health.line is None else health.line.load,
        default_baud=engine.settings.default_baud,
    )


def _meter_report(one: Listed) -> MeterReport:
    return MeterReport(
        bus=one.subject.bus,
        address=one.subject.address,
        primary=one.subject.primary,
        name=one.name[:_LONGEST],
        status=one.status[:_LONGEST],
        rates=one.rates[:8],
        last_seen=one.last_seen,
    )
