"""A release file from the upload to the restart, through a real helper with real slots."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mbusmaster.helper.client import Helper
from mbusmaster.helper.slots import begin
from mbusmaster.system import update_slots, update_spool
from mbusmaster.system.update import UNDER_WAY, Installed, LastUpdate, Outcome, UpdateError, UpdateStatus
from mbusreleases import errors
from support.releases import ReleaseMaker
from support.slots import Machine
from support.updates import NOWHERE, Updating, pieces, updating


@pytest.fixture
def maker(tmp_path: Path) -> ReleaseMaker:
    return ReleaseMaker(tmp_path / "maker")


@pytest.mark.process
async def test_a_release_is_installed_by_the_systems_own_programs_and_the_gateway_restarts_into_it(
    tmp_path: Path, maker: ReleaseMaker
) -> None:
    async with updating(tmp_path, maker, real=True) as gateway:
        await gateway.send(maker.good(12))
        await gateway.restarted.wait()
        assert gateway.updates.state.status is UpdateStatus.INSTALLED
        assert gateway.restarts == ["release 0012 is installed"]
        assert gateway.records == [("release 0012 is installed", "ok")]
        assert not list(gateway.spool.folder.iterdir())
        gateway.machine.start()
        assert gateway.machine.runs() == "release 12"


async def test_a_release_that_works_as_the_one_before_is_confirmed_and_said_to_be_installed(
    tmp_path: Path, maker: ReleaseMaker
) -> None:
    async with updating(tmp_path, maker) as first:
        await first.send(maker.good(12))
        await first.restarted.wait()
    async with updating(tmp_path, maker, first.machine) as second:
        assert second.updates.state.installed == Installed("0012", "0.2.12", "a", on_trial=True)
        await second.recorded.wait()
        state = second.updates.state
        assert state.installed == Installed("0012", "0.2.12", "a", on_trial=False)
        assert state.last == LastUpdate("0012", Outcome.INSTALLED)
        assert not second.restarts


async def test_a_release_that_lost_a_bus_restarts_itself_until_it_is_taken_back(
    tmp_path: Path, maker: ReleaseMaker
) -> None:
    async with updating(tmp_path, maker) as gateway:
        await gateway.send(maker.good(12))
        await gateway.restarted.wait()
    for _ in range(3):
        async with updating(tmp_path, maker, gateway.machine, patience=0.03) as gateway:
            gateway.facts["bus main"] = False
            await gateway.restarted.wait()
            assert gateway.restarts == ["the new release has not: bus main"]
    async with updating(tmp_path, maker, gateway.machine) as gateway:
        state = gateway.updates.state
        assert state.installed == Installed("0001", "0.1.1", "package")
        assert state.last is not None
        assert (state.last.release, state.last.outcome) == ("0012", Outcome.ROLLED_BACK)
        assert state.last.why.template == begin.DID_NOT_START


async def test_what_did_not_work_before_either_is_no_reason_to_take_a_release_back(
    tmp_path: Path, maker: ReleaseMaker
) -> None:
    async with updating(tmp_path, maker) as first:
        first.facts["bus main"] = False
        await first.send(maker.good(12))
        await first.restarted.wait()
    async with updating(tmp_path, maker, first.machine) as second:
        second.facts["bus main"] = False
        assert await second.ended() is UpdateStatus.IDLE
        assert second.records == [("release 0012 proved well", "ok")]


async def test_a_memory_that_cannot_be_removed_does_not_end_a_release_that_proved_well(
    tmp_path: Path, maker: ReleaseMaker
) -> None:
    async with updating(tmp_path, maker) as first:
        await first.send(maker.good(12))
        await first.restarted.wait()
    (tmp_path / "before.json").unlink()
    (tmp_path / "before.json").mkdir()
    async with updating(tmp_path, maker, first.machine) as second:
        assert await second.ended() is UpdateStatus.IDLE
        assert second.records == [("release 0012 proved well", "ok")]


async def test_a_bus_that_was_renamed_by_the_same_restart_is_no_reason_to_take_a_release_back(
    tmp_path: Path, maker: ReleaseMaker
) -> None:
    async with updating(tmp_path, maker) as first:
        await first.send(maker.good(12))
        await first.restarted.wait()
    async with updating(tmp_path, maker, first.machine, patience=0.03) as second:
        second.facts = {"pages": True, "bus cellar": True}
        assert await second.ended() is UpdateStatus.IDLE
        assert second.records == [("release 0012 proved well", "ok")]


async def test_while_a_release_is_on_trial_no_other_is_taken(tmp_path: Path, maker: ReleaseMaker) -> None:
    async with updating(tmp_path, maker) as first:
        await first.send(maker.good(12))
        await first.restarted.wait()
    async with updating(tmp_path, maker, first.machine) as second:
        second.facts["bus main"] = False
        with pytest.raises(UpdateError) as refused:
            await second.send(maker.good(13))
        assert refused.value.text.template == update_slots.ON_TRIAL


BAD = {
    "altered_file": errors.ALTERED_FILE,
    "altered_metadata": errors.ALTERED_METADATA,
    "wrong_signature": errors.WRONG_SIGNATURE,
    "wrong_root": errors.WRONG_ROOT,
    "expired": errors.EXPIRED,
    "wrong_name": errors.WRONG_NAME,
    "wrong_platform": errors.WRONG_PLATFORM,
    "cut_off": errors.CUT_OFF,
    "not_a_tar": errors.NOT_A_TAR,
    "dotdot": errors.BAD_PATH,
    "links": errors.NO_PLAIN_FILE,
    "bomb": errors.TOO_MANY_FILES,
}


@pytest.mark.parametrize(("kind", "reason"), BAD.items())
async def test_a_bad_file_is_refused_with_its_reason_and_nothing_of_it_stays(
    tmp_path: Path, maker: ReleaseMaker, kind: str, reason: str
) -> None:
    async with updating(tmp_path, maker) as gateway:
        await gateway.send(getattr(maker, kind)())
        assert await gateway.ended() is UpdateStatus.FAILED
        state = gateway.updates.state
        assert (state.reason.template, state.is_busy) == (reason, False)
        assert gateway.records[0][1] == "refused"
        assert not gateway.restarts
        assert not list(gateway.spool.folder.iterdir())


async def test_after_a_refusal_the_next_file_is_taken(tmp_path: Path, maker: ReleaseMaker) -> None:
    async with updating(tmp_path, maker) as gateway:
        await gateway.send(maker.not_a_tar())
        assert await gateway.ended() is UpdateStatus.FAILED
        await gateway.send(maker.good(12))
        assert await gateway.ended() is UpdateStatus.INSTALLED


async def test_an_older_release_is_refused(tmp_path: Path, maker: ReleaseMaker) -> None:
    machine = Machine(tmp_path / "machine", maker.root, package=50)
    async with updating(tmp_path, maker, machine) as gateway:
        await gateway.send(maker.good(42))
        assert await gateway.ended() is UpdateStatus.FAILED
        assert gateway.updates.state.reason.template == errors.OLDER_RELEASE


@pytest.mark.parametrize("name", ["release.tar", "../MBMC2022_release_0012.tar", "MBMC2022_release_.tar"])
async def test_a_name_that_no_release_has_is_refused_before_anything_is_received(
    tmp_path: Path, maker: ReleaseMaker, name: str
) -> None:
    async with updating(tmp_path, maker) as gateway:
        with pytest.raises(UpdateError) as refused:
            await gateway.updates.install(name, never())
        assert refused.value.text.template == update_slots.WRONG_NAME
        assert gateway.updates.state.status is UpdateStatus.IDLE


async def test_one_file_at_a_time(tmp_path: Path, maker: ReleaseMaker) -> None:
    more = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"x"
        await more.wait()

    async with updating(tmp_path, maker) as gateway:
        first = asyncio.create_task(gateway.updates.install("MBMC2022_release_0012.tar", slowly()))
        await asyncio.sleep(0)
        assert gateway.updates.state.status is UpdateStatus.RECEIVING
        with pytest.raises(UpdateError) as refused:
            await gateway.updates.install("MBMC2022_release_0013.tar", never())
        assert refused.value.text.template == UNDER_WAY
        more.set()
        await first
        assert await gateway.ended() is UpdateStatus.FAILED


async def test_an_upload_that_its_sender_gives_up_leaves_nothing(tmp_path: Path, maker: ReleaseMaker) -> None:
    begun, never_set = asyncio.Event(), asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b"x" * (3 << 20)
        begun.set()
        await never_set.wait()

    async with updating(tmp_path, maker) as gateway:
        task = asyncio.create_task(gateway.updates.install("MBMC2022_release_0012.tar", stalling()))
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])
        assert gateway.updates.state.status is UpdateStatus.FAILED
        assert gateway.updates.state.reason.template == update_spool.BROKEN_OFF
        assert not list(gateway.spool.folder.iterdir())


async def test_where_the_helper_is_gone_the_file_is_not_installed_and_the_gateway_says_why(
    tmp_path: Path, maker: ReleaseMaker
) -> None:
    gateway = Updating(tmp_path, Machine(tmp_path / "machine", maker.root), Helper(NOWHERE))
    task = asyncio.create_task(gateway.updates.run())
    await gateway.updates.install("MBMC2022_release_0012.tar", pieces(maker.good(12)))
    assert await gateway.ended() is UpdateStatus.FAILED
    assert "does not answer" in str(gateway.updates.state.reason)
    task.cancel()
    await asyncio.wait([task])


async def never() -> AsyncIterator[bytes]:
    raise AssertionError("asked for")
    yield b""
