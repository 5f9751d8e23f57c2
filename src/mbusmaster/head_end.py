"""Hosted reading put together for `app`: begun when hosting is first on, and never before; nothing of it costs memory till then.

It reads and calls while hosting is on, something may leave the master at all, and a head-end has taken it in. A master that was
taken in by command, while the gateway runs, is noticed within seconds. What breaks here is logged and begun anew, and stops
nothing else.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mbushosting.firmware import FIRMWARE
from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.health import BusState
from mbusmaster.bus.writes import WriteSeen
from mbusmaster.channels.tunnel import TunnelClients
from mbusmaster.hosting.credentials import FOLDER, Credentials, CredentialsError, Enrolled
from mbusmaster.hosting.errors import HostingFileError
from mbusmaster.hosting.places import Place, PlaceError, Proxy, read_proxy
from mbusmaster.hosting.state import (
    CLIENT,
    CredentialState,
    HostedState,
    HostingState,
    OperationalStatus,
    RoundDone,
    Standing,
)
from mbusmaster.meterlist import MeterList
from mbusmaster.settings import Settings
from mbusmaster.settings.sections.system import HostingSettings
from mbusmaster.settings.service import SettingsService
from mbusmaster.system.clock import ClockBelief
from mbusmaster.system.identity import Identity
from mbusmaster.system.leds import PanelState
from mbusmaster.system.update import UpdateService
from mbusmaster.system.update_source import NOBODY, UpdateSource
from mbusweb.texts import Text, mark

if TYPE_CHECKING:
    from mbusmaster.hosting.errands import Errands
    from mbusmaster.hosting.report import Listed, Sources
    from mbusmaster.hosting.service import Hosting
    from mbusmaster.hosting.tunnels import Tunnels

LOOK_SECONDS: Final = 3.0
"""Between two looks at the credentials: the command writes them."""
AGAIN: Final = 30.0
RESTART_SECONDS: Final = 15.0
"""For the head-end to hear what became of settings before the gateway restarts with them."""
OFF: Final = mark("Hosting is switched off.")
CLOSED: Final = mark("Nothing leaves this master before its first user is made.")

_NO_WAY: Final = Proxy("", 0)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a head-end may set and install here, beside reading.

    :ivar restart: ends and starts the gateway; takes why.
    """

    settings: SettingsService
    update: UpdateService
    restart: Callable[[str], None]
    is_quiet: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What hosted reading works with, and tells the head-end of.

    :ivar settings: gives those in force.
    :ivar may_open: whether anything may leave the master.
    :ivar doubtful: whether the clock may be wrong by any amount; `belief` what is to be thought of it.
    :ivar release: number of the installed release; empty where there is none.
    :ivar problems: of the rest of the master, in English.
    :ivar record: writes into the audit log: what, and where it came from.
    :ivar head_end_changed: is called when this master was taken in, or has left.
    :ivar orders: what else a head-end may want; None where nothing.
    """

    settings: Callable[[], Settings]
    may_open: Callable[[], bool]
    engines: tuple[BusEngine, ...]
    meters: MeterList
    identity: Identity
    panel: Callable[[], PanelState]
    now: Callable[[], datetime]
    doubtful: Callable[[], bool]
    belief: Callable[[], ClockBelief]
    release: Callable[[], str]
    problems: Callable[[], Iterable[str]]
    record: Callable[[str, str], None]
    head_end_changed: Callable[[], None] = lambda: None
    orders: Ordered | None = None

    @property
    def hosting(self) -> HostingSettings:
        """The settings of hosted reading in force."""
        return self.settings().hosting


class HostedByHeadEnd:
    """The `mbusmaster.hosting.state.HostedReading` of a gateway; `run` does the work.

    :param state: the state folder.
    """

    def __init__(self, state: Path, around: Surroundings) -> None:
        self._state = state
        self._around = around
        self._started = around.now()
        self._folder = state / FOLDER
        self._credentials = Credentials(self._folder)
        self._seen = _who(self._enrolled())
        self._hosting: Hosting | None = None
        self._tunnels: Tunnels | None = None
        self._stirred = asyncio.Event()
        self._changing = asyncio.Lock()

    @property
    def state(self) -> HostedState:
        """How it stands now, without asking anybody."""
        enrolment = self._credentials.state(self._around.now())
        stands = HostingState(False) if self._hosting is None else self._hosting.state
        enabled, is_enrolled = self._around.hosting.enabled, enrolment.standing is not Standing.NONE
        if enabled and self._around.may_open() and is_enrolled:
            stands = replace(stands, on=True, reason=enrolment.text or stands.reason)
        else:
            reason = Text(OFF) if not enabled else enrolment.text if not is_enrolled else Text(CLOSED)
            stands = replace(stands, on=False, reached=False, reason=reason)
        if self._tunnels is not None:
            stands = replace(stands, tunnels=self._tunnels.seen)
        status = OperationalStatus.HOSTED if enabled and is_enrolled else OperationalStatus.LOCAL
        return HostedState(status, enrolment, stands)

    @property
    def is_reached(self) -> bool | None:
        """Whether the head-end answered the last time; None while no head-end is to be called."""
        return None if not self._is_on() else self._hosting is not None and self._hosting.state.reached

    @property
    def update_source(self) -> UpdateSource:
        """What this head-end is as an update server; nobody while hosting is off or no head-end is to be called."""
        enrolled = self._enrolled() if self._is_on() else None
        proxy = self._proxy()
        if enrolled is None or proxy == _NO_WAY:
            return NOBODY
        return source_at(enrolled, self._folder, proxy)

    def look(self) -> None:
        """Settings or users have changed, or there is a network again."""
        self._stirred.set()
        if self._tunnels is not None:
            self._tunnels.review()
        if self._hosting is not None:
            self._hosting.look()

    async def prepare(self) -> None:
        """Load what will be needed at once, before others tidy up the memory."""
        if self._is_on():
            await asyncio.to_thread(_load)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            tasks.create_task(self._work())

    async def enrol(self, url: str, token: str) -> CredentialState:
        """Let a head-end take this master in. Raise `mbusmaster.hosting.errors.SaidError`."""
        proxy, serial = self._around.hosting.proxy, self._around.identity.serial_number

        def work() -> None:
            # What makes keys is big, and needed once a year.
            from mbusmaster.hosting.enrolment import enrol

            enrol(url, token, serial, self._folder, proxy, self._around.now)

        async with self._changing:
            await asyncio.to_thread(work)
            self._seen = _who(self._enrolled())
        self._changed()
        return self._credentials.state(self._around.now())

    async def leave(self) -> bool:
        """Forget the head-end; tell whether there was one. Raise `mbusmaster.hosting.errors.SaidError`."""
        async with self._changing:
            was_there = self._credentials.state(self._around.now()).standing is not Standing.NONE
            await asyncio.to_thread(self._credentials.forget)
            self._seen = None
        self._changed()
        return was_there

    def end_tunnel(self, id: str, who: str) -> bool:
        """End a tunnel; tell whether it was open."""
        return self._tunnels is not None and self._tunnels.end(id, who)

    async def note_users_reset(self) -> None:
        """All users were removed at the device: a head-end that has taken this master in is told, later where it is off."""
        try:
            if self._hosting is not None:
                await self._hosting.note_users_reset()
            elif self._enrolled() is not None:
                from mbusmaster.hosting.service import keep_users_reset

                await keep_users_reset(self._state, self._around.now)
        except HostingFileError as error:
            _log.error("hosted reading: the head-end is not told that the users were reset: %s", error)

    def takes(self, write: WriteSeen) -> bool:
        """Tell whether a write on the bus is part of a round, which is written down as a whole."""
        return write.client == CLIENT

    def _changed(self) -> None:
        self.look()
        self._around.head_end_changed()

    def _proxy(self) -> Proxy | None:
        url = self._around.hosting.proxy
        try:
            return read_proxy(url) if url else None
        except PlaceError:
            return _NO_WAY

    def _is_on(self) -> bool:
        return self._around.hosting.enabled and self._around.may_open() and self._is_enrolled()

    def _is_enrolled(self) -> bool:
        # What is damaged still says that somebody wants the readings.
        return self._credentials.state(self._around.now()).standing is not Standing.NONE

    def _enrolled(self) -> Enrolled | None:
        try:
            return self._credentials.load()
        except CredentialsError:
            return None

    async def _watch(self) -> None:
        """Notice what other processes do with the credentials."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            async with self._changing:
                found = _who(self._enrolled())
                if found == self._seen:
                    continue
                self._seen = found
            what = "left" if found is None else f"enrolled at {found.place} as {found.serial_number}"
            self._around.record(what, "command")
            self._changed()

    async def _work(self) -> None:
        while True:
            self._stirred.clear()
            if not self._is_on():
                await self._stirred.wait()
                continue
            try:
                await self._begin()
            except Exception:
                _log.exception("hosted reading has broken down; it begins anew in %.0f s", AGAIN)
                await asyncio.sleep(AGAIN)

    async def _begin(self) -> None:
        """Work until the master is known to its head-end by another serial number."""
        await asyncio.to_thread(_load)
        from mbushosting.contact import CommandKind
        from mbusmaster.hosting.link import HeadEnd
        from mbusmaster.hosting.service import Hosting
        from mbusmaster.hosting.tunnels import Tunnels, Way

        around = self._around
        serial = self._serial_number()
        head_end = HeadEnd(self._credentials, lambda: around.hosting.proxy, around.now)
        sources, errands = _with_orders(_sources(around, serial, self._started, self._authority), around)
        clients = TunnelClients(around.engines)
        tunnels = Tunnels(Way(head_end.dial, clients, lambda: around.hosting, around.record, around.now))
        sources = replace(sources, tunnel=lambda: str(tunnels.offer))
        hosting = Hosting(
            self._state,
            around.engines,
            head_end,
            sources,
            settings=lambda: around.hosting,
            is_on=lambda: self._is_on() and self._serial_number() == serial,
            clock=around.now,
            round_ended=self._note_round,
            errands={**errands, CommandKind.TUNNEL: tunnels.do},
        )
        working = asyncio.create_task(hosting.run(), name="hosted reading")
        self._hosting, self._tunnels = hosting, tunnels
        try:
            while self._serial_number() == serial and not working.done():
                stirred = asyncio.ensure_future(self._stirred.wait())
                await asyncio.wait({working, stirred}, return_when=asyncio.FIRST_COMPLETED)
                stirred.cancel()
                self._stirred.clear()
        finally:
            self._hosting = self._tunnels = None
            working.cancel()
            await asyncio.wait({working})
            head_end.close()
        if not working.cancelled():
            working.result()

    def _serial_number(self) -> str:
        """Give the serial number by which the head-end knows this master."""
        enrolled = self._enrolled()
        return self._around.identity.serial_number if enrolled is None else enrolled.serial_number

    def _authority(self) -> str:
        enrolled = self._enrolled()
        return "" if enrolled is None else hashlib.sha256(enrolled.authority.encode()).hexdigest()

    def _note_round(self, done: RoundDone) -> None:
        if done.resets:
            name = done.title or done.id
            what = f"{'command' if done.is_command else 'schedule'} {name}: {done.resets} application resets"
            self._around.record(what, "head-end")


