"""Addresses on trial: in force until a deadline, unless somebody keeps them.

::

    nothing ──try──> APPLYING ──in force──> RUNNING ──keep──> KEEPING ──done──> nothing ("kept")
                        │ refused              │ deadline, back     │ refused: RUNNING again
                        └──────────────────────┴──> GOING BACK ──done──> nothing ("rolled back")
                                                       │ the manager does not answer
                                                       └─ again every `RETRY_SECONDS`

Each phase is in a file before its work begins. A helper that was killed and starts again takes back what was APPLYING or GOING
BACK, finishes what was KEEPING, and of what is RUNNING it waits for the deadline. After a power cut there is no file and
no trial.
"""

import asyncio
import logging
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from typing import Any, Final

from mbusmaster.addresses import addresses_of
from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.network import phrases
from mbusmaster.helper.network.arp import Wire
from mbusmaster.helper.network.backend import Backend, Change, InForce, Standing
from mbusmaster.helper.network.memory import Ended, Memory, Outcome, Phase, Remembered, Trial, ended_facts
from mbusmaster.helper.network.plan import (
    LEAST_SECONDS,
    MOST_SECONDS,
    SETUP_NETWORK,
    Devices,
    Wanted,
    clashes,
    read_seconds,
    read_wanted,
)
from mbusweb.texts import Text

DHCP_SECONDS: Final = 25.0
"""For a server to answer: it asks again after about 4, 8 and 16 s (RFC 2131 4.1)."""
RETRY_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


def _addresses_of_kernel(interface: str) -> tuple[IPv4Address, ...]:
    try:
        index = socket.if_nametoindex(interface)
    except OSError:
        return ()
    return tuple(one.ip for one in addresses_of(index) if isinstance(one, IPv4Interface))


