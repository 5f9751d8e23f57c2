"""The gateway's end: asks the service for a deed."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from mbusmaster.helper.errors import HelperGoneError, RefusedError
from mbusmaster.helper.protocol import (
    MAX_LINE,
    SOCKET,
    Done,
    Progress,
    ProtocolError,
    Refused,
    Request,
    read_answer,
    request_line,
)

GONE: Final = "The helper of the master does not answer (%(reason)s): nothing could be changed. See its log."
BROKE_OFF: Final = (
    "The helper of the master broke off (%(reason)s): look at what is in force now, then try again."
)
ANSWER_SECONDS: Final = 120.0
"""Longest silence between two answers."""


class Helper:
    """Asks the service; every call is a connection of its own.

    :param socket: of the service.
    """

    def __init__(self, socket: Path = SOCKET) -> None:
        self._socket = socket

    @property
    def is_installed(self) -> bool:
        """There is such a service on this machine."""
        return self._socket.is_socket()

    async def do(
        self,
        verb: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        told: Callable[[Mapping[str, Any]], None] = lambda facts: None,
    ) -> Mapping[str, Any]:
        """Have something done and give what came of it; raise `RefusedError` or `HelperGoneError`.

        :param told: is called with how far it is.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket, limit=MAX_LINE)
        except OSError as error:
            raise HelperGoneError(GONE, {"reason": error.strerror or str(error)}) from error
        try:
            writer.write(request_line(Request(verb, arguments or {})))
            await writer.drain()
            while True:
                async with asyncio.timeout(ANSWER_SECONDS):
                    line = await reader.readline()
                match read_answer(line):
                    case Progress(facts):
                        told(facts)
                    case Done(facts):
                        return facts
                    case Refused(template, values):
                        raise RefusedError(template, values)
        except (OSError, ProtocolError, ValueError, TimeoutError) as error:
            raise HelperGoneError(BROKE_OFF, {"reason": str(error) or type(error).__name__}) from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
