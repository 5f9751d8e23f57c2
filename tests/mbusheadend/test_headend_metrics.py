"""Figures for Prometheus, read back with its own parser."""

import asyncio
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from mbusheadend.fleet.day import Day
from mbusheadend.jobs import Job, Jobs
from mbusheadend.metrics import MEDIA_TYPE, Metrics
from mbusheadend.settings import Keep
from mbusheadend.state import open_store
from mbusheadend.turnstile import Turnstile
from mbusheadend.upkeep import Upkeep
from mbusweb.texts import Text
from support.headend_messages import LATER, SERIAL, START, batch, contact, enrol, reading
from support.headend_meters import ADDRESS, telegram


async def test_fleet_readings_store_and_work_are_told(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await enrol(store, SERIAL, "M2")
    for serial in (SERIAL, "M2"):
        await store.note_contact(serial, contact(serial), START)
    jobs, upkeep = Jobs(lambda: LATER), Upkeep(store, Keep(), lambda: LATER)
    metrics = Metrics(store, lambda: LATER, Day(store, lambda: LATER), jobs, upkeep, lambda: 1, Turnstile())
    delivered = batch(reading(1, ADDRESS, [telegram()]), reading(2, "7"))
    await store.take(SERIAL, delivered, START)
    metrics.took(delivered)
    await upkeep.turn()

    async def work(job: Job) -> Text:
        return Text("done")

    await jobs.wait(jobs.start("test", Text("a test"), work, "anna").id)
    text = (await metrics.text()).decode()
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["mbusheadend_masters",] == 2
    assert found["mbusheadend_masters_connected",] == 1
    assert found["mbusheadend_meters",] == 2
    assert found["mbusheadend_master_last_contact_age_seconds", SERIAL] == 86400
    assert found["mbusheadend_master_last_contact_age_seconds", "M2"] == 86400
    assert found["mbusheadend_readings_delivered_total", "ok"] == 1
    assert found["mbusheadend_readings_delivered_total", "silent"] == 1
    assert found["mbusheadend_store_bytes",] > 0
    assert found["mbusheadend_newest_reading_timestamp_seconds",] == START.timestamp()
    assert found["mbusheadend_jobs", "done"] == 1
    assert found["mbusheadend_upkeep_timestamp_seconds",] == LATER.timestamp()
    assert found["mbusheadend_upkeep_failed",] == 0
    assert found["mbusheadend_day_expected_readings",] == 0
    assert ADDRESS not in text
    assert MEDIA_TYPE.startswith("text/plain")
    await asyncio.to_thread(store.close)
