"""Small messages between the processes of a head-end: an operator's connection may be at one, the master's at another.

What an implementation keeps to:

- `publish` gives a message of at most `MAX_MESSAGE` bytes to whoever subscribes to the topic at that instant, in whatever
  process; to nobody where nobody does. It does not wait for whoever receives.
- Messages of one publisher to one topic arrive in the order in which they were published, each at most once.
- A message may be lost: its process ended, the connection between broke, or `MOST_WAITING` others wait for a subscriber that
  does not take them. A subscription that knows of a loss says so by `CourierLostError` behind what had come, and gives nothing
  any more. One that cannot know of it stays silent: who needs all messages numbers them (`mbusheadend.tunnel.envelope`).
- Who has entered a subscription misses nothing that is published afterwards.

Topics are ASCII letters, digits, dots and hyphens, at most `MAX_TOPIC` of them.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Final, Protocol

MAX_MESSAGE: Final = 5000
"""Bytes; PostgreSQL's NOTIFY carries 8000 characters, and base64 makes four of three."""
MAX_TOPIC: Final = 60
MOST_WAITING: Final = 256


class CourierLostError(Exception):
    """Messages were lost, or can be sent no more; says why."""


class Subscription(Protocol):
    """Messages of a topic."""

    async def receive(self) -> bytes:
        """Give the next. Raise `CourierLostError`."""


class Courier(Protocol):
    """Carries messages; see above."""

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[Subscription]:
        """Hear what is published to a topic, until the block ends. Raise `CourierLostError` where that cannot be."""

    async def publish(self, topic: str, message: bytes) -> None:
        """Give a message to whoever hears. Raise `CourierLostError` where it is known to be lost."""


class CourierHere:
    """Within one process and one event loop."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Mailbox]] = {}

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[Subscription]:
        """See `Courier.subscribe`."""
        with self._subscribed(topic) as subscription:
            yield subscription

    async def publish(self, topic: str, message: bytes) -> None:
        """See `Courier.publish`."""
        if len(message) > MAX_MESSAGE or len(topic) > MAX_TOPIC:
            raise ValueError("a message or a topic is too long")
        for subscription in self._subscriptions.get(topic, ()):
            subscription.give(message)

    @contextmanager
    def _subscribed(self, topic: str) -> "Iterator[Mailbox]":
        subscription = Mailbox()
        self._subscriptions.setdefault(topic, set()).add(subscription)
        try:
            yield subscription
        finally:
            left = self._subscriptions[topic]
            left.discard(subscription)
            if not left:
                del self._subscriptions[topic]


class Mailbox:
    """Messages that wait for a subscriber (`Subscription`). For one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._lost = ""
        self._changed = asyncio.Event()

    def give(self, message: bytes) -> None:
        """Keep a message until it is taken."""
        if len(self._waiting) >= MOST_WAITING:
            self.lose(f"more than {MOST_WAITING} messages were waiting")
        if not self._lost:
            self._waiting.append(message)
        self._changed.set()

    def lose(self, why: str) -> None:
        """Behind what waits nothing comes any more; says why."""
        self._lost = self._lost or why
        self._changed.set()

    async def receive(self) -> bytes:
        """See `Subscription.receive`."""
        while not self._waiting:
            if self._lost:
                raise CourierLostError(self._lost)
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()
