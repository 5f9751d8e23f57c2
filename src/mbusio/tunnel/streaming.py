"""One HTTP/1.1 request whose body and whose answer go on side by side, on a connection that is open already.

It is as much of HTTP as that needs (RFC 9112): a POST with a chunked body, and an answer with a chunked one.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any, Final

from mbusio.tunnel.frames import MEDIA_TYPE

MAX_HEAD: Final = 16 * 1024
MAX_REFUSAL: Final = 16 * 1024
READ_SIZE: Final = 4096
STUCK_SECONDS: Final = 10.0
"""A connection that takes no bytes for so long is not going to."""
CLOSE_SECONDS: Final = 1.0
_OK: Final = 200


class StreamingError(Exception):
    """The other side is gone, or speaks no HTTP as it should."""


class RefusedError(Exception):
    """The other side does not do what was asked.

    :ivar status: of HTTP.
    :ivar body: what it says of that, an object of JSON; empty where it says nothing that can be understood.
    """

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"the answer is {status}")
        self.status = status
        self.body = body

    @property
    def detail(self) -> str:
        """What it says, fit to be shown."""
        for name in ("detail", "reason", "title"):
            if isinstance(text := self.body.get(name), str) and text:
                return "".join(char if char.isprintable() else " " for char in text)[:500].strip()
        return ""


class Streaming:
    """A request that streams; `ask` begins it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._left = 0
        self._is_over = False

    async def ask(self, host: str, target: str, headers: Mapping[str, str], seconds: float) -> None:
        """Send the head and wait for the answer's. Raise `RefusedError` or `StreamingError`.

        :param host: as in the header of that name; :param target: path and query.
        :param seconds: for the answer.
        """
        lines = [
            f"POST {target} HTTP/1.1",
            f"Host: {host}",
            f"Content-Type: {MEDIA_TYPE}",
            f"Accept: {MEDIA_TYPE}, application/json",
            "Transfer-Encoding: chunked",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        if any(char in line for line in lines for char in "\r\n"):
            raise ValueError("a line of a header has no end in its middle")
        self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        try:
            async with asyncio.timeout(seconds):
                await self._writer.drain()
                status, answered = await self._head()
                if status != _OK:
                    raise RefusedError(status, await self._refusal(answered))
        except TimeoutError as error:
            raise StreamingError(f"no answer within {seconds:.0f} s") from error
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise StreamingError(_why(error)) from error
        if answered.get("transfer-encoding", "").lower() != "chunked" or not answered.get(
            "content-type", ""
        ).startswith(MEDIA_TYPE):
            raise StreamingError("what answers there carries no tunnel")

    async def send(self, data: bytes) -> None:
        """Send a piece of the body, at least one byte. Raise `StreamingError`."""
        if self._writer.is_closing():
            raise StreamingError("the connection is closed")
        try:
            self._writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            async with asyncio.timeout(STUCK_SECONDS):
                await self._writer.drain()
        except TimeoutError as error:
            raise StreamingError("the connection takes no more bytes") from error
        except OSError as error:
            raise StreamingError(_why(error)) from error

    async def receive(self) -> bytes:
        """Give what has come of the answer's body; nothing at its end. Raise `StreamingError`."""
        if self._is_over:
            return b""
        try:
            if not self._left:
                self._left = _size(await self._line())
                if not self._left:
                    self._is_over = True
                    return b""
            data = await self._reader.read(min(self._left, READ_SIZE))
            if not data:
                raise EOFError
            self._left -= len(data)
            if not self._left and await self._reader.readexactly(2) != b"\r\n":
                raise ValueError("this is no chunk")
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise StreamingError(_why(error)) from error
        return data

    async def close(self) -> None:
        """End the body and the connection, without waiting long for anybody."""
        if not self._writer.is_closing():
            with contextlib.suppress(OSError):
                self._writer.write(b"0\r\n\r\n")
        self._writer.close()
        with contextlib.suppress(OSError):
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._writer.wait_closed()
            except TimeoutError:
                self._writer.transport.abort()

    async def _head(self) -> tuple[int, dict[str, str]]:
        first = (await self._line()).split(None, 2)
        if len(first) < 2 or not first[0].startswith(b"HTTP/1.") or not first[1].isdigit():
            raise ValueError("what answers there speaks no HTTP/1.1")
        headers: dict[str, str] = {}
        taken = 0
        while line := await self._line():
            taken += len(line)
            if taken > MAX_HEAD:
                raise ValueError("the head of the answer is too long")
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        status = int(first[1][:3])
        return await self._head() if status == 100 else (status, headers)

    async def _refusal(self, headers: Mapping[str, str]) -> dict[str, Any]:
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length[:9]) > MAX_REFUSAL:
            return {}
        try:
            body = json.loads(await self._reader.readexactly(int(length)))
        except (ValueError, RecursionError):
            return {}
        return body if isinstance(body, dict) else {}

    async def _line(self) -> bytes:
        line = await self._reader.readuntil(b"\n")
        if len(line) > MAX_HEAD:
            raise ValueError("a line is too long")
        return line.rstrip(b"\r\n")


def _size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not 0 < len(digits) <= 8:
        raise ValueError("this is no chunk")
    return int(digits, 16)


def _why(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "the connection was closed"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return str(error)
