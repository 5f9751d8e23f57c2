"""Bodies of requests, from anybody: bounded when they come, when they are unpacked, and all together."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from pydantic import ValidationError
from starlette.requests import Request

from mbusheadend.errors import RefusedError
from mbushosting.contact import RefusalCode
from mbushosting.parts import Message

ROOM: Final = 64 << 20
AT_ONCE: Final = 4
AGAIN_SECONDS: Final = 10
_BIG: Final = 64 * 1024
"""Bytes; what is bigger is understood beside the event loop."""
_GZIP: Final = 31
_PIECE: Final = 64 * 1024

M = TypeVar("M", bound=Message)


class Room:
    """The memory for bodies.

    :param most: bytes of all bodies that are being received.
    :ivar desk: lets in few bodies at a time, to be unpacked and understood.
    """

    def __init__(self, most: int = ROOM) -> None:
        self._left = most
        self.desk = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def body(self, request: Request, most: int) -> AsyncIterator["Body"]:
        """Receive a body of at most so many bytes; its memory is taken until the block ends. Raise `RefusedError`."""
        body = Body(self, request.headers.get("content-encoding", "").strip().lower())
        try:
            announced = request.headers.get("content-length", "")
            if announced.isdecimal() and int(announced[:12]) > most:
                raise too_large()
            async for piece in request.stream():
                body.add(piece, most)
            yield body
        finally:
            self._left += body.taken

    def take(self, size: int) -> None:
        """Use so many bytes. Raise `RefusedError` when there are not as many."""
        if size > self._left:
            raise RefusedError(
                503, RefusalCode.BUSY, "too much is coming in at once", retry_after=AGAIN_SECONDS
            )
        self._left -= size


class Body:
    """The body of one request.

    :ivar taken: bytes that it uses of the room.
    """

    def __init__(self, room: Room, encoding: str) -> None:
        self._room = room
        self._encoding = encoding
        self._pieces: list[bytes] = []
        self.taken = 0

    def add(self, piece: bytes, most: int) -> None:
        """Take what came. Raise `RefusedError`."""
        if self.taken + len(piece) > most:
            raise too_large()
        self._room.take(len(piece))
        self.taken += len(piece)
        self._pieces.append(piece)

    def raw(self) -> bytes:
        """Give it as it came."""
        return b"".join(self._pieces)

    async def read(self, kind: type[M], most: int) -> M:
        """Unpack it to at most so many bytes, and understand it. Raise `RefusedError`."""
        packed = self.raw()
        if self._encoding not in ("", "identity", "gzip"):
            raise RefusedError(415, RefusalCode.MALFORMED, "the only content encoding is gzip")
        async with self._room.desk:
            if self._encoding == "gzip":
                packed = await asyncio.to_thread(unpack, packed, most)
            if len(packed) > most:
                raise too_large()
            if len(packed) <= _BIG:
                return _understand(kind, packed)
            return await asyncio.to_thread(_understand, kind, packed)


def unpack(packed: bytes, most: int) -> bytes:
    """Unpack one gzip member and no more than `most` bytes of it, whatever it would give. Raise `RefusedError`."""
    unpacker = zlib.decompressobj(_GZIP)
    pieces: list[bytes] = []
    size = 0
    rest = packed
    try:
        while not unpacker.eof:
            piece = unpacker.decompress(rest, min(_PIECE, most - size + 1))
            rest = unpacker.unconsumed_tail
            if not piece and not rest:
                break
            size += len(piece)
            if size > most:
                raise too_large()
            pieces.append(piece)
    except zlib.error as error:
        raise RefusedError(400, RefusalCode.MALFORMED, "the body is no gzip") from error
    if not unpacker.eof or unpacker.unused_data:
        raise RefusedError(400, RefusalCode.MALFORMED, "the body is not one whole gzip member")
    return b"".join(pieces)


def too_large() -> RefusedError:
    """Say that a body is too big."""
    return RefusedError(413, RefusalCode.TOO_LARGE, "the body is too large")


def _understand(kind: type[M], data: bytes) -> M:
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"][:6])
        raise RefusedError(400, RefusalCode.MALFORMED, f"{where}: {first['msg']}"[:200]) from error
