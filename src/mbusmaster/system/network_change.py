"""New addresses for Ethernet (guide 3.1.2): on trial first, kept by somebody who still reaches the master, else taken back.

The helper that has root holds the trial and takes it back by itself; this is the gateway's view of it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Any, Final, Protocol

from mbusmaster.errors import MasterError
from mbusmaster.helper.client import Helper
from mbusmaster.helper.errors import HelperError
from mbusmaster.settings.schema import EthernetSettings
from mbusmaster.system.unavailable import NotAvailableError
from mbusweb.texts import NO_TEXT, Text, mark

TRIAL_SECONDS: Final = 60
"""For somebody to reach the master at its new address and keep it."""
NO_HELPER: Final = mark(
    "This installation does not set the network of the machine: the settings are kept, and nothing is changed. "
    "Set address and DHCP with the tools of the operating system."
)
NO_MANAGER: Final = mark(
    "This machine has neither NetworkManager nor systemd-networkd: the settings are kept, and nothing is changed. "
    "Set address and DHCP with the tools of the operating system."
)
UNDER_WAY: Final = mark("Other addresses are on trial already: keep them or take them back first.")
NO_TRIAL: Final = mark("No addresses are on trial any more: the old ones are back.")
NOT_KEPT: Final = mark("Nobody kept the new addresses in time: the old ones are back.")
GRACE_SECONDS: Final = 1.0
FIRST_LOOK_SECONDS: Final = 5.0
"""Before it is asked again whether the network can be changed, where it could not: managers and devices may come late."""
LONGEST_LOOK_SECONDS: Final = 900.0

_log = logging.getLogger(__name__)


class TrialError(MasterError):
    """There is no trial where one is needed, or one where none may be."""


class TrialPhase(StrEnum):
    """How far a change is."""

    NONE = "none"
    APPLYING = "applying"
    TRIAL = "trial"
    REFUSED = "refused"
    KEPT = "kept"
    TAKEN_BACK = "taken back"


@dataclass(frozen=True, slots=True)
class NetworkChange:
    """The last change, or the one that is under way.

    :ivar wanted: the settings it is about; None where there was no change yet.
    :ivar ends_at: of a trial, on the monotonic clock.
    :ivar interface: the device that has the addresses of a trial.
    :ivar reason: why it was refused or taken back.
    :ivar warnings: of a trial: what somebody should look at.
    """

    phase: TrialPhase = TrialPhase.NONE
    wanted: EthernetSettings | None = None
    ends_at: float = 0.0
    interface: str = ""
    id: str = ""
    reason: Text = NO_TEXT
    warnings: tuple[Text, ...] = ()


class NetworkApplier(Protocol):
    """Sets the connection."""

    @property
    def unavailable(self) -> Text:
        """Why nothing can be changed here; empty where it can."""

    @property
    def change(self) -> NetworkChange:
        """The last change, without asking anybody."""

    @property
    def seconds_left(self) -> int:
        """Of a trial."""

    def begin(self, wanted: EthernetSettings, interface: str) -> None:
        """Begin to put addresses on trial; raise `NotAvailableError` or `TrialError`. `change` tells what comes of it."""

    async def keep(self) -> EthernetSettings:
        """Keep what is on trial and give it; raise `TrialError` or `HelperError`."""

    async def take_back(self) -> None:
        """End the trial with the old addresses; raise `TrialError` or `HelperError`."""


class NoNetworkApplier:
    """For machines whose network this installation cannot set: changes nothing."""

    change: Final = NetworkChange()
    seconds_left: Final = 0

    @property
    def unavailable(self) -> Text:
        """Why nothing can be changed."""
        return Text(NO_HELPER)

    def begin(self, wanted: EthernetSettings, interface: str) -> None:
        """Change nothing; raise `NotAvailableError`."""
        raise NotAvailableError(str(self.unavailable))

    async def keep(self) -> EthernetSettings:
        """Raise `TrialError`: there never is a trial."""
        raise TrialError(NO_TRIAL)

    async def take_back(self) -> None:
        """Raise `TrialError`: there never is a trial."""
        raise TrialError(NO_TRIAL)


class NetworkChanger:
    """Sets the connection through the helper.

    :param monotonic: seconds of the loop's clock.
    :param on_end: is called with a change that was refused, kept or taken back.
    :param grace: seconds after the end of a trial in which the helper takes it back.
    :param first_look: seconds; see `FIRST_LOOK_SECONDS`.
    """

    def __init__(
        self,
        helper: Helper,
        *,
        monotonic: Callable[[], float],
        on_end: Callable[[NetworkChange], object] = lambda change: None,
        grace: float = GRACE_SECONDS,
        first_look: float = FIRST_LOOK_SECONDS,
    ) -> None:
        self._first_look = first_look
        self._helper = helper
        self._monotonic = monotonic
        self._on_end = on_end
        self._grace = grace
        self._unavailable = Text(NO_HELPER)
        self._change = NetworkChange()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def unavailable(self) -> Text:
        """Why nothing can be changed here; empty where it can."""
        return self._unavailable

    @property
    def change(self) -> NetworkChange:
        """The last change, without asking anybody."""
        return self._change

    @property
    def seconds_left(self) -> int:
        """Of a trial."""
        return max(0, round(self._change.ends_at - self._monotonic()))

    async def run(self) -> None:
        """Follow trials until cancelled: how each ends is the helper's to tell."""
        try:
            await self._find_out()
            while True:
                left = self._change.ends_at + self._grace - self._monotonic()
                in_trial = self._change.phase is TrialPhase.TRIAL
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(self._grace, left) if in_trial else None):
                        await self._news.wait()
                self._news.clear()
                if self._change.phase is TrialPhase.TRIAL and self._monotonic() >= self._change.ends_at:
                    with contextlib.suppress(HelperError):
                        await self._look()
        finally:
            if self._task is not None:
                self._task.cancel()

    async def _find_out(self) -> None:
        """Ask until the network can be changed, less and less often: what manages it may come late, or not at all."""
        wait = self._first_look
        while True:
            with contextlib.suppress(HelperError):
                await self._look()
            if not self._unavailable:
                return
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_LOOK_SECONDS)

    def begin(self, wanted: EthernetSettings, interface: str) -> None:
        """Begin to put addresses on trial; raise `NotAvailableError` or `TrialError`.

        :param interface: the device that counts as Ethernet now.
        """
        if self._unavailable:
            raise NotAvailableError(str(self._unavailable))
        if self._change.phase in (TrialPhase.APPLYING, TrialPhase.TRIAL):
            raise TrialError(UNDER_WAY)
        device = wanted.interface or interface
        self._change = NetworkChange(TrialPhase.APPLYING, wanted, interface=device)
        self._task = asyncio.get_running_loop().create_task(self._try(wanted, device))

    async def keep(self) -> EthernetSettings:
        """Keep what is on trial and give it; raise `TrialError` or `HelperError`."""
        trial = self._on_trial()
        assert trial.wanted is not None, "a trial of this run has its settings"
        try:
            await self._helper.do("network.keep", {"id": trial.id})
        except HelperError:
            if not await self._was_kept():
                raise
        else:
            self._end(NetworkChange(TrialPhase.KEPT, trial.wanted, interface=trial.interface, id=trial.id))
        return trial.wanted

    async def _was_kept(self) -> bool:
        """Tell whether a helper that broke off had kept the addresses before."""
        with contextlib.suppress(HelperError):
            await self._look()
        return self._change.phase is TrialPhase.KEPT

    async def take_back(self) -> None:
        """End the trial with the old addresses; raise `TrialError` or `HelperError`."""
        trial = self._on_trial()
        await self._helper.do("network.back", {"id": trial.id})
        self._end(NetworkChange(TrialPhase.TAKEN_BACK, trial.wanted, interface=trial.interface, id=trial.id))

    def _on_trial(self) -> NetworkChange:
        if self._change.phase is not TrialPhase.TRIAL:
            raise TrialError(NO_TRIAL)
        return self._change

    async def _try(self, wanted: EthernetSettings, interface: str) -> None:
        arguments = {
            "interface": interface,
            "dhcp": wanted.dhcp,
            **{
                name: _text(getattr(wanted, name))
                for name in ("address", "netmask", "gateway", "dns1", "dns2")
            },
            "seconds": TRIAL_SECONDS,
        }
        try:
            facts = await self._helper.do("network.try", arguments)
        except HelperError as error:
            self._end(NetworkChange(TrialPhase.REFUSED, wanted, interface=interface, reason=error.text))
            return
        self._change = self._trial(facts, wanted)
        self._news.set()

    def _trial(self, facts: Mapping[str, Any], wanted: EthernetSettings) -> NetworkChange:
        return NetworkChange(
            TrialPhase.TRIAL,
            wanted,
            self._monotonic() + float(facts["seconds_left"]),
            str(facts.get("interface", "")),
            str(facts["id"]),
            warnings=tuple(Text(template, values) for template, values in facts.get("warnings", ())),
        )

    async def _look(self) -> None:
        """Ask the helper how things stand, as after a restart of the gateway or at the end of a trial."""
        if not self._helper.is_installed:
            self._unavailable = Text(NO_HELPER)
            return
        facts = await self._helper.do("network.state")
        self._unavailable = NO_TEXT if facts["manager"] else _why(facts)
        if (trial := facts["trial"]) is not None:
            if self._change.id != trial["id"]:
                self._change = self._trial(trial, EthernetSettings.model_validate(_settings(trial["wanted"])))
                self._news.set()
        elif self._change.phase is TrialPhase.TRIAL:
            self._end(_ended(self._change, facts["last"] or {}))

    def _end(self, change: NetworkChange) -> None:
        self._change = change
        self._news.set()
        _log.info("new addresses of %s: %s %s", change.interface, change.phase, change.reason)
        self._on_end(change)


def _ended(trial: NetworkChange, last: Mapping[str, Any]) -> NetworkChange:
    """Give how a trial ended that is over; it was kept where the helper broke off only after it had heard so."""
    is_it = last.get("id") == trial.id
    if is_it and last.get("outcome") == "kept":
        return NetworkChange(TrialPhase.KEPT, trial.wanted, interface=trial.interface, id=trial.id)
    reason = Text(last["why"], last.get("values", {})) if is_it and last.get("why") else Text(NOT_KEPT)
    return NetworkChange(TrialPhase.TAKEN_BACK, trial.wanted, interface=trial.interface, reason=reason)


def _why(facts: Mapping[str, Any]) -> Text:
    """Give why the helper cannot change the network."""
    return Text(facts["why"], facts.get("values", {})) if facts.get("why") else Text(NO_MANAGER)


def _text(value: IPv4Address | None) -> str | None:
    return None if value is None else str(value)


def _settings(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: wanted.get(name) for name in ("dhcp", "address", "netmask", "gateway", "dns1", "dns2")}
