"""Figures of the head-end for Prometheus: bounded, however many meters there are; by master only where that says something."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mbusheadend.fleet.day import Day
from mbusheadend.jobs import Jobs
from mbusheadend.store import Store
from mbusheadend.turnstile import Turnstile
from mbusheadend.upkeep import Upkeep
from mbushosting.readings import Batch, Outcome

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
MAX_MASTERS: Final = 2000
"""Masters that have figures of their own, those that were not heard for longest; of all together there always are some."""


class Metrics:
    """Collects them when they are asked for.

    :param connected: counts masters that have a call open.
    :param uploads: the line of those who deliver.
    :param more: gives figures of what only some head-ends have.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        day: Day,
        jobs: Jobs,
        upkeep: Upkeep,
        connected: Callable[[], int],
        uploads: Turnstile,
        more: Callable[[], Iterable[Metric]] = lambda: (),
    ) -> None:
        self._store = store
        self._now = now
        self._day = day
        self._jobs = jobs
        self._upkeep = upkeep
        self._connected = connected
        self._uploads = uploads
        self._more = more
        self._outcomes: Counter[Outcome] = Counter()

    def took(self, batch: Batch) -> None:
        """Count what a master delivered; what it delivers again is counted again."""
        self._outcomes.update(reading.outcome for reading in batch.readings)

    async def text(self) -> bytes:
        """Give all figures in the text form, of `MEDIA_TYPE`. Raise `StoreError`."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(
            _Collected(
                [
                    *await self._fleet(),
                    *await self._kept(),
                    *self._work(),
                    *await self._alarms(),
                    *self._more(),
                ]
            )
        )
        return generate_latest(registry)

    async def _fleet(self) -> Iterable[Metric]:
        masters = await self._store.masters()
        heard = sorted(
            (master.last_contact, master.serial) for master in masters if master.last_contact is not None
        )
        ages = GaugeMetricFamily(
            "mbusheadend_master_last_contact_age_seconds", "Since the master called last", labels=["master"]
        )
        for at, serial in heard[:MAX_MASTERS]:
            ages.add_metric([serial], max(0.0, (self._now() - at).total_seconds()))
        day = await self._day.glance()
        counts = await self._store.count_fleet(self._now(), self._now())
        figures: list[Metric] = [
            _gauge("mbusheadend_masters", "Masters that were taken in", len(masters)),
            _gauge("mbusheadend_masters_connected", "Masters that have a call open", self._connected()),
            _gauge("mbusheadend_meters", "Meters that are known", counts.meters),
            ages,
            _gauge("mbusheadend_uploads_at_work", "Uploads that are being stored", self._uploads.at_work),
            _gauge("mbusheadend_uploads_waiting", "Uploads that wait in line", self._uploads.waiting),
            CounterMetricFamily(
                "mbusheadend_uploads_sent_away", "Uploads that were told to come later", self._uploads.refused
            ),
        ]
        if day is not None:
            expected, received = day.total.expected, day.total.received
            figures += [
                _gauge("mbusheadend_day_expected_readings", "What the last day should have", expected),
                _gauge("mbusheadend_day_received_readings", "What of that is here", received),
            ]
        return figures

    async def _kept(self) -> Iterable[Metric]:
        extent = await self._store.extent()
        delivered = CounterMetricFamily(
            "mbusheadend_readings_delivered", "Readings that masters delivered", labels=["outcome"]
        )
        for outcome in Outcome:
            delivered.add_metric([outcome.value], self._outcomes[outcome])
        figures = [
            _gauge("mbusheadend_store_bytes", "Size of the store", extent.size),
            _gauge("mbusheadend_store_unused_bytes", "Room in it that is free", extent.unused),
        ]
        if extent.newest is not None:
            newest = extent.newest.timestamp()
            figures.append(
                _gauge("mbusheadend_newest_reading_timestamp_seconds", "When the last reading came", newest)
            )
        return [*figures, delivered]

    async def _alarms(self) -> Iterable[Metric]:
        found = await self._store.count_alarms()
        family = GaugeMetricFamily(
            "mbusheadend_open_alarms", "Open alarms that nobody has acknowledged", labels=["severity"]
        )
        for severity, count in sorted(found.items()):
            family.add_metric([severity.name.lower()], count)
        return [family]

    def _work(self) -> Iterable[Metric]:
        jobs = GaugeMetricFamily("mbusheadend_jobs", "Jobs of people that are known", labels=["state"])
        for state, count in sorted(Counter(job.state.value for job in self._jobs.list()).items()):
            jobs.add_metric([state], count)
        figures: list[Metric] = [jobs]
        report = self._upkeep.report
        if report is not None and report.ended is not None:
            ended, failed = report.ended.timestamp(), int(bool(report.error))
            figures += [
                _gauge("mbusheadend_upkeep_timestamp_seconds", "When the store was last looked after", ended),
                _gauge("mbusheadend_upkeep_failed", "Whether something went wrong then", failed),
                _gauge("mbusheadend_closed_keys", "Keys that the key file does not open", report.closed_keys),
            ]
        return figures


class _Collected(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Give all."""
        return iter(self._metrics)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
