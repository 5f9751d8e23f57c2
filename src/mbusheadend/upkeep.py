"""What the head-end does in the background for its store: decoding again, giving up what is old, giving room back.

All in pieces, with a pause after each that is as long as the piece took: masters that deliver meanwhile never wait for long.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from mbusheadend.decoding.keys import KeyFileError
from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Keep
from mbusheadend.store import Cursor, Store, StoreError
from mbusweb.texts import NO_TEXT, Text, mark

if TYPE_CHECKING:
    from mbusheadend.archive.archivist import Archivist

FIRST_SECONDS: Final = 60.0
"""After the start, when masters have delivered what waited."""
BETWEEN_SECONDS: Final = 3600.0
LAPSED_DAYS: Final = 90
"""For so long people can see tokens that were used or expired, and certificates that lapsed."""
IDLE_DAYS: Final = 31
"""Age counts from the newest reading where nothing came for so long: a clock that jumped ahead must not delete everything."""
ARCHIVE_HOURS: Final = 20
"""Between two looks at what belongs into the archive: what came late makes one more file each time."""
DECODING: Final = mark("decoding readings again that an older version decoded")
ARCHIVING: Final = mark("writing months into the archive")
PRUNING: Final = mark("giving up what is older than the settings say")
TIDYING: Final = mark("forgetting lapsed tokens and certificates")
SHRINKING: Final = mark("giving room back to the disk")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """What a turn did.

    :ivar ended: None while it is at work.
    :ivar step: what it does now; NO_TEXT when it has ended.
    :ivar decoded: readings looked at again, `changed` those that say something else now.
    :ivar archived: readings that were put into the archive.
    :ivar raw: readings whose raw telegrams were given up, `readings` those given up wholly, with `quarantined` ones.
    :ivar forgotten: tokens and certificates.
    :ivar freed: bytes that went back to the disk.
    :ivar closed_keys: keys of meters that the key file does not open.
    :ivar error: what went wrong, empty if nothing did.
    """

    began: datetime
    ended: datetime | None = None
    step: Text = NO_TEXT
    decoded: int = 0
    changed: int = 0
    archived: int = 0
    raw: int = 0
    readings: int = 0
    quarantined: int = 0
    forgotten: int = 0
    freed: int = 0
    closed_keys: int = 0
    error: str = ""


class Upkeep:
    """Looks after a store.

    :ivar report: of the turn under way, or else of the last one, of whichever process; None before the first.
    :ivar told: is called with the report of this process when a step begins and at the end.
    :param now: gives the time.
    :param pause: waits so many seconds.
    :param archive: opens the archive, which may take a moment; None where there is none.
    :param is_archived_first: whether nothing is given up that the archive does not have.
    :param tell_others: tells the process that looks after the store that somebody wants a turn.
    """

    def __init__(
        self,
        store: Store,
        keep: Keep,
        now: Callable[[], datetime],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        archive: "Callable[[], Archivist] | None" = None,
        *,
        is_archived_first: bool = True,
        tell_others: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._keep = keep
        self._now = now
        self._pause = pause
        self._open_archive = archive
        self._archive: Archivist | None = None
        self._is_archived_first = is_archived_first
        self._tell_others = tell_others
        self._archived: datetime | None = None
        self._is_decoded = False
        self._wanted = asyncio.Event()
        self.report: UpkeepReport | None = None
        self.told: Callable[[UpkeepReport], None] = lambda report: None
        self._is_at_work = False

    def stir(self) -> None:
        """Do a turn now, or one more after that which is under way."""
        self.hear()
        self._tell_others()

    def hear(self) -> None:
        """Somebody wants a turn, perhaps at another process."""
        self._wanted.set()

    async def run(self) -> None:
        """Do a turn after the start and then every hour, until cancelled."""
        seconds = FIRST_SECONDS
        while True:
            try:
                async with asyncio.timeout(seconds):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            await self.turn()
            seconds = BETWEEN_SECONDS

    async def turn(self) -> UpkeepReport:
        """Do all that is to be done; what goes wrong stands in the report and in the log."""
        self._is_at_work = True
        try:
            return await self._turn()
        finally:
            self._is_at_work = False

    def note_elsewhere(self, report: UpkeepReport) -> None:
        """Take note of what another process has done."""
        if not self._is_at_work:
            self.report = report

    async def _turn(self) -> UpkeepReport:
        report = UpkeepReport(self._now())
        for step, work in (
            (DECODING, self._decode),
            (ARCHIVING, self._put_into_archive),
            (PRUNING, self._prune),
            (TIDYING, self._tidy),
            (SHRINKING, self._shrink),
        ):
            self.report = report = replace(report, step=Text(step))
            self.told(report)
            try:
                await work()
            except (StoreError, KeyFileError, HeadEndError) as error:
                _log.error("%s: %s", step, error)
                self._note(error=str(error))
            report = self.report
        self.report = report = replace(report, step=NO_TEXT, ended=self._now())
        self.told(report)
        return report

    def _note(self, **facts: int | str) -> None:
        """Add numbers to the report."""
        assert self.report is not None, "a turn is under way"
        sums = {
            name: fact if isinstance(fact, str) else getattr(self.report, name) + fact
            for name, fact in facts.items()
        }
        self.report = replace(self.report, **sums)  # type: ignore[arg-type]

    async def _decode(self) -> None:
        closed = await self._store.closed_keys()
        if closed:
            self._note(closed_keys=closed)
            _log.error("the key file does not open the keys of %d meters: import them again", closed)
        # Another decoder comes with another program only.
        while not self._is_decoded:
            began = time.monotonic()
            piece = await self._store.redecode()
            self._note(decoded=piece.done, changed=piece.changed)
            self._is_decoded = piece.is_complete
            await self._rest(began)

    async def _put_into_archive(self) -> None:
        if self._open_archive is None:
            return
        if self._archive is None:
            self._archive = await asyncio.to_thread(self._open_archive)
        now = self._now()
        if self._archived is None or abs(now - self._archived) >= timedelta(hours=ARCHIVE_HOURS):
            done = await self._archive.turn()
            self._note(archived=done.readings + done.late)
            self._archived = now

    async def _archived_until(self, before: datetime) -> datetime | None:
        """Say up to which moment the store may give up what it has; None for nothing."""
        if self._open_archive is None or not self._is_archived_first:
            return before
        return None if self._archive is None else await self._archive.may_give_up(before)

    async def _prune(self) -> None:
        now = self._now()
        newest = (await self._store.extent()).newest
        if newest is not None:
            now = min(now, newest + timedelta(days=IDLE_DAYS))
        readings_before = months_before(now, 12 * self._keep.reading_years)
        raw_before = months_before(now, self._keep.raw_months)
        limits = [limit for limit in (readings_before, raw_before) if limit is not None]
        until = await self._archived_until(max(limits)) if limits else None
        is_complete = until is None
        if until is not None:
            readings_before, raw_before = _earlier(readings_before, until), _earlier(raw_before, until)
        while not is_complete:
            began = time.monotonic()
            piece = await self._store.prune(raw_before=raw_before, readings_before=readings_before)
            self._note(raw=piece.raw, readings=piece.readings, quarantined=piece.quarantined)
            is_complete = piece.is_complete
            await self._rest(began)

    async def _tidy(self) -> None:
        self._note(forgotten=await self._store.forget_lapsed(self._now() - timedelta(days=LAPSED_DAYS)))

    async def _shrink(self) -> None:
        unused = (await self._store.extent()).unused
        while unused:
            began = time.monotonic()
            left = await self._store.shrink()
            if left >= unused:
                break
            self._note(freed=unused - left)
            unused = left
            await self._rest(began)

    async def _rest(self, began: float) -> None:
        await self._pause(time.monotonic() - began)


def _earlier(moment: datetime | None, other: datetime) -> datetime | None:
    return None if moment is None else min(moment, other)


def months_before(moment: datetime, months: int) -> datetime | None:
    """Give the moment so many months earlier, on the 28th at the latest; None for no month at all."""
    if months == 0:
        return None
    there = moment.astimezone(UTC)
    year, month = divmod(there.year * 12 + there.month - 1 - months, 12)
    return there.replace(year=year, month=month + 1, day=min(there.day, 28))


async def decode_meter_again(
    store: Store, meter: int, progress: Callable[[int], None] = lambda done: None
) -> int:
    """Decode all readings of a meter again, as after its key was stored; give how many say something else now.

    :param progress: is told how many are done.
    """
    done = changed = 0
    after: Cursor | None = None
    while True:
        piece, after = await store.redecode_meter(meter, after)
        done, changed = done + piece.done, changed + piece.changed
        progress(done)
        if after is None:
            return changed
        await asyncio.sleep(0)
