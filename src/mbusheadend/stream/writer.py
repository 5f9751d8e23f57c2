"""Takes messages from the stream to the store. A message is acknowledged when its readings are in the store for good.

Whatever comes twice is stored once: readings have ids. What cannot be stored becomes a dead letter, with why, and holds nobody
up. Where the store does not work, messages are kept in hand and tried again until it does; the others stay in the stream.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import JetStreamContext

from mbusheadend.store import Store, StoreError, StoreRefusedError
from mbusheadend.stream.calls import bounded
from mbusheadend.stream.errors import FormatError, StreamError, StreamFullError
from mbusheadend.stream.figures import Deed, Figures
from mbusheadend.stream.format import (
    Delivered,
    dead_letter,
    dead_subject,
    pack_again,
    readings_subject,
    understand,
)
from mbusheadend.stream.lanes import Lanes
from mbusheadend.stream.layout import ACK_SECONDS, stream_of_dead, stream_of_readings, writer_of
from mbusheadend.stream.link import Link
from mbusheadend.stream.settings import StreamSettings
from mbusheadend.waits import first
from mbushosting.readings import Batch

PULL_SECONDS: Final = 5.0
"""A request for a message is made anew after that, as a node may have died with it."""
CALL_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 1.0
FULL_SECONDS: Final = 300.0
"""After which a message whose dead letter found no room comes again."""
LONGEST_PAUSE: Final = 30.0
ATTEMPTS: Final = 3
"""Of a message that fails with an error that nobody thought of."""
BESIDE: Final = 10
"""The same, of one that fails as if the store did not work while others are stored."""
MOST_DELIVERIES: Final = 50
"""A message that came so often ended whoever had it."""
END_SECONDS: Final = 20.0
_OF_DATA: Final = frozenset({"DataError", "IntegrityError", "NotSupportedError", "ProgrammingError"})
"""Names that PEP 249 gives the errors of a driver that come again with the same data."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class UnstorableError(Exception):
    """This will never be stored; says why."""


