"""The trial of addresses in virtual time, with a manager that does as it is told."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.network import phrases
from mbusmaster.helper.network.backend import Change, InForce, Standing
from mbusmaster.helper.network.memory import Memory, Phase, Remembered
from mbusmaster.helper.network.plan import Devices
from mbusmaster.helper.network.trial import Trials
from support.virtual_time import in_virtual_time

STATIC = {
    "interface": "eth0",
    "dhcp": False,
    "address": "192.168.1.20",
    "netmask": "255.255.255.0",
    "gateway": "192.168.1.1",
    "seconds": 60,
}
OLD = "old"


@dataclass
class PlayedManager:
    """Knows which addresses are in force and which the next boot has; fails, or breaks, where it shall."""

    name: str = "played"
    in_force: str = OLD
    on_disk: str = OLD
    fails: dict[str, int] = field(default_factory=dict)
    breaks: dict[str, int] = field(default_factory=dict)

    async def standing(self, interface: str) -> Standing:
        return Standing.MANAGES

    async def before(self, interface: str, seconds: float) -> Mapping[str, str]:
        return {"was": self.in_force}

    async def apply(self, change: Change, seconds: float) -> InForce:
        self.in_force = change.id
        self._may_fail("apply")
        return InForce(change.wanted.ipv4 or IPv4Interface("192.168.1.9/24"), IPv4Address("192.168.1.1"))

    async def keep(self, change: Change) -> None:
        self._may_fail("keep")
        self.on_disk = change.id

    async def back(self, change: Change) -> None:
        self._may_fail("back")
        self.in_force = change.before["was"]

    def _may_fail(self, deed: str) -> None:
        if self.breaks.get(deed, 0):
            self.breaks[deed] -= 1
            raise ValueError("an answer that nobody understands")
        if self.fails.get(deed, 0):
            self.fails[deed] -= 1
            raise RefusedError(phrases.MANAGER_GONE, {"manager": self.name, "reason": deed})


class PlayedWire:
    """Nobody has any address, and the gateway answers."""

    async def holder(self, interface: str, address: IPv4Address) -> str:
        return ""

    async def answers(self, interface: str, own: IPv4Address, other: IPv4Address) -> bool:
        return True


def nowhere(interface: str) -> Sequence[IPv4Address]:
    return ()


@dataclass
class Bench:
    """A helper that can be killed and started again, while manager and file stay."""

    folder: Path
    manager: PlayedManager = field(default_factory=PlayedManager)

    def __post_init__(self) -> None:
        device = self.folder / "net" / "eth0"
        (device / "device").mkdir(parents=True)
        for name, text in (("type", "1"), ("uevent", ""), ("carrier", "1")):
            (device / name).write_text(text)

    @property
    def memory(self) -> Memory:
        return Memory(self.folder / "network.json")

    async def started(self) -> Trials:
        devices = Devices(folder=self.folder / "net")
        trials = Trials([self.manager], self.memory, PlayedWire(), devices, addresses=nowhere)
        await trials.start()
        return trials

    def leave(self, phase: Phase) -> None:
        """Let the file say that the helper was killed in a phase."""
        known = self.memory.load()
        assert known.trial is not None
        self.memory.save(replace(known, trial=replace(known.trial, phase=phase)))


async def begun(trials: Trials) -> str:
    return str((await trials.begin(STATIC, lambda facts: None))["id"])


async def ended(trials: Trials) -> tuple[str, str, str]:
    state = await trials.state("eth0")
    assert state["trial"] is None
    return state["last"]["id"], state["last"]["outcome"], state["last"]["why"]


@in_virtual_time
async def test_a_trial_lasts_until_its_deadline(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    trials = await bench.started()
    identity = await begun(trials)
    await asyncio.sleep(59.9)
    state = await trials.state("eth0")
    assert (bench.manager.in_force, state["trial"]["seconds_left"]) == (identity, 0)
    await asyncio.sleep(0.2)
    assert bench.manager.in_force == OLD
    assert await ended(trials) == (identity, "rolled back", phrases.NOT_CONFIRMED)


@in_virtual_time
async def test_what_is_kept_stays(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    trials = await bench.started()
    identity = await begun(trials)
    await asyncio.sleep(59)
    await trials.keep(identity)
    await asyncio.sleep(1000)
    assert (bench.manager.in_force, bench.manager.on_disk) == (identity, identity)
    assert await ended(trials) == (identity, "kept", "")


@in_virtual_time
async def test_only_the_running_trial_can_be_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    trials = await bench.started()
    first = await begun(trials)
    await trials.back()
    second = await begun(trials)
    with pytest.raises(RefusedError):
        await trials.keep(first)
    assert (await trials.state("eth0"))["trial"]["id"] == second


@in_virtual_time
async def test_a_trial_whose_keeping_fails_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PlayedManager(fails={"keep": 1}))
    trials = await bench.started()
    identity = await begun(trials)
    with pytest.raises(RefusedError):
        await trials.keep(identity)
    assert (bench.manager.in_force, bench.manager.on_disk) == (identity, OLD)
    await trials.keep(identity)
    assert bench.manager.on_disk == identity


@in_virtual_time
async def test_addresses_that_cannot_be_set_are_taken_back_before_that_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PlayedManager(fails={"apply": 1}))
    trials = await bench.started()
    with pytest.raises(RefusedError, match="apply"):
        await begun(trials)
    assert bench.manager.in_force == OLD
    assert (await ended(trials))[1] == "rolled back"


@in_virtual_time
async def test_taking_back_is_tried_again_until_the_manager_does_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PlayedManager(fails={"back": 3}))
    trials = await bench.started()
    identity = await begun(trials)
    await asyncio.sleep(61)
    assert bench.manager.in_force == identity
    with pytest.raises(RefusedError, match="more seconds"):
        await begun(trials)
    await asyncio.sleep(30)
    assert bench.manager.in_force == OLD
    assert await ended(trials) == (identity, "rolled back", phrases.NOT_CONFIRMED)


@in_virtual_time
async def test_a_helper_that_ends_takes_the_trial_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    trials = await bench.started()
    await begun(trials)
    await trials.close()
    assert bench.manager.in_force == OLD
    assert bench.memory.load().trial is None


@in_virtual_time
async def test_a_helper_that_was_killed_goes_on_with_what_it_did(tmp_path: Path) -> None:
    for phase, kept in ((Phase.APPLYING, False), (Phase.GOING_BACK, False), (Phase.KEEPING, True)):
        (tmp_path / phase).mkdir()
        bench = Bench(tmp_path / phase)
        identity = await begun(await bench.started())
        bench.leave(phase)
        trials = await bench.started()
        outcome = "kept" if kept else "rolled back"
        assert (await ended(trials))[:2] == (identity, outcome)
        assert (bench.manager.in_force, bench.manager.on_disk) == ((identity,) * 2 if kept else (OLD, OLD))


@in_virtual_time
async def test_a_helper_that_was_killed_keeps_to_the_deadline(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    killed = await bench.started()
    identity = await begun(killed)
    assert killed._alarm is not None
    killed._alarm.cancel()
    await asyncio.sleep(30)
    trials = await bench.started()
    assert (await trials.state("eth0"))["trial"]["seconds_left"] == 30
    await asyncio.sleep(29)
    assert bench.manager.in_force == identity
    await asyncio.sleep(2)
    assert bench.manager.in_force == OLD
    assert (await ended(trials))[0] == identity


@in_virtual_time
async def test_a_deadline_of_another_clock_has_passed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await begun(await bench.started())
    known = bench.memory.load()
    assert known.trial is not None
    bench.memory.save(replace(known, trial=replace(known.trial, deadline=1e6)))
    await bench.started()
    assert bench.manager.in_force == OLD


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"trial": {}}', '{"trial": null}', '{"trial": 3, "last": 4}']
)
def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "network.json").write_text(text)
    assert Memory(tmp_path / "network.json").load() == Remembered()


def test_the_file_is_for_root_only(tmp_path: Path) -> None:
    Memory(tmp_path / "network.json").save(Remembered())
    assert (tmp_path / "network.json").stat().st_mode & 0o777 == 0o600


@in_virtual_time
async def test_what_nobody_understands_is_tried_again_until_the_old_addresses_are_back(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    trials = await bench.started()
    await begun(trials)
    bench.manager.breaks = {"back": 3}
    await asyncio.sleep(61)
    assert bench.manager.in_force != OLD
    await asyncio.sleep(15)
    assert bench.manager.in_force == OLD
    assert (await ended(trials))[2] == phrases.NOT_CONFIRMED


@in_virtual_time
async def test_a_trial_that_cannot_be_written_down_is_taken_back_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path)
    trials = await bench.started()

    def full(memory: Memory, known: Remembered) -> None:
        if known.trial is not None and known.trial.phase is Phase.RUNNING:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(Memory, "save", full)
    with pytest.raises(OSError, match="No space"):
        await begun(trials)
    assert bench.manager.in_force == OLD
    assert (await ended(trials))[2] == phrases.INTERRUPTED
