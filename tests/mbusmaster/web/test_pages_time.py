import re
from datetime import UTC, datetime
from pathlib import Path

from mbusmaster.settings.sections.system import TimeSource
from mbusmaster.system.clock import ClockChange
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