class Trials:
    """Holds the one trial there may be.

    The file is small and in memory (``/run``), so it is written without a thread.

    :param backends: managers of networks, the preferred first.
    :param dhcp_seconds: for a DHCP server to answer.
    :param least_seconds: the shortest trial.
    :param addresses: gives the IPv4 addresses of an interface now.
    """

    def __init__(
        self,
        backends: Sequence[Backend],
        memory: Memory,
        wire: Wire,
        devices: Devices,
        *,
        dhcp_seconds: float = DHCP_SECONDS,
        least_seconds: float = LEAST_SECONDS,
        addresses: Callable[[str], Sequence[IPv4Address]] = _addresses_of_kernel,
    ) -> None:
        self._backends = {backend.name: backend for backend in backends}
        self._memory = memory
        self._wire = wire
        self._devices = devices
        self._dhcp_seconds = dhcp_seconds
        self._least_seconds = least_seconds
        self._addresses = addresses
        self._known = Remembered()
        self._lock = asyncio.Lock()
        self._alarm: asyncio.TimerHandle | None = None
        self._going: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Go on with what an earlier process left; the clock of the loop must be the one since boot."""
        self._known = self._memory.load()
        trial = self._known.trial
        if trial is None:
            return
        _log.warning("an earlier process left a trial of addresses that is %s", trial.phase)
        async with self._lock:
            match trial.phase:
                case Phase.RUNNING if 0 < trial.deadline - _now() <= MOST_SECONDS:
                    self._ring_at(trial.deadline)
                case Phase.RUNNING:
                    await self._go_back(trial, Text(phrases.NOT_CONFIRMED))
                case Phase.KEEPING:
                    await self._finish_keeping(trial)
                case Phase.GOING_BACK:
                    await self._go_back(trial, trial.why)
                case Phase.APPLYING:
                    await self._go_back(trial, Text(phrases.INTERRUPTED))

    async def close(self) -> None:
        """Take back what is on trial: nobody would, once this process is gone."""
        async with self._lock:
            if self._known.trial is not None:
                await self._go_back(self._known.trial, Text(phrases.INTERRUPTED))
            self._silence()
        for task in [*self._going]:
            task.cancel()

    async def state(self, interface: str) -> dict[str, Any]:
        """Tell how things stand, in the words of the socket; empty means the first Ethernet interface."""
        interface = interface or self._devices.first()
        backend, why = await self._manager(interface) if interface else (None, Text(phrases.UNSUPPORTED))
        trial, last = self._known.trial, self._known.last
        return {
            "manager": backend.name if backend else "",
            "why": why.template,
            "values": dict(why.values),
            "interface": interface,
            "clash": any(clashes(address) for address in self._addresses(interface)),
            "trial": trial and self._facts(trial),
            "last": last and ended_facts(last),
        }

    async def begin(
        self, said: Mapping[str, Any], tell: Callable[[Mapping[str, Any]], None]
    ) -> dict[str, Any]:
        """Try the addresses that were said; raise `RefusedError`, and then what was before is in force."""
        wanted = read_wanted(said)
        seconds = read_seconds(said, self._least_seconds)
        async with self._lock:
            if self._known.trial is not None:
                raise RefusedError(phrases.RUNS_ALREADY, {"seconds": self._seconds_left(self._known.trial)})
            self._devices.must_be_ethernet(wanted.interface)
            backend, why = await self._manager(wanted.interface)
            if backend is None:
                raise RefusedError(why.template, why.values)
            if not self._devices.has_link(wanted.interface):
                raise RefusedError(phrases.NO_CABLE, {"interface": wanted.interface})
            tell({"step": "checking"})
            await self._must_be_free(wanted)
            tell({"step": "applying"})
            trial, in_force = await self._apply(backend, wanted, seconds)
            try:
                warnings = [*in_force.warnings, *await self._warnings(wanted.interface, in_force)]
                trial = replace(trial, deadline=_now() + seconds, phase=Phase.RUNNING)
                self._remember(trial)
            except Exception:
                await self._go_back(trial, Text(phrases.INTERRUPTED))
                raise
            self._ring_at(trial.deadline)
            return {
                **self._facts(trial),
                "address": str(in_force.ipv4.ip),
                "netmask": str(in_force.ipv4.netmask),
                "gateway": str(in_force.gateway) if in_force.gateway else None,
                "dns": [str(server) for server in in_force.dns],
                "warnings": [[warning.template, dict(warning.values)] for warning in warnings],
            }

    async def keep(self, identity: str) -> None:
        """Make the trial's addresses stay; raise `RefusedError`, and then the trial goes on."""
        async with self._lock:
            trial = self._known.trial
            if trial is None or trial.change.id != identity or trial.phase is not Phase.RUNNING:
                raise RefusedError(phrases.NO_SUCH_TRIAL)
            self._remember(replace(trial, phase=Phase.KEEPING))
            try:
                await self._backends[trial.manager].keep(trial.change)
            except RefusedError:
                self._remember(trial)
                raise
            self._end(Ended(identity, Outcome.KEPT))

    async def back(self) -> None:
        """Bring back what was before; nothing to do without a trial. Raise `RefusedError` if that takes longer."""
        async with self._lock:
            trial = self._known.trial
            if trial is None:
                return
            error = await self._go_back(trial, Text(phrases.TAKEN_BACK))
            if error is not None:
                raise error

    async def _manager(self, interface: str) -> tuple[Backend | None, Text]:
        """Give who manages an interface, else why it cannot be changed."""
        why = Text(phrases.UNSUPPORTED)
        for backend in self._backends.values():
            standing = await backend.standing(interface)
            if standing is Standing.MANAGES:
                return backend, Text()
            if standing is Standing.UNMANAGED and why.template == phrases.UNSUPPORTED:
                why = Text(phrases.UNMANAGED, {"manager": backend.name, "interface": interface})
        return None, why

    async def _must_be_free(self, wanted: Wanted) -> None:
        """Refuse an address that another device has."""
        if wanted.ipv4 is None or wanted.ipv4.ip in self._addresses(wanted.interface):
            return
        try:
            mac = await self._wire.holder(wanted.interface, wanted.ipv4.ip)
        except OSError as error:
            _log.warning("%s cannot be probed: %s", wanted.interface, error)
            raise RefusedError(phrases.NO_CABLE, {"interface": wanted.interface}) from error
        if mac:
            raise RefusedError(phrases.TAKEN, {"address": str(wanted.ipv4.ip), "mac": mac})

    async def _apply(self, backend: Backend, wanted: Wanted, seconds: float) -> tuple[Trial, InForce]:
        """Set addresses; whatever goes wrong, what was before is in force again."""
        longest = self._dhcp_seconds + seconds
        before = await backend.before(wanted.interface, longest)
        change = Change(str(uuid.uuid4()), wanted, before)
        trial = Trial(change, backend.name, _now() + longest, Phase.APPLYING)
        try:
            self._remember(trial)
            in_force = await backend.apply(change, self._dhcp_seconds)
            if clashes(in_force.ipv4.ip) or clashes(in_force.gateway):
                values = {"address": str(in_force.ipv4.ip), "network": str(SETUP_NETWORK)}
                raise RefusedError(phrases.LEASE_IN_SETUP, values)
        except RefusedError as error:
            why = error
            if not self._devices.has_link(wanted.interface):
                why = RefusedError(phrases.CABLE_LOST, {"interface": wanted.interface})
            await self._go_back(trial, why.text)
            raise why from None
        except Exception:
            await self._go_back(trial, Text(phrases.INTERRUPTED))
            raise
        return trial, in_force

    async def _warnings(self, interface: str, in_force: InForce) -> list[Text]:
        if in_force.gateway is None:
            return []
        try:
            if await self._wire.answers(interface, in_force.ipv4.ip, in_force.gateway):
                return []
        except OSError as error:
            _log.warning("the gateway at %s cannot be asked: %s", interface, error)
        return [Text(phrases.GATEWAY_SILENT, {"gateway": str(in_force.gateway)})]

    async def _finish_keeping(self, trial: Trial) -> None:
        try:
            await self._backends[trial.manager].keep(trial.change)
        except (RefusedError, KeyError) as error:
            _log.warning("the addresses could not be kept: %s", error)
            await self._go_back(trial, Text(phrases.INTERRUPTED))
        else:
            self._end(Ended(trial.change.id, Outcome.KEPT))

    async def _go_back(self, trial: Trial, why: Text) -> RefusedError | None:
        """Take a trial back; give the error if the manager does not, which is tried again and again."""
        self._silence()
        self._known = replace(self._known, trial=replace(trial, phase=Phase.GOING_BACK, why=why))
        self._save()
        try:
            await self._backends[trial.manager].back(trial.change)
        except RefusedError as error:
            _log.error("the addresses before the trial are not in force yet: %s", error)
            self._ring_at(_now() + RETRY_SECONDS)
            return error
        except Exception as error:
            # Whatever goes wrong, nobody else would take it back.
            _log.exception("the addresses before the trial are not in force yet")
            self._ring_at(_now() + RETRY_SECONDS)
            return RefusedError(phrases.MANAGER_GONE, {"manager": trial.manager, "reason": repr(error)[:200]})
        self._end(Ended(trial.change.id, Outcome.ROLLED_BACK, why))
        return None

    def _ring_at(self, moment: float) -> None:
        self._silence()
        self._alarm = asyncio.get_running_loop().call_at(moment, self._ring)

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        task = asyncio.create_task(self._time_is_over())
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def _time_is_over(self) -> None:
        async with self._lock:
            trial = self._known.trial
            if trial is None:
                return
            if trial.phase is Phase.GOING_BACK:
                await self._go_back(trial, trial.why)
            elif _now() >= trial.deadline:
                await self._go_back(trial, Text(phrases.NOT_CONFIRMED))

    def _remember(self, trial: Trial) -> None:
        """Write a trial down before its next phase begins; raise `OSError`."""
        known = replace(self._known, trial=trial)
        self._memory.save(known)
        self._known = known

    def _end(self, ended: Ended) -> None:
        self._silence()
        self._known = Remembered(None, ended)
        self._save()
        _log.info("a trial of addresses ended: %s %s", ended.outcome, ended.why)

    def _save(self) -> None:
        """Write down what is known, where addresses matter more than the file does."""
        try:
            self._memory.save(self._known)
        except OSError as error:
            _log.error("what is known of a trial of addresses cannot be written: %s", error)

    def _facts(self, trial: Trial) -> dict[str, Any]:
        wanted = trial.change.wanted
        return {
            "id": trial.change.id,
            "seconds_left": self._seconds_left(trial),
            "interface": wanted.interface,
            "wanted": wanted.facts(),
        }

    def _seconds_left(self, trial: Trial) -> int:
        return max(0, round(trial.deadline - _now()))


def _now() -> float:
    return asyncio.get_running_loop().time()
