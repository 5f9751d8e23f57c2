"""A release that the head-end wants installed now, in front of an updater that is told what to say."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mbushosting.contact import Command, CommandKind
from mbushosting.firmware import UpdateOrder
from mbusmaster.hosting.errands import Done
from mbusmaster.ordered_update import NO_QUIET, NOT_OFFERED, OWN_SERVER, SWITCHED_OFF, OrderedUpdate
from mbusmaster.system.update import (
    Installed,
    LastUpdate,
    NoUpdateService,
    Outcome,
    ServerCheck,
    ServerState,
    UpdateError,
    UpdateState,
    UpdateStatus,
)
from mbusweb.texts import Text

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Updater:
    """An updater that finds and installs what it is told.

    :ivar offers: number of the release that the head-end has.
    :ivar becomes: state after an installation, as the next start sees it.
    """

    def __init__(self, offers: str = "0042") -> None:
        self.offers = offers
        self.problem = Text("")
        self.state = UpdateState(
            UpdateStatus.IDLE,
            installed=Installed("0041"),
            server=ServerState("https://head", is_head_end=True),
        )
        self.becomes = replace(self.state, installed=Installed("0042"))
        self.installs = 0

    async def install(self, name: str, content: AsyncIterator[bytes], size: int | None = None) -> None:
        raise AssertionError("no file is sent")

    async def check(self) -> None:
        reached = not self.problem.template
        check = ServerCheck(NOON, reached, self.offers if reached else "", self.problem)
        self.state = replace(self.state, server=replace(self.state.server, last=check))

    async def install_offered(self) -> None:
        self.installs += 1
        self.state = self.becomes


class Gateway:
    def __init__(self, updater: Updater | NoUpdateService) -> None:
        self.now = NOON
        self.allowed = True
        self.quiet = True
        self.records: list[str] = []
        self.ordered = OrderedUpdate(
            updater,
            is_allowed=lambda: self.allowed,
            is_quiet=lambda: self.quiet,
            now=self._tick,
            record=self.records.append,
            look=0,
            quiet=0,
            again=0,
        )

    def _tick(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    async def do(self, release: int = 42, *, at_once: bool = False) -> Done:
        order = UpdateOrder(release=release, at_once=at_once)
        command = Command(
            id="rollout-1-1", kind=CommandKind.UPDATE, update=order, expires=NOON + timedelta(hours=1)
        )
        async with asyncio.timeout(10):
            return await self.ordered.do(command)


async def test_a_release_that_is_offered_is_installed_and_reported() -> None:
    updater = Updater()
    gateway = Gateway(updater)
    assert (await gateway.do())[:2] == ("done", "release 0042 runs")
    assert (await gateway.do()).outcome == "done"
    assert updater.installs == 1
    assert gateway.records == ["release 0042 is installed by order of the head-end (rollout-1-1)"]


async def test_what_runs_already_is_done_at_once() -> None:
    updater = Updater()
    assert (await Gateway(updater).do(41)).outcome == "done"
    assert (await Gateway(updater).do(7)).detail == "release 0041 runs"
    assert updater.installs == 0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"offers": ""}, NOT_OFFERED),
        ({"offers": "0043"}, NOT_OFFERED),
        ({"problem": Text("The update server is away.")}, "The update server is away."),
    ],
)
async def test_what_the_head_end_does_not_offer_is_refused(changes: dict[str, object], why: str) -> None:
    updater = Updater()
    for name, value in changes.items():
        setattr(updater, name, value)
    done = await Gateway(updater).do()
    assert (done.outcome, done.detail, updater.installs) == ("refused", why, 0)


async def test_owners_have_the_last_word() -> None:
    gateway = Gateway(Updater())
    gateway.allowed = False
    assert gateway.ordered.willing == "off"
    assert (await gateway.do()).detail == SWITCHED_OFF
    updater = Updater()
    updater.state = replace(updater.state, server=ServerState("https://own.example"))
    assert (await Gateway(updater).do()).detail == OWN_SERVER
    system = Gateway(NoUpdateService())
    assert system.ordered.willing == "off"
    assert (await system.do()).outcome == "refused"


async def test_a_release_that_was_taken_back_has_failed_and_is_not_tried_again() -> None:
    updater = Updater()
    updater.becomes = replace(
        updater.state, last=LastUpdate("0042", Outcome.ROLLED_BACK, Text("the pages did not open"))
    )
    gateway = Gateway(updater)
    for _ in range(2):
        done = await gateway.do()
        assert (done.outcome, done.detail) == (
            "failed",
            "release 0042 was taken back: the pages did not open",
        )
    assert updater.installs == 1


async def test_a_release_on_trial_is_waited_for() -> None:
    updater = Updater()
    updater.state = replace(updater.state, installed=Installed("0042", on_trial=True))
    doing = asyncio.create_task(Gateway(updater).do())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not doing.done()
    updater.state = replace(updater.state, installed=Installed("0042"))
    assert (await doing).outcome == "done"


async def test_an_installation_that_is_refused_says_why() -> None:
    updater = Updater()
    updater.becomes = replace(
        updater.state, status=UpdateStatus.FAILED, release="0042", reason=Text("There is no room.")
    )
    done = await Gateway(updater).do(at_once=True)
    assert (done.outcome, done.detail) == ("refused", "There is no room.")


async def test_without_a_quiet_moment_in_time_nothing_is_installed() -> None:
    updater = Updater()
    gateway = Gateway(updater)
    gateway.quiet = False
    gateway.ordered._quiet = 1000.0
    done = await gateway.do()
    assert (done.outcome, done.detail, updater.installs) == ("refused", NO_QUIET, 0)
    assert (await gateway.do(at_once=True)).outcome == "done"


async def test_an_updater_that_is_busy_is_asked_again() -> None:
    class Busy(Updater):
        asked = 0

        async def check(self) -> None:
            self.asked += 1
            if self.asked < 3:
                raise UpdateError("An update is under way already.")
            await super().check()

    updater = Busy()
    assert (await Gateway(updater).do()).outcome == "done"
    assert updater.asked == 3
