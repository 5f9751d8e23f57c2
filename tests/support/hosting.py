"""Parts of hosted reading, without threads: of use in virtual time too."""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from mbushosting.readings import Outcome
from mbusmaster.hosting.alarms import Alarms
from mbusmaster.hosting.database import FILE_NAME, Database
from mbusmaster.hosting.outbox import Outbox
from mbusmaster.hosting.taken import Taken

P = ParamSpec("P")
T = TypeVar("T")

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PLENTY = 1 << 30


class AtOnce(Executor):
    """Does the work in the thread that asks for it."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


async def opened(folder: Path, clock: Callable[[], datetime] = lambda: NOON) -> Database:
    """Open the file of hosted reading in a folder."""
    return await Database.open(folder / FILE_NAME, clock=clock, executor=AtOnce())


@asynccontextmanager
async def outbox_in(folder: Path, *, most_bytes: int = PLENTY) -> AsyncIterator[tuple[Outbox, Alarms]]:
    """Give an outbox and what it complains of until the block ends."""
    database, alarms = await opened(folder), Alarms()
    outbox = Outbox(database, alarms, most_bytes=most_bytes)
    await outbox.open()
    try:
        yield outbox, alarms
    finally:
        await database.close()


def frame(content: bytes = b"\x08\x05\x72" + bytes(12)) -> bytes:
    """Give a long frame around a control field, an address and data."""
    return bytes((0x68, len(content), len(content), 0x68)) + content + bytes((sum(content) & 0xFF, 0x16))


def taken(number: int = 0, **changes: Any) -> Taken:
    """Give a reading, one of many."""
    values: dict[str, Any] = {
        "bus": "main",
        "meter": f"{number % 250}",
        "schedule": "hourly",
        "slot": NOON,
        "taken": NOON + timedelta(seconds=number),
        "clock": "synchronised",
        "outcome": Outcome.OK,
        "attempts": 1,
        "baud": 2400,
        "frames": (frame(b"\x08\x05\x72" + number.to_bytes(4, "little") + bytes(20)),),
    }
    return Taken(**(values | changes))
