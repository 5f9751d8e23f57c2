"""Reading the meters of a local master, now, into the store."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from mbusheadend.jobs import Job, JobError, Jobs
from mbusheadend.local.credentials import with_keys
from mbusheadend.local.errors import LocalError
from mbusheadend.local.places import endpoint_of
from mbusheadend.store import Master, Meter, Store
from mbushosting.readings import Batch, Outcome, Reading, new_id
from mbusio.errors import BusIOError
from mbusio.line import Line
from mbusio.listreading import ListReading, Patience, read_list
from mbusio.meterimport import ImportedMeter
from mbusio.transport.url import Endpoint, open_transport
from mbusweb.texts import Text, mark

KIND: Final = "local reading"
SCHEDULE: Final = "local"
"""Stands in readings where others have the schedule that wanted them."""
_TITLE: Final = mark("Read %(master)s locally")
_CONNECTING: Final = mark("Connecting to %(url)s")
_ASKING: Final = mark("Asking %(meter)s")
_NO_METERS: Final = mark(
    "There is no meter to read here: import the master's list first; meters of a master that calls stay there"
)
_NOT_LOCAL: Final = mark("The master %(serial)s calls the head-end; it is not read locally")
_UNREACHABLE: Final = mark("The master cannot be reached: %(reason)s")
_LOST: Final = mark(
    "The master was lost after %(done)d of %(all)d meters: %(reason)s. What was read is stored"
)
_CANCELLED: Final = mark("Cancelled after %(done)d of %(all)d meters; what was read is stored")
_ALL: Final = mark("All %(all)d meters were read")
_SOME: Final = mark(
    "%(ok)d of %(all)d meters were read; silent: %(silent)d, without a whole reading: %(other)d"
)


def start_reading(
    jobs: Jobs,
    store: Store,
    master: Master,
    who: str,
    now: Callable[[], datetime],
    *,
    which: Collection[int] = (),
) -> Job:
    """Begin to read a local master; raise `JobError` where somebody reads it already.

    :param which: numbers of meters; empty is all that are at this master.
    """
    title = Text(_TITLE, {"master": master.name or master.serial})

    async def work(job: Job) -> Text:
        return await read_local(store, master.serial, job, now, which=which)

    return jobs.start(KIND, title, work, who, subject=master.serial)


async def read_local(
    store: Store,
    serial: str,
    job: Job,
    now: Callable[[], datetime],
    *,
    which: Collection[int] = (),
) -> Text:
    """Read meters of a local master, each stored before the next one is asked; give what came of it.

    :param which: numbers of meters; empty is all that are at this master.

    Cancelled, it says how far it came. Raise `JobError` where the master cannot be reached or is lost on the way; `UnknownError`
    and `StoreError` of the store.
    """
    master = await store.master(serial)
    if master.local is None:
        raise JobError(Text(_NOT_LOCAL, {"serial": serial}))
    meters = [meter for meter in await store.meters(serial) if not which or meter.id in which]
    if not meters:
        raise JobError(Text(_NO_METERS))
    round = _Round(store, serial, job, meters, now(), now)
    try:
        endpoint = endpoint_of(master.local.url)
    except LocalError as error:
        # It was checked when it was written down; this version is stricter.
        raise JobError(error.text) from error
    job.progress(0, len(meters), Text(_CONNECTING, {"url": master.local.url}))
    try:
        await round.read(endpoint, master.local.patience)
    except asyncio.CancelledError:
        return Text(_CANCELLED, {"done": round.done, "all": len(meters)})
    return round.outcome


@dataclass(slots=True)
class _Round:
    """One reading of several meters.

    :ivar outcomes: of those that are stored.
    """

    store: Store
    serial: str
    job: Job
    meters: list[Meter]
    slot: datetime
    now: Callable[[], datetime]
    outcomes: list[Outcome] = field(default_factory=list)
    answered: bool = False

    @property
    def done(self) -> int:
        """How many meters are stored."""
        return len(self.outcomes)

    @property
    def outcome(self) -> Text:
        """What came of it."""
        ok, silent = self.outcomes.count(Outcome.OK), self.outcomes.count(Outcome.SILENT)
        if ok == self.done:
            return Text(_ALL, {"all": ok})
        return Text(_SOME, {"ok": ok, "all": self.done, "silent": silent, "other": self.done - ok - silent})

    async def read(self, endpoint: Endpoint, patience: Patience) -> None:
        """Read and store; raise `JobError`."""
        try:
            async with with_keys(endpoint, self.store, self.serial) as known:
                transport = await open_transport(known)
        except LocalError as error:
            raise JobError(error.text) from error
        except BusIOError as error:
            raise JobError(Text(_UNREACHABLE, {"reason": str(error)})) from error
        line = Line(transport)
        try:
            await self._read(line, patience)
        except BusIOError as error:
            values: dict[str, str | int] = {"done": self.done, "all": len(self.meters), "reason": str(error)}
            raise JobError(Text(_LOST, values)) from error
        finally:
            await line.close()

    async def _read(self, line: Line, patience: Patience) -> None:
        rates = {id: one.baud for id, one in (await self.store.latest(one.id for one in self.meters)).items()}
        self._tell()
        wanted = [_imported(meter, rates.get(meter.id)) for meter in self.meters]
        async with aclosing(read_list(line, wanted, patience, self.now)) as readings:
            async for reading in readings:
                await self._keep(reading)
                self._tell()

    async def _keep(self, reading: ListReading) -> None:
        """Store a reading, once, before anything else is asked."""
        batch = Batch(serial_number=self.serial, readings=(_reading(reading, self.slot),))
        # Begun, it is finished: cancelled meanwhile, the reading counts nevertheless.
        storing = asyncio.ensure_future(self._take(batch))
        try:
            await asyncio.shield(storing)
        except asyncio.CancelledError:
            await asyncio.wait({storing})
            if (error := storing.exception()) is not None:
                raise error from None
            raise

    async def _take(self, batch: Batch) -> None:
        await self.store.take(self.serial, batch, self.now())
        reading = batch.readings[0]
        if reading.telegrams and not self.answered:
            await self.store.note_local_contact(self.serial, self.now())
            self.answered = True
        self.job.pieces[self.meters[self.done].id] = str(reading.outcome)
        self.outcomes.append(reading.outcome)

    def _tell(self) -> None:
        if self.done < len(self.meters):
            meter = self.meters[self.done]
            self.job.progress(
                self.done, len(self.meters), Text(_ASKING, {"meter": meter.name or meter.identity})
            )
        else:
            self.job.progress(self.done, len(self.meters))


def _imported(meter: Meter, baud: int | None) -> ImportedMeter:
    """Name a meter as a list would; `baud` is the rate at which it answered the last time."""
    assert meter.place is not None, "it is at this master"
    return ImportedMeter(meter.place.bus, meter.place.address, meter.primary, meter.note, baud)


def _reading(reading: ListReading, slot: datetime) -> Reading:
    result = reading.result
    made = Reading(
        id=new_id(reading.taken),
        bus=reading.meter.bus,
        meter=reading.meter.address,
        schedule=SCHEDULE,
        slot=slot,
        taken=reading.taken,
        outcome=Outcome(result.outcome),
        attempts=result.attempts,
        baud=result.baud,
        remark=result.remark,
    )
    # Base64 is for the wire; here they are bytes already.
    return made.model_copy(update={"telegrams": result.frames})
