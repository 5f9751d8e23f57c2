"""Nudges between processes: something has changed that one of them looks at by itself, but late.

A nudge says only what to look at. It may be lost; then it is seen at the next look.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from mbusheadend.courier import Courier, CourierLostError

GATHER_SECONDS: Final = 1.0
"""In which nudges of one kind go out as one."""
AGAIN_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class Nudges:
    """Those of one subject.

    :param topic: of the courier.
    :param looks: what to call, by kind of nudge.
    """

    def __init__(self, courier: Courier, topic: str, looks: Mapping[str, Callable[[], None]]) -> None:
        self._courier = courier
        self._topic = topic
        self._looks = looks
        self._to_send: set[str] = set()
        self._news = asyncio.Event()

    def send(self, kind: str) -> None:
        """Nudge every process soon, also this one."""
        self._to_send.add(kind)
        self._news.set()

    async def run(self) -> None:
        """Hear and send until cancelled."""
        while True:
            try:
                async with self._courier.subscribe(self._topic) as heard, asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._send())
                    while True:
                        look = self._looks.get((await heard.receive()).decode("ascii", "replace"))
                        if look is not None:
                            look()
            except* CourierLostError as lost:
                _log.info("other processes are not heard: %s", lost.exceptions[0])
            await asyncio.sleep(AGAIN_SECONDS)

    async def _send(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            kinds, self._to_send = self._to_send, set()
            for kind in sorted(kinds):
                await self._courier.publish(self._topic, kind.encode())
            await asyncio.sleep(GATHER_SECONDS)
