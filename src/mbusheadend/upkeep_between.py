"""What the process that looks after the store has done, known to all processes of a head-end."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Final

from mbusheadend.gossip import Gossip
from mbusheadend.upkeep import Upkeep, UpkeepReport
from mbusweb.texts import Text

TOPIC: Final = "upkeep"
_KEY: Final = "report"
_LONGEST: Final = 500
_COUNTS: Final = tuple(one.name for one in fields(UpkeepReport) if one.type is int)


class UpkeepNews:
    """Tells the other processes of the upkeep of this one, and hears of theirs (`mbusheadend.gossip.Teller`).

    :ivar gossip: carries it, once it is set.
    """

    def __init__(self, upkeep: Upkeep) -> None:
        self.gossip: Gossip | None = None
        self._upkeep = upkeep
        self._own: UpkeepReport | None = None
        upkeep.told = self._told

    def everything(self) -> Iterable[tuple[str, Any]]:
        """See `mbusheadend.gossip.Teller`."""
        return [] if self._own is None else [(_KEY, _said(self._own))]

    def heard(self, process: str, said: Any) -> None:
        """See the same."""
        counts = {name: int(said[name]) for name in _COUNTS}
        ended = said["ended"] and datetime.fromisoformat(said["ended"])
        report = UpkeepReport(
            datetime.fromisoformat(said["began"]),
            ended,
            Text(str(said["step"])[:_LONGEST]),
            error=str(said["error"])[:_LONGEST],
            **counts,
        )
        self._upkeep.note_elsewhere(report)

    def gone(self, process: str) -> None:
        """See the same: what it has done stays done."""

    def _told(self, report: UpkeepReport) -> None:
        self._own = report
        if self.gossip is not None:
            self.gossip.tell(_KEY, _said(report))


def _said(report: UpkeepReport) -> dict[str, Any]:
    counts = {name: count for name, count in asdict(report).items() if name in _COUNTS}
    return {
        **counts,
        "began": report.began.isoformat(),
        "ended": report.ended and report.ended.isoformat(),
        "step": report.step.template,
        "error": report.error[:_LONGEST],
    }