@dataclass(frozen=True, slots=True)
class _Who:
    """At which head-end a master is enrolled, and as whom."""

    place: Place
    serial_number: str
    authority: str


def source_at(enrolled: Enrolled, folder: Path, proxy: Proxy | None) -> UpdateSource:
    """Give what a head-end is as an update server.

    :param folder: with the credentials.
    """
    return UpdateSource(
        f"{enrolled.place}{FIRMWARE}",
        is_head_end=True,
        authority=enrolled.authority,
        identity=folder / enrolled.current.file,
        proxy=None if proxy is None else (proxy.host, proxy.port, proxy.credentials),
    )


def _who(enrolled: Enrolled | None) -> _Who | None:
    return None if enrolled is None else _Who(enrolled.place, enrolled.serial_number, enrolled.authority)


def _load() -> None:
    """Import what the work needs, in a thread: it takes a while."""
    import mbusmaster.hosting.link
    import mbusmaster.hosting.service  # noqa: F401


def _sources(around: Surroundings, serial: str, started: datetime, authority: Callable[[], str]) -> "Sources":
    from mbusmaster.hosting.report import Sources

    return Sources(
        serial_number=serial,
        software=around.identity.firmware_version,
        release=around.release,
        started=started,
        name=lambda: around.settings().device.name,
        meters=lambda: _listed(around.meters),
        revision=lambda: around.meters.revision,
        quality=lambda: str(around.belief().quality),
        doubtful=around.doubtful,
        lamps=lambda: _lamps(around.panel()),
        counters=lambda: _counters(around.engines),
        alarms=lambda: _alarms(around),
        authority=authority,
    )


