"""The master as a whole: the only place where its parts are put together."""

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from mbusio.notify import notify_stopping, stay_alive
from mbusmaster.audit_kinds import AuditKind
from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.health import BusState
from mbusmaster.bus.writes import WriteSeen
from mbusmaster.channels.discovery import Announcer
from mbusmaster.channels.doors import Channel, ClosedChannel, Doors
from mbusmaster.channels.listener import ChannelError
from mbusmaster.channels.plain_tcp import PlainTcpChannel
from mbusmaster.channels.rfc2217 import Rfc2217Channel
from mbusmaster.channels.secured_tcp import SecuredTcpChannel
from mbusmaster.channels.serial_port import SerialPortChannel
from mbusmaster.channels.trust import ServerNames, open_trust, repair_trust
from mbusmaster.head_end import HostedByHeadEnd, Ordered, Surroundings
from mbusmaster.helper.client import Helper
from mbusmaster.machine import Clock, Machine, Wishes, machine_of, start_clock
from mbusmaster.meterlist import MeterList, Scanner
from mbusmaster.settings import Change, ChannelsSettings, SettingsService
from mbusmaster.settings.schema import SecuredTcpSettings
from mbusmaster.system.button import Button, ResetButton, VirtualButton
from mbusmaster.system.button_sources import button
from mbusmaster.system.erase import Eraser
from mbusmaster.system.identity import identify
from mbusmaster.system.led_files import LedFiles
from mbusmaster.system.leds import PanelFacts
from mbusmaster.system.logs import Logs
from mbusmaster.system.memory import keep_small, stay_small
from mbusmaster.system.network import Network
from mbusmaster.system.network_change import NetworkChange
from mbusmaster.system.open_files import make_room
from mbusmaster.system.panel import Panel
from mbusmaster.system.restart import ANSWER_SECONDS, ExitReason, Restart, wind_down
from mbusmaster.users import RULES
from mbusweb.access import Access

OTHER_FILES: Final = 300
"""Besides those of channels: browsers, logs, databases, buses."""
ROLES: Final = {"tls": "secured_tcp", "tcp": "plain_tcp", "rfc2217": "rfc2217"}
"""Of channels, as they are announced on the network."""

