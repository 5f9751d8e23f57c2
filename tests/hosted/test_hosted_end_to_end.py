"""Gateway, simulator and head-end as programs, as people start them."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from mbusheadend.store import Master, Store
from mbushosting.contact import Command, CommandKind
from mbushosting.readings import Outcome
from support.headend import running
from support.headend_process import head_end_process
from support.site import SERIAL, Site, site

METERS = 8
FAR = datetime(2100, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


async def until(condition: Callable[[], Awaitable[object]], seconds: float = 100) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.2)


async def readings(store: Store) -> list[tuple[str, int, datetime]]:
    """Give schedule, meter and slot of each; all are sound."""
    found = []
    for meter in await store.meters():
        page = await store.readings(meter.id, LONG_AGO, FAR)
        assert all(one.outcome is Outcome.OK for one in page.readings)
        found += [(one.schedule, one.meter, one.slot) for one in page.readings]
    return found


async def master(store: Store) -> Master | None:
    return next(iter(await store.masters()), None)


def switch(here: Site, *, on: bool) -> None:
    """Switch hosting on or off on the page."""
    with here.browser() as browser:
        token = browser.get("/configuration/hosting").text.split('name="csrf" value="')[1].split('"')[0]
        form = {"csrf": token, "hosting.enabled": "true" if on else "false"}
        assert browser.post("/configuration/hosting", data=form).status_code == 200


async def test_schedules_stop_with_hosting_resume_with_it_and_nothing_is_doubled_or_lost(
    tmp_path: Path,
) -> None:
    with (
        head_end_process(tmp_path) as there,
        site(tmp_path, meters=METERS, hosting={"enabled": True}) as here,
        there.store() as store,
    ):
        there.run("schedule", "add", "minute", "--every", "1", "--everybody")
        assert "is enrolled at" in here.enrol(there.url, there.token())

        async def has_orders() -> bool:
            known = await master(store)
            return known is not None and known.contact is not None and known.contact.orders > 0

        async def is_off() -> bool:
            known = await master(store)
            return known is not None and known.contact is not None and not known.contact.hosting

        async def all_there() -> bool:
            return len(await readings(store)) >= METERS

        await until(has_orders)
        switch(here, on=False)
        await until(is_off)
        before = await readings(store)
        # The schedule is known from the gateway's own file: nobody can tell it again.
        there.kill()
        here.stop()
        here.start()
        slot = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        await asyncio.sleep((slot - datetime.now(UTC)).total_seconds() + 2)
        asked = (await here.simulator(do="state"))["traffic"]
        await asyncio.sleep(1)
        assert (await here.simulator(do="state"))["traffic"] == asked
        switch(here, on=True)
        await asyncio.sleep(3)
        there.start()
        await until(all_there)
        found = await readings(store)
        assert set(Counter(found).values()) == {1}
        made_up = [one for one in found if one not in before]
        assert Counter(schedule for schedule, _, _ in made_up) == {"minute": METERS}
        assert {at for _, _, at in made_up} == {slot}


async def test_a_reading_that_somebody_asks_for_now_is_there_within_seconds(tmp_path: Path) -> None:
    async with running(tmp_path) as there:
        with site(tmp_path, meters=METERS, hosting={"enabled": True}) as here:
            await asyncio.to_thread(here.enrol, there.url, await there.token())

            async def is_listed() -> bool:
                return len(await there.store.meters()) == METERS

            async def is_done() -> bool:
                return not (await there.store.command(SERIAL, "now")).state.is_open

            async def has_arrived() -> bool:
                return len(await readings(there.store)) == METERS

            await until(is_listed)
            await there.store.add_command(SERIAL, Command(id="now", kind=CommandKind.READ), datetime.now(UTC))
            await until(is_done, 15)
            await until(has_arrived, 5)
            assert (
                await there.store.command(SERIAL, "now")
            ).detail == f"{METERS} of {METERS} meters answered"
            with here.browser() as browser:
                assert f"{METERS} of {METERS}" in browser.get("/configuration/hosting").text


@pytest.mark.parametrize(
    ("url", "token", "why"),
    [
        ("https://127.0.0.1:1", "good", "127.0.0.1:1"),
        ("good", "mbus1-abc", "no enrolment token"),
        ("good", "used", "used already"),
        ("good", "other", "gave out this token"),
        ("http://127.0.0.1", "good", "no address of a head-end"),
    ],
)
async def test_the_command_says_in_one_line_why_a_master_is_not_taken_in(
    tmp_path: Path, url: str, token: str, why: str
) -> None:
    async with running(tmp_path) as there:
        word = await there.token()
        if token == "used":
            await there.enrol("M1", word)
        if token == "other":
            async with running(tmp_path / "other") as other:
                word = await other.token()
        config = tmp_path / "master.toml"
        config.write_text(
            f'version = 4\nstate_folder = "{tmp_path}/state"\n[device]\nserial_number = "{SERIAL}"\n'
        )
        command = [sys.executable, "-m", "mbusmaster", "enrol", there.url if url == "good" else url]
        command += [word if token in ("good", "used", "other") else token, "--config", str(config)]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
        assert why in done.stderr
        assert word not in done.stderr


def test_the_demo_reads_for_its_head_end(tmp_path: Path) -> None:
    """Its master is enrolled and has the schedule."""
    from support.system import running as program

    with program("mbusmaster", "demo", "--json", "--speed", "fast", "--meters", "3") as demo:
        with httpx.Client(base_url=demo.offers["web"], follow_redirects=True) as browser:
            token = browser.get("/login").text.split('name="csrf" value="')[1].split('"')[0]
            form = {"csrf": token, "name": demo.offers["user"], "password": demo.offers["password"]}
            assert browser.post("/login", data=form).status_code == 200
            for _ in range(100):
                said = browser.get("/api/v1/hosting").json()
                if said["schedules"]:
                    break
        assert (said["head_end"], said["reached"]) == (demo.offers["head_end"], True)
        assert [(one["title"], one["rule"]) for one in said["schedules"]] == [
            ("Every minute", "every minute")
        ]
