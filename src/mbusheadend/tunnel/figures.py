"""Figures of tunnels, for Prometheus."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


@dataclass(frozen=True, slots=True)
class TunnelFigures:
    """Of one process.

    :ivar open: now, also those that wait for their master.
    :ivar opened: since the start.
    :ivar up: bytes of buses that came from operators since the start, `down` that went to them: of tunnels that ended.
    """

    open: int
    opened: int
    up: int
    down: int

    def metrics(self) -> Iterable[Metric]:
        """Give them for Prometheus."""
        passed = CounterMetricFamily(
            "mbusheadend_tunnel_bytes", "Bytes of buses that passed through tunnels", labels=["to"]
        )
        passed.add_metric(["master"], self.up)
        passed.add_metric(["operator"], self.down)
        return [
            passed,
            CounterMetricFamily(
                "mbusheadend_tunnels_opened", "Tunnels to buses that were opened", value=self.opened
            ),
            GaugeMetricFamily(
                "mbusheadend_tunnels",
                "Tunnels to buses that are open, or wait for their master",
                value=self.open,
            ),
        ]