_log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Master:
    """All parts of one master, for one run; construct it in the event loop.

    :param state: folder for what must survive a restart.
    :param stop: begins a clean end of this run.
    :param clock: of the machine, looked at already.
    :param helper: does what needs root, where it is installed.
    """

    def __init__(
        self,
        settings: SettingsService,
        state: Path,
        *,
        logs: Logs,
        stop: Callable[[], object],
        clock: Clock,
        helper: Helper,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._logs = logs
        self._closing = contextlib.ExitStack()
        self.restart = Restart(stop, Eraser(state))
        now = settings.running
        self._access = Access(
            state,
            RULES,
            clock=_now,
            monotonic=time.monotonic,
            idle_minutes=lambda: settings.running.web.idle_minutes,
            longest_hours=lambda: settings.running.web.longest_hours,
        )
        self._access.open()
        self._closing.callback(self._access.close)
        self._engines = tuple(BusEngine(bus) for bus in now.buses)
        logs.trace_buses({engine.name: engine.traffic for engine in self._engines})
        self._meters = MeterList(state / "meters.db", clock=_now, is_doubtful=clock.is_doubtful)
        self._closing.callback(self._meters.close)
        self._scanner = Scanner(self._engines, self._meters, clock=_now)
        self._identity = identify(now.device.serial_number)
        self._network = Network(now.ethernet.interface, setup_interface=now.web.setup_interface)
        self._machine = self._services_of_machine(state, helper)
        self._hosted = self._hosted_reading(state)
        self._pages_problem: str | None = None
        self._trust_folder = state / "trust"
        self._trust, self._trust_problem = open_trust(self._trust_folder, self._server_names, _now)
        if self._trust is not None:
            self._closing.callback(self._trust.close)
        self._doors = self._channels(now.channels)
        leds = LedFiles(now.panel.led_folder, {str(lamp): name for lamp, name in now.panel.led_names.items()})
        self._panel = Panel(self._facts, leds, ethernet=self._network.interface)
        self._virtual_button = VirtualButton() if now.panel.virtual_button else None
        self._reset_button = ResetButton(self._buttons(), self._reset_users)

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Work until cancelled; raise `ChannelError` or `WebError` if nothing at all can be opened.

        :param ready: called once whatever can be open is, and every bus has been tried.
        """
        make_room(_files_of(self._settings.running.channels))
        with self._closing:
            self._access.on_change(self._doors.look)
            self._access.on_change(self._hosted.look)
            for engine in self._engines:
                engine.on_write(self._write_down)
            self._closing.callback(self._settings.subscribe(self._settings_changed))
            async with asyncio.TaskGroup() as tasks:
                ends: list[Callable[[], Awaitable[object]]] = [
                    self._scanner.close,
                    partial(self._doors.finish, ANSWER_SECONDS),
                ]
                try:
                    for engine in self._engines:
                        tasks.create_task(engine.run())
                    for service in (
                        self._access.watch,
                        self._panel.run,
                        self._reset_button.run,
                        self._doors.run,
                        self._hosted.run,
                        *self._clock.runs,
                    ):
                        tasks.create_task(service())
                    if self._trust is not None:
                        tasks.create_task(self._trust.run())
                    if self._settings.running.channels.discovery:
                        tasks.create_task(self._announce())

                    self._pages_problem = await self._open_pages(ends)
                    await self._doors.settled.wait()
                    self._check_something_is_open(self._pages_problem)
                    for engine in self._engines:
                        await engine.tried.wait()
                    await self._hosted.prepare()
                    keep_small()
                    ready()
                    for service in (stay_alive, stay_small, *self._machine.runs):
                        tasks.create_task(service())
                    await asyncio.Event().wait()
                finally:
                    notify_stopping()
                    await wind_down(*ends)

    def _services_of_machine(self, state: Path, helper: Helper) -> Machine:
        def record(what: str, outcome: str) -> None:
            self._access.audit.record(AuditKind.FIRMWARE, who="", source="", detail=what, outcome=outcome)

        return machine_of(
            lambda: self._settings.running,
            state,
            self._identity.serial_number,
            _now,
            time.monotonic,
            helper,
            Wishes(
                self._works,
                self._is_quiet,
                self.restart.request,
                record,
                self._network_changed,
                lambda: self._hosted.update_source,
            ),
        )

    def _hosted_reading(self, state: Path) -> HostedByHeadEnd:
        def record(what: str, source: str) -> None:
            self._access.audit.record(AuditKind.HOSTING, who="", source=source, detail=what)

        return HostedByHeadEnd(
            state,
            Surroundings(
                settings=lambda: self._settings.running,
                may_open=self._may_open,
                engines=self._engines,
                meters=self._meters,
                identity=self._identity,
                panel=lambda: self._panel.state,
                now=_now,
                doubtful=self._clock.is_doubtful,
                belief=lambda: self._clock.time.belief,
                release=self._release,
                problems=self._problems,
                record=record,
                head_end_changed=self._machine.head_end_changed,
                orders=Ordered(self._settings, self._machine.update, self.restart.request, self._is_quiet),
            ),
        )

    def _release(self) -> str:
        installed = self._machine.update.state.installed
        return "" if installed is None else installed.release

    def _problems(self) -> tuple[str, ...]:
        return self._access.problem, self._meters.problem, self._trust_problem, self._pages_problem or ""

    def _works(self) -> dict[str, bool]:
        buses = {f"bus {engine.name}": engine.health.state is not BusState.FAULT for engine in self._engines}
        return {"pages": self._pages_problem == "", **buses}

    def _is_quiet(self) -> bool:
        return all(
            engine.health.state is not BusState.ACTIVE and engine.users().holder is None
            for engine in self._engines
        )

    def _network_changed(self, change: NetworkChange) -> None:
        if change.reason:
            detail = f"{change.interface} {change.phase}: {change.reason}"
            self._access.audit.record(AuditKind.NETWORK, who="", source="", detail=detail)
        self._hosted.look()

    def _settings_changed(self, changes: tuple[Change, ...]) -> None:
        paths = [change.path for change in changes]
        self._clock.settings_changed(paths)
        self._machine.settings_changed(paths)
        if any(path.startswith("hosting.") for path in paths):
            self._hosted.look()

    def _channels(self, settings: ChannelsSettings) -> Doors:
        channels: list[tuple[str, Channel]] = []
        if settings.secured_tcp.enabled:
            channels.append(("secured_tcp", self._secured_tcp(settings.secured_tcp)))
        if settings.plain_tcp.enabled:
            channels.append(
                ("plain_tcp", PlainTcpChannel(settings.plain_tcp, self._engine(settings.plain_tcp.bus)))
            )
        if settings.rfc2217.enabled:
            channels.append(("rfc2217", Rfc2217Channel(settings.rfc2217, self._engine(settings.rfc2217.bus))))
        port = settings.serial_port
        serial = SerialPortChannel(port, self._engine(port.bus)) if port.enabled else None
        return Doors(channels, serial, self._may_open)

    def _secured_tcp(self, settings: SecuredTcpSettings) -> Channel:
        if self._trust is None:
            return ClosedChannel(f"secured tcp is closed: {self._trust_problem}")
        return SecuredTcpChannel(settings, self._engine(settings.bus), self._trust)

    def _may_open(self) -> bool:
        # Without the pages there is no default user who could log in.
        return self._access.is_set_up or not self._settings.running.web.enabled

    def _engine(self, bus: str | None) -> BusEngine:
        return next((engine for engine in self._engines if engine.name == bus), self._engines[0])

    def _server_names(self) -> ServerNames:
        host = socket.gethostname()
        addresses = [str(address.ip) for address in self._network.state().addresses]
        return ServerNames(
            (host, f"{host.partition('.')[0]}.local", "localhost"),
            ("127.0.0.1", "::1", str(self._settings.running.web.setup_address), *addresses),
            self._identity.serial_number,
        )

    def _facts(self) -> PanelFacts:
        ethernet = self._network.interface()
        return PanelFacts(
            running=True,
            buses=tuple(engine.health for engine in self._engines),
            time_server=self._clock.time.state.is_reached,
            update_server=self._machine.update.state.server_reached,
            head_end=self._hosted.is_reached,
            link=self._network.link(ethernet),
            traffic=self._network.traffic(ethernet, asyncio.get_running_loop().time()),
        )

    def _buttons(self) -> list[Button]:
        named = self._settings.running.panel.button
        buttons: list[Button] = [button(named)] if named else []
        return [*buttons, self._virtual_button] if self._virtual_button else buttons

    async def _reset_users(self) -> None:
        await self._access.reset(who="reset button", source="front panel")
        await self._hosted.note_users_reset()

    def _write_down(self, write: WriteSeen) -> None:
        if self._hosted.takes(write):
            return
        what = f"{write.meter}: {write.what}"
        more = f" ({write.left_out} more before it were left out)" if write.left_out else ""
        self._access.audit.record(
            AuditKind.BUS_WRITE,
            who=write.client,
            source=write.source,
            detail=what + more,
            outcome=write.result,
        )

    async def _announce(self) -> None:
        """Make the open channels known on the network until cancelled."""
        await self._doors.opened.wait()
        endpoints = self._doors.endpoints
        announcer = Announcer(
            name=self._settings.running.device.name,
            serial=self._identity.serial_number,
            version=self._identity.firmware_version,
            offers={role: endpoints.get(name, ()) for role, name in ROLES.items()},
        )
        forget = self._settings.subscribe(lambda _: announcer.rename(self._settings.running.device.name))
        announcer.start()
        try:
            await asyncio.Event().wait()
        finally:
            forget()
            await announcer.stop()

    async def _open_pages(self, ends: list[Callable[[], Awaitable[object]]]) -> str:
        """Serve the pages where they are switched on; give why that could not be done."""
        settings = self._settings.running.web
        if not settings.enabled:
            return ""
        from mbusmaster.web.app import create_app
        from mbusmaster.web.errors import WebError
        from mbusmaster.web.server import WebServer
        from mbusmaster.web.services import Services

        services = Services(
            settings=self._settings,
            access=self._access,
            audit=self._access.audit,
            meters=self._meters,
            scanner=self._scanner,
            identity=self._identity,
            panel=self._panel,
            network=self._network,
            time=self._clock.time,
            clock=self._clock.setter,
            now=_now,
            buses=self._engines,
            hosted=self._hosted,
            network_applier=self._machine.network,
            update=self._machine.update,
            button=self._virtual_button,
            reset_button=self._reset_button,
            restart=self.restart,
            logs=self._logs,
            trust=self._trust,
            trust_problem=self._trust_problem,
            repair_trust=partial(repair_trust, self._trust_folder),
            channels=self._doors.states,
        )
        if self._trust is None and settings.lan:
            _log.error(
                "the web pages are served on the setup interface only: their certificate cannot be had"
            )
            settings = settings.model_copy(update={"lan": False})
        tls = self._trust.web_context if self._trust is not None else None
        server = WebServer(create_app(services), settings, tls)
        try:
            await server.start()
        except WebError as error:
            _log.error("%s", error)
            return str(error)
        ends.append(server.stop)
        return ""

    def _check_something_is_open(self, problem: str) -> None:
        reasons = [state.reason for state in self._doors.states() if state.reason and not state.is_open]
        pages = self._settings.running.web.enabled and not problem
        if not pages and not self._doors.is_any_open and (problem or reasons):
            raise ChannelError("; ".join(filter(None, (problem, *reasons))))


def _files_of(channels: ChannelsSettings) -> int:
    """Give the most files that may be open at once: as many clients again stand at the door of each channel."""
    open_ones = (channels.secured_tcp, channels.plain_tcp, channels.rfc2217)
    return OTHER_FILES + sum(2 * one.max_clients for one in open_ones if one.enabled)


async def run_until_told(
    settings: SettingsService, state: Path, logs: Logs, ready: Callable[[], None]
) -> ExitReason:
    """Run a master until SIGINT or SIGTERM, or until somebody wants it to start again."""
    loop = asyncio.get_running_loop()
    this = asyncio.current_task()
    assert this is not None, "it runs in a task"
    helper = Helper()
    clock = await start_clock(lambda: settings.running, state, _now, helper)
    master = Master(settings, state, logs=logs, stop=this.cancel, clock=clock, helper=helper)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, this.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await master.run(ready)
    _log.info("stopped")
    return master.restart.reason


def serve(
    settings: SettingsService, state: Path, logs: Logs, ready: Callable[[], None] = lambda: None
) -> ExitReason:
    """Run a master in this process until it is told to end; on uvloop where that is installed, for many clients."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(run_until_told(settings, state, logs, ready))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