def _with_orders(sources: "Sources", around: Surroundings) -> "tuple[Sources, Errands]":
    """Give what does orders beside reading, and let the head-end know of it."""
    if around.orders is None:
        return sources, {}
    from mbushosting.contact import CommandKind
    from mbusmaster.ordered_settings import OrderedSettings
    from mbusmaster.ordered_update import OrderedUpdate

    def record(what: str) -> None:
        around.record(what, "head-end")

    def restart(why: str) -> None:
        loop.call_later(RESTART_SECONDS, parts.restart, why)

    parts, loop = around.orders, asyncio.get_running_loop()
    settings = OrderedSettings(
        parts.settings,
        restart=restart,
        record=record,
    )
    update = OrderedUpdate(
        parts.update,
        is_allowed=lambda: around.hosting.allow_updates,
        is_quiet=parts.is_quiet,
        now=around.now,
        record=record,
    )
    told = replace(sources, updates=lambda: update.willing, settings=lambda: settings.willing)
    return told, {CommandKind.SETTINGS: settings.do, CommandKind.UPDATE: update.do}


def _listed(meters: MeterList) -> "list[Listed]":
    from mbusmaster.hosting.reader import Subject
    from mbusmaster.hosting.report import Listed

    return [
        Listed(
            Subject(meter.bus, meter.address, meter.secondary, meter.primary),
            meter.note,
            str(meter.status),
            tuple(rate.baud for rate in meter.rates if rate.answers),
            meter.last_seen,
        )
        for meter in meters.meters()
        if meter.address
    ]


def _lamps(panel: PanelState) -> Mapping[str, str]:
    return {
        name: f"{lamp.colour} flashing" if lamp.is_flashing else str(lamp.colour)
        for name, lamp in panel.lamps()
    }


def _counters(engines: Iterable[BusEngine]) -> Mapping[str, int]:
    counted: dict[str, int] = {}
    for engine in engines:
        meters = engine.meters.all()
        for name in ("requests", "answers", "retries", "silences"):
            counted[f"{engine.name}.{name}"] = sum(getattr(one, name) for one in meters)
        counted[f"{engine.name}.garbled"] = sum(one.garbled.total() for one in meters)
    return counted


def _alarms(around: Surroundings) -> list[str]:
    said = []
    for engine in around.engines:
        health = engine.health
        reasons = [health.reason] if health.state in (BusState.FAULT, BusState.SHUT_DOWN) else []
        said += [f"bus {engine.name}: {reason}" for reason in (*reasons, *health.warnings)]
    if around.belief().is_doubtful:
        said.append(f"the clock is doubtful: {around.belief().reason}")
    return [*said, *filter(None, around.problems())]
