"""*Read now*: how far an order is."""

from datetime import datetime
from typing import Final, Self

from fastapi import APIRouter

from mbusheadend.fleet.reading_now import ReadProgress, read_progress
from mbusheadend.web.door import READER
from mbusheadend.web.fleet_texts import read_text
from mbusheadend.web.services import Services
from mbusweb.api.models import Answer
from mbusweb.api.problems import declared

DOOR: Final = READER


class ReadMeter(Answer):
    """A meter that is to be read; `outcome` is null until something is here."""

    number: int
    identity: str
    outcome: str | None
    taken: datetime | None
    remark: str


class ReadMaster(Answer):
    """How far an order is at one master; `words` says it in the language of the caller."""

    serial: str
    state: str
    connected: bool
    words: str
    is_over: bool
    meters: list[ReadMeter]


class Read(Answer):
    """How far an order is: `done` of `wanted` meters have an answer, `answered` a sound reading."""

    id: str
    added: datetime
    wanted: int
    done: int
    answered: int
    is_over: bool
    masters: list[ReadMaster]

    @classmethod
    def of_progress(cls, progress: ReadProgress, now: datetime) -> Self:
        """Write it."""
        masters = [
            ReadMaster(
                serial=one.serial,
                state=str(one.state),
                connected=str(one.call) == "connected",
                words=read_text(one, now),
                is_over=one.is_over,
                meters=[
                    ReadMeter(
                        number=line.meter.id,
                        identity=line.meter.identity,
                        outcome=None if line.reading is None else str(line.reading.outcome),
                        taken=None if line.reading is None else line.reading.taken,
                        remark="" if line.reading is None else line.reading.remark,
                    )
                    for line in one.meters
                ],
            )
            for one in progress.masters
        ]
        return cls(
            id=progress.id,
            added=progress.added,
            wanted=progress.of,
            done=progress.done,
            answered=progress.answered,
            is_over=progress.is_over,
            masters=masters,
        )


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["fleet"])

    @routes.get("/reads/{id}", responses=declared(404, 503))
    async def get_read(id: str) -> Read:
        """Say how far an order to read is. The readings come with its id as their schedule."""
        return Read.of_progress(await read_progress(services.desk, id), services.now())

    return routes