class Writer:
    """Writes the messages of one tenant; any number may be at work, here and in other processes.

    :param stored: is called when readings were stored.
    """

    def __init__(
        self,
        link: Link,
        store: Store,
        settings: StreamSettings,
        figures: Figures,
        stored: Callable[[], None] = lambda: None,
    ) -> None:
        self._link = link
        self._store = store
        self._settings = settings
        self._figures = figures
        self._stored = stored
        self._lanes = Lanes()
        self._in_hand: dict[int, Msg] = {}
        self._undone: list[Msg] = []
        self._works = asyncio.Event()
        self._done = 0
        self._closing = asyncio.Event()

    async def run(self) -> None:
        """Write until cancelled; the stream is there. What is under way then is ended first, or comes again elsewhere."""
        self._closing.clear()
        hands = [asyncio.create_task(self._work()) for _ in range(self._settings.writers)]
        heart = asyncio.create_task(self._keep_in_hand())
        try:
            await self._closing.wait()
        finally:
            self._closing.set()
            await _ended(hands, END_SECONDS)
            await _ended([heart], 0)
            await self._give_back()

    async def _work(self) -> None:
        while not self._closing.is_set():
            try:
                binding = self._link.jetstream.pull_subscribe_bind(
                    writer_of(self._settings.tenant), stream_of_readings(self._settings)
                )
                subscription = await bounded(binding, CALL_SECONDS)
                try:
                    await self._pull(subscription)
                finally:
                    with contextlib.suppress(Error, OSError, TimeoutError, StreamError):
                        await bounded(subscription.unsubscribe(), CALL_SECONDS)
            except (Error, OSError, TimeoutError, StreamError) as error:
                _log.debug("the stream gives no messages now: %r", error)
                await self._pause(AGAIN_SECONDS)
            except Exception:
                _log.exception("an error in a writer of the stream")
                await self._pause(LONGEST_PAUSE)

    async def _pull(self, subscription: JetStreamContext.PullSubscription) -> None:
        closing = asyncio.create_task(self._closing.wait())
        try:
            while self._link.is_up and not self._closing.is_set():
                fetching = subscription.fetch(1, timeout=PULL_SECONDS)
                pulling = asyncio.create_task(bounded(fetching, PULL_SECONDS + 1))
                try:
                    await asyncio.wait([pulling, closing], return_when=asyncio.FIRST_COMPLETED)
                    if not pulling.done():
                        return
                    messages = pulling.result()
                except TimeoutError:
                    continue
                finally:
                    await _ended([pulling], 0)
                for message in messages:
                    await self._take_in_hand(message)
        finally:
            await _ended([closing], 0)

    async def _take_in_hand(self, message: Msg) -> None:
        if message.metadata.num_delivered > 1:
            self._figures.count(Deed.REDELIVERED)
        number = message.metadata.sequence.stream
        self._in_hand[number] = message
        try:
            async with self._lanes.turn(message.subject):
                is_done = await self._deliver(message)
            if is_done:
                await bounded(message.ack(), CALL_SECONDS)
            else:
                self._undone.append(message)
        except (Error, OSError, TimeoutError, StreamError) as error:
            _log.info("message %d comes again: %r", number, error)
        finally:
            self._in_hand.pop(number, None)

    async def _deliver(self, message: Msg) -> bool:
        """Bring a message to the store or to the dead letters; false where this has to end before."""
        if self._closing.is_set():
            return False
        try:
            if message.metadata.num_delivered > MOST_DELIVERIES:
                raise UnstorableError(f"delivered {message.metadata.num_delivered - 1} times to no end")
            delivered = await asyncio.to_thread(understand, message.headers or {}, message.data)
            await self._store_all(message, delivered)
        except (FormatError, UnstorableError) as error:
            return await self._bury(message, message.headers or {}, message.data, str(error))
        except _StoppedError:
            return False
        self._figures.count(Deed.WRITTEN)
        return True

    async def _store_all(self, message: Msg, delivered: Delivered) -> None:
        serial = delivered.batch.serial_number
        if message.subject != readings_subject(self._settings.name, self._settings.tenant, serial):
            raise UnstorableError("subject and body name different masters")
        if delivered.certificate is not None:
            number = delivered.certificate
            if not await self._patiently(message, lambda: self._store.is_trusted(number)):
                raise UnstorableError("the certificate of the master was revoked, or is not known here")
        try:
            await self._store_batch(message, delivered, delivered.batch)
        except UnstorableError as error:
            if len(delivered.batch.readings) == 1 or isinstance(error.__cause__, StoreRefusedError):
                raise
            for reading in delivered.batch.readings:
                await self._store_one(message, delivered, Batch(serial_number=serial, readings=(reading,)))

    async def _store_one(self, message: Msg, delivered: Delivered, batch: Batch) -> None:
        try:
            await self._store_batch(message, delivered, batch)
        except UnstorableError as error:
            headers, body = pack_again(message.headers or {}, batch)
            if not await self._bury(message, headers, body, str(error)):
                raise _StoppedError from error

    async def _store_batch(self, message: Msg, delivered: Delivered, batch: Batch) -> None:
        receipt = await self._patiently(
            message, lambda: self._store.take(batch.serial_number, batch, delivered.received)
        )
        self._stored()
        for reason in sorted(set(receipt.refused.values())):
            refused = tuple(one for one in batch.readings if receipt.refused.get(one.id) == reason)
            headers, body = pack_again(message.headers or {}, batch.model_copy(update={"readings": refused}))
            if not await self._bury(message, headers, body, reason):
                raise _StoppedError

    async def _patiently(self, message: Msg, work: Callable[[], Awaitable[T]]) -> T:
        """Do what the store is asked for, again and again where it does not work. Raise `UnstorableError`, `_StoppedError`."""
        attempts, beside, pause = 0, 0, AGAIN_SECONDS
        while True:
            self._works.clear()
            done = self._done
            try:
                result = await work()
            except StoreRefusedError as error:
                raise UnstorableError(str(error)) from error
            except StoreError as error:
                beside += self._done > done
                if _is_of_data(error) or beside == BESIDE:
                    raise UnstorableError(str(error)) from error
                _log.error("message %s is not written yet: %s", message.metadata.sequence.stream, error)
            except Exception as error:
                attempts += 1
                _log.exception("message %s cannot be written", message.metadata.sequence.stream)
                if attempts == ATTEMPTS:
                    raise UnstorableError(f"{type(error).__name__}: {error}") from error
            else:
                self._done += 1
                self._works.set()
                return result
            self._figures.count(Deed.FAILED)
            await self._pause(AGAIN_SECONDS)
            await self._pause(pause - AGAIN_SECONDS, self._works)
            if self._closing.is_set():
                raise _StoppedError
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _bury(self, message: Msg, headers: dict[str, str], body: bytes, reason: str) -> bool:
        """Write a dead letter; false where this has to end before it is there. Raise `StreamFullError`: it comes again later."""
        serial = message.subject.rpartition(".")[2]
        subject = f"{dead_subject(self._settings.name, self._settings.tenant, '*').removesuffix('*')}{serial}"
        parcel = dead_letter(headers, body, subject, reason)
        _log.error("message %s becomes a dead letter: %s", message.metadata.sequence.stream, reason)
        pause = AGAIN_SECONDS
        while not self._closing.is_set():
            try:
                if not await self._link.publish(parcel, stream_of_dead(self._settings)):
                    self._figures.count(Deed.DEAD)
            except StreamFullError:
                # Who fills the dead letters must not hold up what can be written.
                _log.error("a dead letter cannot be written: too many are kept; see `stream dead`")
                with contextlib.suppress(Error, OSError, TimeoutError):
                    await bounded(message.nak(FULL_SECONDS), CALL_SECONDS)
                raise
            except StreamError as error:
                _log.error("a dead letter cannot be written yet: %s", error)
                await self._pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return True
        return False

    async def _give_back(self) -> None:
        """Let others have what is not done, now that nobody here waits for messages any more."""
        undone, self._undone = self._undone, []
        for message in undone:
            with contextlib.suppress(Error, OSError, TimeoutError, StreamError):
                await bounded(message.nak(), CALL_SECONDS)

    async def _keep_in_hand(self) -> None:
        """Tell the stream from time to time that messages are still being worked on."""
        while True:
            await asyncio.sleep(ACK_SECONDS / 3)
            for message in [*self._in_hand.values()]:
                with contextlib.suppress(Error, OSError, TimeoutError, StreamError):
                    await bounded(message.in_progress(), CALL_SECONDS)

    async def _pause(self, seconds: float, *events: asyncio.Event) -> None:
        """Wait so long, or until this ends or an event is set."""
        if seconds <= 0:
            return
        await first(seconds, self._closing, *events)


class _StoppedError(Exception):
    """This ends before the message was stored."""


def _is_of_data(error: StoreError) -> bool:
    """Tell whether the store works and only this cannot be stored."""
    cause = error.__cause__
    return cause is not None and any(kind.__name__ in _OF_DATA for kind in type(cause).__mro__)


async def _ended(tasks: Iterable[asyncio.Task[Any]], seconds: float) -> None:
    """Let tasks end within so many seconds, and cancel the others."""
    tasks = [*tasks]
    if tasks and seconds:
        await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
