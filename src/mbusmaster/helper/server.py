"""The service's end: who may ask, and one deed of a part at a time."""

import asyncio
import contextlib
import logging
import socket
import struct
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.protocol import (
    MAX_LINE,
    Answer,
    Done,
    Progress,
    ProtocolError,
    Refused,
    answer_line,
    read_request,
)

ASK_SECONDS: Final = 10.0
"""For a client to say what it wants."""
MOST_CLIENTS: Final = 8
LOOKS: Final = "state"
"""The deed of a part that changes nothing: it waits for nobody, however long an installation takes."""
BROKEN: Final = "The helper of the master failed: nothing is known of what was done. See its log."
UNKNOWN: Final = "The helper of the master knows no deed %(verb)s: its package is older than this release."
BUSY: Final = "The helper of the master has too much to do. Try again."

Tell = Callable[[Mapping[str, Any]], None]
Deed = Callable[[Mapping[str, Any], Tell], Awaitable[Mapping[str, Any]]]
"""Takes arguments from outside, which it checks, and a way to tell how far it is; raises `RefusedError`."""

_log = logging.getLogger(__name__)


class HelperServer:
    """Serves the verbs.

    :param deeds: by verb, ``part.deed``; of one part never two at a time, but for those that only look: ``part.state``.
    :param users: numbers of the users who may ask, beside root.
    """

    def __init__(self, deeds: Mapping[str, Deed], users: Collection[int]) -> None:
        self._deeds = deeds
        self._users = {0, *users}
        self._parts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._clients = 0

    async def start(self, sock: socket.socket) -> asyncio.Server:
        """Begin to listen on a socket that is bound already."""
        return await asyncio.start_unix_server(self._serve, sock=sock, limit=MAX_LINE)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            if _user_of(writer) not in self._users:
                return
            answer = Refused(BUSY) if self._clients > MOST_CLIENTS else await self._answer(reader, writer)
            writer.write(answer_line(answer))
            await writer.drain()
        except (OSError, ProtocolError, ValueError, TimeoutError) as error:
            _log.warning("a request was broken off: %s", str(error) or type(error).__name__)
        finally:
            self._clients -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
        async with asyncio.timeout(ASK_SECONDS):
            request = read_request(await reader.readline())
        deed = self._deeds.get(request.verb)
        if deed is None:
            return Refused(UNKNOWN, {"verb": request.verb[:64]})

        def tell(facts: Mapping[str, Any]) -> None:
            if not writer.is_closing():
                writer.write(answer_line(Progress(facts)))

        async with self._turn(request.verb):
            _log.info("%s", request.verb)
            try:
                return Done(await deed(request.arguments, tell))
            except RefusedError as refusal:
                # A value may be an echo of what was asked: it must not look like lines of root's own.
                _log.warning("%s refused: %s", request.verb, ascii(str(refusal)))
                return Refused(refusal.text.template, refusal.text.values)
            except Exception:
                # Whatever goes wrong in one deed, the service must be there for the next.
                _log.exception("%s failed", request.verb)
                return Refused(BROKEN)

    def _turn(self, verb: str) -> AbstractAsyncContextManager[None]:
        """Give what to hold during a deed."""
        part, _, deed = verb.partition(".")
        return contextlib.nullcontext() if deed == LOOKS else self._parts[part]


def _user_of(writer: asyncio.StreamWriter) -> int:
    """Give the number of the user at the other end (unix(7), SO_PEERCRED)."""
    sock: socket.socket = writer.get_extra_info("socket")
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    user: int = struct.unpack("3i", credentials)[1]
    return user
