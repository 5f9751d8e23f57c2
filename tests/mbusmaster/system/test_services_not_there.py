"""Services that a later release brings: each says plainly that it is not there, and changes nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from mbusmaster.hosting.state import HostedReading, NoHostedReading, OperationalStatus
from mbusmaster.system.clock import (
    ClockSetter,
    NoClockSetter,
    NoTimeService,
    TimeService,
    TimeState,
    TimeStatus,
)
from mbusmaster.system.network_change import NetworkApplier, NoNetworkApplier
from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.system.update import NoUpdateService, UpdateService, UpdateState, UpdateStatus


def test_each_takes_the_place_of_the_real_service() -> None:
    time: TimeService = NoTimeService("nts.example")
    setter: ClockSetter = NoClockSetter()
    update: UpdateService = NoUpdateService()
    hosted: HostedReading = NoHostedReading()
    network: NetworkApplier = NoNetworkApplier()
    for reason in (
        str(time.state.reason),
        setter.unavailable,
        str(update.state.reason),
        str(hosted.state.work.reason),
        str(network.unavailable),
    ):
        assert reason.startswith(("This release", "This installation"))


def test_the_time_server_of_the_settings_is_named_and_not_reached() -> None:
    state = NoTimeService("nts.example").state
    assert (state.status, state.server, state.offset) == (TimeStatus.NOT_AVAILABLE, "nts.example", None)
    assert not state.is_reached


@pytest.mark.parametrize("status", TimeStatus)
def test_only_an_authenticated_time_server_counts_as_reached(status: TimeStatus) -> None:
    assert TimeState(status).is_reached is (status is TimeStatus.AUTHENTICATED)


async def test_the_clock_stays_as_it_is() -> None:
    with pytest.raises(NotAvailableError, match="nothing is changed"):
        await NoClockSetter().set(datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_release_file_is_not_even_received() -> None:
    async def content() -> AsyncIterator[bytes]:
        raise AssertionError("asked for")
        yield b""

    with pytest.raises(NotAvailableError, match="no file is taken"):
        await NoUpdateService().install("release.tar", content())
    assert not NoUpdateService().state.server_reached


def test_an_update_is_busy_from_the_first_byte_until_it_is_installed() -> None:
    busy = {status for status in UpdateStatus if UpdateState(status).is_busy}
    assert busy == {UpdateStatus.RECEIVING, UpdateStatus.CHECKING, UpdateStatus.INSTALLING}


def test_without_hosted_reading_the_master_works_local() -> None:
    state = NoHostedReading().state
    assert (state.status, state.work.reached) == (OperationalStatus.LOCAL, False)
