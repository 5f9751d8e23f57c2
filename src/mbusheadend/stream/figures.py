"""What the stream did and how it is: for Prometheus and for pages."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

NOTHING_KNOWN: Final = -1


class Deed(StrEnum):
    """What is counted."""

    ACKNOWLEDGED = "acknowledged"
    """Uploads that the stream holds."""
    REFUSED = "refused"
    """Uploads that a master has to send again, as the stream did not acknowledge."""
    FULL = "full"
    """The same, as the stream has no room."""
    REPEATED = "repeated"
    """Messages that the stream had already."""
    WRITTEN = "written"
    """Messages whose readings are in the store."""
    REDELIVERED = "redelivered"
    """Messages that came to a writer again."""
    FAILED = "failed"
    """Attempts to write, each to be repeated."""
    DEAD = "dead"
    """Dead letters that were written."""


_TEXTS: Final = {
    "uploads": ("Uploads by what the stream said", (Deed.ACKNOWLEDGED, Deed.REFUSED, Deed.FULL)),
    "messages": (
        "Messages by what became of them here",
        (Deed.REPEATED, Deed.WRITTEN, Deed.REDELIVERED, Deed.FAILED, Deed.DEAD),
    ),
}


@dataclass(slots=True)
class Figures:
    """All figures; those of the stream are as old as the last look at it.

    :ivar is_ready: whether the streams were there once: from then on it is tried whatever the last look said.
    :ivar trouble: why it cannot be used now, empty where it can be.
    :ivar complaints: what is not as it should be.
    :ivar waiting: messages that are not in the store yet, with those that writers have; -1 before the first look.
    :ivar messages: of the stream, and their `bytes`, of `most` that it takes; `dead` are dead letters.
    """

    is_ready: bool = False
    trouble: str = "it was not looked at yet"
    complaints: tuple[str, ...] = ()
    waiting: int = NOTHING_KNOWN
    messages: int = 0
    bytes: int = 0
    most: int = 0
    dead: int = 0
    counts: Counter[Deed] = field(default_factory=Counter)

    def count(self, deed: Deed) -> None:
        """Count one."""
        self.counts[deed] += 1

    def metrics(self) -> Iterator[Metric]:
        """Give them for Prometheus."""
        for name, (text, deeds) in _TEXTS.items():
            family = CounterMetricFamily(f"mbusheadend_stream_{name}", text, labels=["outcome"])
            for deed in deeds:
                family.add_metric([deed.value], self.counts[deed])
            yield family
        gauges = (
            ("up", "Whether the stream can be used", int(not self.trouble)),
            ("complaints", "What is not as it should be with the stream", len(self.complaints)),
            ("stored_messages", "Messages that the stream holds", self.messages),
            ("stored_bytes", "Their size", self.bytes),
            ("limit_bytes", "What it takes at the most", self.most),
            ("dead_messages", "Dead letters that it holds", self.dead),
        )
        for name, text, value in gauges:
            yield GaugeMetricFamily(f"mbusheadend_stream_{name}", text, value=value)
        if self.waiting != NOTHING_KNOWN:
            text = "Messages that are not in the store yet"
            yield GaugeMetricFamily("mbusheadend_stream_waiting_messages", text, value=self.waiting)
