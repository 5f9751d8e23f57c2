"""What the processes of a head-end tell each other of what only one of them knows: its jobs, who is connected to it.

Nothing of it is needed for anything to be right: it may be lost, and is told again. Each process says hello when it begins, upon
which the others tell all they know; it says that it is alive every few seconds, and that it ends. What a process has told is
forgotten when it was silent for long.
"""

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from mbusheadend.courier import MAX_MESSAGE, Courier, CourierLostError

ALIVE_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 35.0
"""After which a process is thought to have ended."""
GATHER_SECONDS: Final = 0.25
"""In which what is told goes out together."""
AGAIN_SECONDS: Final = 5.0
MOST_WAITING: Final = 5000
"""Things to be told; older ones are dropped."""
MOST_PROCESSES: Final = 200
_log = logging.getLogger(__name__)


class Teller(Protocol):
    """Knows something that others want to know."""

    def everything(self) -> Iterable[tuple[str, Any]]:
        """Give all that this process knows by itself: keys, and what JSON can say of each in well below `MAX_MESSAGE` bytes."""

    def heard(self, process: str, said: Any) -> None:
        """Take note of what another process has told; anything may be wrong in it: then raise `ValueError`."""

    def gone(self, process: str) -> None:
        """Forget what a process has told: it has ended."""


class Gossip:
    """One subject of gossip.

    :param topic: of the courier.
    :param monotonic: gives seconds.
    """

    def __init__(
        self, courier: Courier, topic: str, teller: Teller, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._courier = courier
        self._topic = topic
        self._teller = teller
        self._monotonic = monotonic
        self._process = secrets.token_hex(8)
        self._alive: dict[str, float] = {}
        self._to_tell: OrderedDict[str, Any] = OrderedDict()
        self._news = asyncio.Event()

    def tell(self, key: str, said: Any) -> None:
        """Tell the others soon; only the last thing of a key."""
        self._to_tell[key] = said
        self._to_tell.move_to_end(key)
        while len(self._to_tell) > MOST_WAITING:
            self._to_tell.popitem(last=False)
        self._news.set()

    async def run(self) -> None:
        """Speak and listen until cancelled; what the courier loses is told anew."""
        try:
            while True:
                try:
                    await self._converse()
                except* CourierLostError as lost:
                    _log.info("other processes are not heard: %s", lost.exceptions[0])
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            with contextlib.suppress(CourierLostError):
                await self._publish("bye")

    async def _converse(self) -> None:
        async with self._courier.subscribe(self._topic) as heard, asyncio.TaskGroup() as tasks:
            await self._publish("hello")
            self._tell_everything()
            tasks.create_task(self._listen(heard.receive))
            tasks.create_task(self._speak())

    async def _listen(self, receive: Callable[[], Any]) -> None:
        while True:
            message = await receive()
            try:
                self._take(json.loads(message))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                _log.warning("another process has told something that cannot be understood: %s", error)

    def _take(self, message: Any) -> None:
        process, kind = str(message["from"])[:64], message["kind"]
        if process == self._process:
            return
        if kind == "bye":
            self._forget(process)
            return
        if process not in self._alive and len(self._alive) >= MOST_PROCESSES:
            return
        self._alive[process] = self._monotonic()
        if kind == "hello":
            self._tell_everything()
        for said in message.get("said", ()):
            self._teller.heard(process, said)

    async def _speak(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ALIVE_SECONDS):
                    await self._news.wait()
                    await asyncio.sleep(GATHER_SECONDS)
            self._news.clear()
            pieces: list[Any] = []
            size = 0
            while self._to_tell:
                _, piece = self._to_tell.popitem(last=False)
                length = len(json.dumps(piece)) + 2
                if size + length > MAX_MESSAGE - 200 and pieces:
                    await self._publish("say", pieces)
                    pieces, size = [], 0
                pieces.append(piece)
                size += length
            await self._publish("say", pieces)
            self._forget_silent()

    async def _publish(self, kind: str, said: list[Any] | None = None) -> None:
        message = json.dumps({"from": self._process, "kind": kind, "said": said or []}).encode()
        if len(message) <= MAX_MESSAGE:
            await self._courier.publish(self._topic, message)

    def _tell_everything(self) -> None:
        for key, said in self._teller.everything():
            self.tell(key, said)
        self._news.set()

    def _forget_silent(self) -> None:
        now = self._monotonic()
        for process in [one for one, heard in self._alive.items() if now - heard > SILENT_SECONDS]:
            self._forget(process)

    def _forget(self, process: str) -> None:
        if self._alive.pop(process, None) is not None:
            self._teller.gone(process)
