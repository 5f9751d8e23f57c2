from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from mbusheadend.alarms.alarm import AlarmKey, Raised
from mbusheadend.alarms.kinds import AlarmKind
from mbusheadend.audit_kinds import AuditKind
from mbusheadend.filling.gaps import Filled, FillState, GapFill, Source
from mbusheadend.jobs import JobState
from mbusheadend.web.gap_texts import why_text
from mbusweb.texts import Text
from support.headend_messages import SERIAL, contact, enrol, listed
from support.headend_meters import ADDRESS
from support.headend_web import NOW, WebClient, headend_web

HOUR = timedelta(hours=1)


def gap(state: FillState, hours: int, **facts: int) -> GapFill:
    asked = {"asked_history": 0, "asked_meter": 0, **facts}
    first = NOW - hours * HOUR
    return GapFill(
        1, "hourly", first, first + HOUR, 2, state, **asked, due=NOW + HOUR, command="", tried="", changed=NOW
    )


@asynccontextmanager
async def with_gaps(folder: Path, role: str = "operator") -> AsyncIterator[WebClient]:
    """A gap of each state, of the one meter there is."""
    async with headend_web(folder, role) as client:
        store = client.services.store
        await enrol(store)
        await store.note_contact(SERIAL, contact(meters=listed(ADDRESS)), NOW)
        await store.put_fills([gap(state, 3 * place + 3) for place, state in enumerate(FillState)], [])
        yield client


async def test_gaps_are_shown_with_what_is_done_about_them(tmp_path: Path) -> None:
    async with with_gaps(tmp_path, "reader") as client:
        shown = (await client.show("/gaps")).text
        assert "7 gaps, 14 readings are missing" in shown
        assert "The master was asked to send its history" in shown
        assert "Try again now" not in shown
        left = (await client.show("/gaps?state=left")).text
        assert "1 gap, 2 readings are missing" in left
        nonsense = await client.show("/gaps?state=x&master=%00&number=99999999")
        assert "7 gaps" in nonsense.text
        assert "1 gap," in (await client.show(f"/gaps?state=left&master={SERIAL}")).text


@pytest.mark.parametrize("asked", [(0, 0), (2, 0), (0, 2), (2, 2)])
def test_why_a_gap_was_given_up_depends_on_what_was_tried(asked: tuple[int, int]) -> None:
    texts = {
        why_text(gap(FillState.LEFT, 3, asked_history=history, asked_meter=meter))
        for history, meter in ((0, 0), (2, 0), (0, 2), (2, 2))
    }
    assert len(texts) == 4
    assert why_text(gap(FillState.LEFT, 3, asked_history=asked[0], asked_meter=asked[1])) in texts


async def test_operators_have_gaps_tried_again(tmp_path: Path) -> None:
    async with with_gaps(tmp_path) as client:
        await client.show("/gaps")
        shown = (await client.submit("/gaps/fill", master=SERIAL)).text
        job = client.services.jobs.list("filling")[0]
        await client.services.jobs.wait(job.id)
        assert job.state is JobState.DONE, job.outcome
        assert "Fill gaps of M1" in shown
        # No schedule wants these any more: looked at again, they are gone.
        assert await client.services.store.fills(SERIAL) == ()
        assert client.audited(AuditKind.READ_ORDERED) == [f"{SERIAL}: fill gaps"]
        assert (await client.submit("/gaps/fill", master="nobody")).status_code == 404
        token = await client.token()
        assert (await client.ask("POST", "/gaps/fill", headers=token)).status_code == 202


async def test_readers_have_nothing_tried_again(tmp_path: Path) -> None:
    async with with_gaps(tmp_path, "reader") as client:
        await client.show("/gaps")
        assert (await client.submit("/gaps/fill")).status_code == 403
        token = await client.token()
        assert (await client.ask("POST", "/gaps/fill", headers=token)).status_code == 403
        assert len((await client.ask("GET", "/gaps", headers=token)).json()) == len(FillState)
        assert len((await client.ask("GET", "/gaps?meter=1&limit=2", headers=token)).json()) == 2
        assert (await client.ask("GET", "/gaps?meter=9", headers=token)).status_code == 404


async def test_judgments_gaps_and_what_was_filled_of_a_meter_are_on_one_page(tmp_path: Path) -> None:
    async with with_gaps(tmp_path, "reader") as client:
        store = client.services.store
        fell = Raised(AlarmKey(AlarmKind.COUNTER_FELL, SERIAL, 1, "energy"), Text("It <i>fell</i>."))
        await store.note_alarms([fell], [], NOW)
        memory = Filled(1, "hourly", NOW - 5 * HOUR, Source.MEMORY, "ab" * 16, NOW, storage=3, is_by_day=True)
        await store.put_filled([memory])
        shown = (await client.show("/readings/1/judgments")).text
        assert "It &lt;i&gt;fell" in shown
        assert "storage number 3" in shown
        assert "Given up" in shown
        assert (await client.show("/readings/99/judgments")).status_code == 404
        token = await client.token()
        found = (await client.ask("GET", "/meters/1/judgments", headers=token)).json()
        assert [one["kind"] for one in found["alarms"]] == ["counter fell"]
        span = f"since={(NOW - 9 * HOUR):%Y-%m-%dT%H:%M:%SZ}&until={NOW:%Y-%m-%dT%H:%M:%SZ}"
        filled = (await client.ask("GET", f"/meters/1/filled?{span}", headers=token)).json()
        assert [(one["source"], one["storage"]) for one in filled] == [("meter's memory", 3)]
        assert (await client.ask("GET", "/meters/9/judgments", headers=token)).status_code == 404
