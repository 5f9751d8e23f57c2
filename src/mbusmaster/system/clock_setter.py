"""Sets the clock through the helper that has root."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from mbusmaster.helper.client import Helper
from mbusmaster.helper.errors import HelperError
from mbusmaster.release_date import release_date
from mbusmaster.system.clock import ClockChange, ClockRefusedError, NoClockSetter
from mbusweb.texts import mark

TOO_EARLY = mark("The clock cannot be put before %(floor)s (UTC), when this software was made.")


class HelperClock:
    """The clock of a machine with a helper; where none is installed it changes nothing, and says so.

    :param was_set: is called after the clock was set.
    :param floor: no moment before it is set; by default the release date of this software.
    """

    def __init__(
        self,
        helper: Helper,
        was_set: Callable[[ClockChange], None] = lambda change: None,
        *,
        floor: datetime | None = None,
    ) -> None:
        self._helper = helper
        self._was_set = was_set
        self._floor = release_date() if floor is None else floor

    @property
    def unavailable(self) -> str:
        """Why the clock cannot be set here."""
        return "" if self._helper.is_installed else NoClockSetter().unavailable

    async def set(self, moment: datetime) -> ClockChange:
        """Set the clock; raise `NotAvailableError`, for a refusal `ClockRefusedError`."""
        if not self._helper.is_installed:
            return await NoClockSetter().set(moment)
        if moment < self._floor:
            raise ClockRefusedError(TOO_EARLY, {"floor": f"{self._floor:%Y-%m-%d %H:%M}"})
        try:
            change = _change(await self._helper.do("clock.set", {"moment": moment.isoformat()}))
        except HelperError as error:
            raise ClockRefusedError(error.text.template, error.text.values) from error
        self._was_set(change)
        return change


def _change(facts: Mapping[str, Any]) -> ClockChange:
    was, becomes = (datetime.fromisoformat(str(facts[name])).astimezone(UTC) for name in ("was", "becomes"))
    return ClockChange(was, becomes)
