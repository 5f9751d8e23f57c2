import html
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mbusmaster.settings.sections.system import TimeSource
from mbusmaster.system import time_texts as texts
from mbusmaster.system.clock import (
    ClockBelief,
    ClockChange,
    ClockQuality,
    ClockRefusedError,
    TimeState,
    TimeStatus,
)
from mbusweb.texts import Text
from support.web import NOW, web_client

PATH = "/configuration/time"


class Clock:
    """Stands in for the clock of the machine."""

    unavailable = ""

    def __init__(self) -> None:
        self.set_to: list[datetime] = []

    async def set(self, moment: datetime) -> ClockChange:
        self.set_to.append(moment)
        return ClockChange(NOW, moment)


async def test_one_of_three_sources_is_chosen(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        text = (await client.show(PATH)).text
        for label in ("Use PC time", "Use time server", "Set time manually"):
            assert label in text
        assert re.search(r'name="time.source" value="server"[^>]* checked', text)
        assert text.count('type="radio"') == 3
        assert "the standard server nts.ready.kamstrup.com is used" in text


async def test_a_time_server_is_remembered_and_an_empty_field_is_the_standard_one(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show(PATH)
        await client.submit(PATH, {"time.source": "server", "time.server": "nts.example"})
        assert client.services.settings.running.time.server == "nts.example"
        await client.submit(PATH, {"time.source": "server", "time.server": ""})
        assert client.services.settings.running.time.server is None


async def test_a_server_that_is_no_name_is_refused_at_its_field(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await client.submit(PATH, {"time.source": "server", "time.server": "http://x/<b>"})
        assert answer.status_code == 422
        assert 'id="time-server-problem"' in answer.text
        assert "<b>" not in answer.text


async def test_a_time_set_by_hand_is_utc_and_the_page_tells_what_was_and_what_is(tmp_path: Path) -> None:
    clock = Clock()
    async with web_client(tmp_path, clock=clock) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await client.submit(PATH, {"time.source": "manual", "manual_time": "2026-11-22T10:00"})
        assert clock.set_to == [datetime(2026, 11, 22, 10, 0, tzinfo=UTC)]
        assert "The clock was 22/11/2026 09:08:07 (UTC) and is 22/11/2026 10:00:00 now." in answer.text
        assert client.services.settings.running.time.source is TimeSource.MANUAL
        entry = client.services.audit.entries(kind="clock set")[0]
        assert entry.detail == "2026 11/22 09:08:07 → 2026 11/22 10:00:00"


async def test_the_time_of_the_pc_is_taken_with_its_zone_and_again_without_a_word_on_settings(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with web_client(tmp_path, clock=clock) as client:
        await client.log_in()
        await client.show(PATH)
        form = {"time.source": "pc", "pc_time": "2026-11-22T10:00:00.123Z"}
        await client.submit(PATH, form)
        answer = await client.submit(PATH, form)
        assert clock.set_to == [datetime(2026, 11, 22, 10, 0, 0, 123000, tzinfo=UTC)] * 2
        assert "Nothing was changed" not in answer.text


async def test_a_pc_that_hands_over_no_time_is_told_so(tmp_path: Path) -> None:
    clock = Clock()
    async with web_client(tmp_path, clock=clock) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await client.submit(PATH, {"time.source": "pc", "pc_time": ""})
        assert "This browser handed over no time" in answer.text
        assert not clock.set_to


async def test_nonsense_is_refused_at_its_field_and_nothing_is_stored(tmp_path: Path) -> None:
    clock = Clock()
    async with web_client(tmp_path, clock=clock) as client:
        await client.log_in()
        await client.show(PATH)
        for typed in (
            "yesterday",
            "1999-01-01T00:00",
            "2100-01-01T00:00",
            "0001-01-01T00:00+14:00",
            "9" * 99,
        ):
            answer = await client.submit(PATH, {"time.source": "manual", "manual_time": typed})
            assert answer.status_code == 422
            assert 'id="manual-time-problem"' in answer.text
        assert not clock.set_to
        assert client.services.settings.running.time.source is TimeSource.SERVER


async def test_a_machine_whose_clock_cannot_be_set_says_so_and_does_not_pretend(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        answer = await client.show(PATH)
        assert "This release does not set the clock of the machine" in answer.text
        answer = await client.submit(PATH, {"time.source": "manual", "manual_time": "2026-11-22T10:00"})
        assert "The clock was" not in answer.text
        assert not client.services.audit.entries(kind="clock set")


class Keeper:
    """Stands in for what looks after the clock."""

    def __init__(self, state: TimeState, belief: ClockBelief) -> None:
        self.state, self.belief = state, belief


GONE = TimeState(
    TimeStatus.UNREACHABLE, "nts.example", reason=Text(texts.CLOSED, {"server": "nts.example", "port": 4460})
)
DOUBTFUL = ClockBelief(ClockQuality.DOUBTFUL, NOW, Text(texts.NO_BATTERY))


async def test_the_page_tells_server_status_offset_and_when_the_clock_was_right(tmp_path: Path) -> None:
    state = TimeState(TimeStatus.AUTHENTICATED, "nts.example", 0.0125)
    keeper = Keeper(state, ClockBelief(ClockQuality.SYNCHRONISED, NOW))
    async with web_client(tmp_path, time=keeper) as client:
        await client.log_in()
        page = (await client.show(PATH)).text
        for text in (
            "Synchronised, authenticated",
            "The clock is ahead by 0.013 s.",
            "Kept right by the time server.",
            "22/11/2026 09:08:07",
            "nts.example",
        ):
            assert text in page
        keeper.state = TimeState(TimeStatus.AUTHENTICATED, "nts.example", -0.0001)
        assert "The clock is right to a millisecond." in (await client.show(PATH)).text


async def test_a_doubtful_clock_and_a_server_that_is_gone_are_told_with_reasons(tmp_path: Path) -> None:
    async with web_client(tmp_path, time=Keeper(GONE, DOUBTFUL)) as client:
        await client.log_in()
        for path in (PATH, "/status"):
            page = html.unescape((await client.show(path)).text)
            assert "nts.example is there, but has no NTS server at TCP port 4460." in page
            assert "Doubtful. This machine has no clock with a battery" in page


@pytest.mark.parametrize(
    ("quality", "text"),
    [
        (ClockQuality.SET, "Set on 22/11/2026 09:08:07, and running on its own since."),
        (ClockQuality.FREE_RUNNING, "Running on its own; last synchronised on 22/11/2026 09:08:07."),
        (ClockQuality.SYSTEM, "Kept by the operating system."),
    ],
)
async def test_how_far_the_clock_can_be_believed_is_told(
    tmp_path: Path, quality: ClockQuality, text: str
) -> None:
    keeper = Keeper(TimeState(TimeStatus.NOT_USED, "nts.example"), ClockBelief(quality, NOW))
    async with web_client(tmp_path, time=keeper) as client:
        await client.log_in()
        page = (await client.show(PATH)).text
        assert text in page
        assert "Not used" in page


async def test_the_api_tells_the_same_in_words_for_programs(tmp_path: Path) -> None:
    async with web_client(tmp_path, time=Keeper(GONE, DOUBTFUL)) as client:
        await client.log_in()
        told = (await client.get("/api/v1/clock")).json()
        assert (told["server_status"], told["quality"]) == ("unreachable", "doubtful")
        assert told["right_since"] == "2026-11-22T09:08:07Z"
        assert "no NTS server" in told["reason"]
        assert "battery" in told["doubt"]
        status = (await client.get("/api/v1/status")).json()
        assert (status["clock_quality"], status["time_server_offset"]) == ("doubtful", None)
        assert status["time_server_reason"] == told["reason"]
        report = (await client.get("/api/v1/commissioning")).json()
        assert report["is_clock_doubtful"] is True


class Refusing(Clock):
    """A clock that may not be put where somebody wants it."""

    async def set(self, moment: datetime) -> ClockChange:
        raise ClockRefusedError("no earlier than %(floor)s", {"floor": "2026-06-01"})


async def test_a_refused_time_is_told_and_not_written_down_as_set(tmp_path: Path) -> None:
    async with web_client(tmp_path, clock=Refusing()) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await client.submit(PATH, {"time.source": "manual", "manual_time": "2026-03-01T10:00"})
        assert "no earlier than 2026-06-01" in answer.text
        refused = await client.put(
            "/api/v1/clock", json={"time": "2026-03-01T10:00:00Z"}, headers={"X-CSRF-Token": client.csrf}
        )
        assert refused.status_code == 422
        assert refused.json()["errors"] == [{"field": "time", "detail": "no earlier than 2026-06-01"}]
        assert not client.services.audit.entries(kind="clock set")
