"""The services of the machine that the gateway runs on, put together for `app`: time, network, updates.

Where the package's helper is not installed, as in a demonstration or in a container, the machine looks after itself: then
every part says so and changes nothing.
"""

from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mbusmaster.helper.client import Helper
from mbusmaster.settings import Settings
from mbusmaster.system.automatic_update import AutomaticUpdate
from mbusmaster.system.chronyd import Chronyd
from mbusmaster.system.clock import ClockSetter, NoClockSetter, NoTimeService, TimeService
from mbusmaster.system.clock_setter import HelperClock
from mbusmaster.system.network_change import NetworkApplier, NetworkChange, NetworkChanger, NoNetworkApplier
from mbusmaster.system.time_config import write_machine_config
from mbusmaster.system.time_floor import hold_floor
from mbusmaster.system.time_keeper import TimeKeeper
from mbusmaster.system.time_memory import TimeMemory
from mbusmaster.system.time_server import ChronyTime
from mbusmaster.system.update import NoUpdateService, UpdateKind, UpdateService
from mbusmaster.system.update_server import UpdateServer
from mbusmaster.system.update_slots import SlotUpdates
from mbusmaster.system.update_source import NOBODY, UpdateSource
from mbusmaster.system.update_spool import Spool
from mbusmaster.system.update_trial import Trial

TIME_FOLDER: Final = Path("/run/mbusmaster-time")
"""Of the chronyd that the package runs."""
AUTHORITIES: Final = Path("/etc/mbusmaster/time-ca")
IMAGES: Final = Path("/etc/rauc/system.conf")
"""There where the machine is updated as a whole image (RAUC)."""

Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the services need of the gateway.

    :ivar works: what works now, by name; a new release must do as well as the one before.
    :ivar is_quiet: nobody would be cut off by a restart.
    :ivar restart: ends and starts the gateway; takes why.
    :ivar record: writes what became of a release into the audit log: what, and the outcome.
    :ivar network_changed: takes how a trial of new addresses ended.
    :ivar head_end: gives what is asked for releases where the settings name no update server.
    """

    works: Callable[[], Mapping[str, bool]]
    is_quiet: Callable[[], bool]
    restart: Callable[[str], None]
    record: Callable[[str, str], None]
    network_changed: Callable[[NetworkChange], None] = lambda change: None
    head_end: Callable[[], UpdateSource] = lambda: NOBODY


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of the machine, looked at before anything else is: certificates have dates.

    :ivar runs: to be run until the end.
    :ivar settings_changed: takes the paths of settings that were changed.
    """

    time: TimeService
    setter: ClockSetter
    is_doubtful: Callable[[], bool] = lambda: False
    runs: tuple[Run, ...] = ()
    settings_changed: Callable[[Collection[str]], None] = lambda paths: None


@dataclass(frozen=True, slots=True)
class Machine:
    """What sets network and releases.

    :ivar runs: to be run until the end, once pages and buses have been tried.
    :ivar settings_changed: takes the paths of settings that were changed.
    :ivar head_end_changed: this master was taken in, or has left.
    """

    network: NetworkApplier = field(default_factory=NoNetworkApplier)
    update: UpdateService = field(default_factory=NoUpdateService)
    runs: tuple[Run, ...] = ()
    settings_changed: Callable[[Collection[str]], None] = lambda paths: None
    head_end_changed: Callable[[], None] = lambda: None


async def start_clock(
    settings: Callable[[], Settings], state: Path, now: Callable[[], datetime], helper: Helper
) -> Clock:
    """Hold the time floor, and give what looks after the clock from now on.

    :param settings: gives those in force.
    """
    if not helper.is_installed:
        time = settings().time
        return Clock(NoTimeService(time.server or time.standard_server), NoClockSetter())
    memory = TimeMemory(state)
    doubt = await hold_floor(memory, helper=helper, now=now)
    keeper = TimeKeeper(memory, now=now, doubt=doubt)
    write_machine_config(state / "time", is_clock_known=keeper.is_clock_known)
    chrony = ChronyTime(
        lambda: settings().time, Chronyd(TIME_FOLDER), authorities=AUTHORITIES, told=keeper.heard
    )
    keeper.watch(chrony)

    def settings_changed(paths: Collection[str]) -> None:
        if any(path.startswith("time.") for path in paths):
            chrony.stir()

    return Clock(
        keeper,
        HelperClock(helper, keeper.was_set),
        lambda: keeper.belief.is_doubtful,
        (chrony.run, keeper.run),
        settings_changed,
    )


def machine_of(
    settings: Callable[[], Settings],
    state: Path,
    serial_number: str,
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
    helper: Helper,
    wishes: Wishes,
) -> Machine:
    """Give what sets network and releases on this machine."""
    if not helper.is_installed:
        return Machine()
    images = IMAGES.is_file()
    slots = SlotUpdates(
        helper,
        Spool(state / "spool"),
        Trial(helper, state / "before-update.json", wishes.works, wishes.restart),
        restart=wishes.restart,
        record=wishes.record,
        kind=UpdateKind.IMAGE if images else UpdateKind.SLOTS,
    )
    update = AutomaticUpdate(
        slots,
        UpdateServer(state / "updates", state / "fetched", images=images),
        settings=lambda: settings().firmware,
        serial_number=serial_number,
        clock=now,
        is_quiet=wishes.is_quiet,
        head_end=wishes.head_end,
    )
    network = NetworkChanger(helper, monotonic=monotonic, on_end=wishes.network_changed)

    def settings_changed(paths: Collection[str]) -> None:
        if any(path.startswith(("firmware.", "hosting.")) for path in paths):
            update.settings_changed()

    return Machine(network, update, (network.run, update.run), settings_changed, update.settings_changed)
