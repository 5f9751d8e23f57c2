"""What chronyd knows, asked through its own program chronyc over the socket in the runtime folder, and its one source.

chronyd 4.3 listens only where the folder belongs to its user and group and nobody else may enter it (mode 0750). The source
stands in a file of ``sources.d``, which chronyd reads at its start and when it is told to.
"""

import asyncio
import contextlib
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mbusio.files import write_atomically

SOCKET: Final = "chronyd.sock"
SOURCES: Final = "sources.d"
SOURCE_FILE: Final = "mbusmaster.sources"
ANSWER_SECONDS: Final = 10.0
_MOST_OUTPUT: Final = 64 * 1024
_NORMAL: Final = ("Normal", "Insert second", "Delete second")


class ChronydError(Exception):
    """chronyd, or its program, did not do what it was asked for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """How chronyd stands to its source.

    :ivar follows: the clock follows some source, or did until nobody answered any more.
    :ivar offset: seconds by which the clock is ahead of what chronyd takes for the time.
    :ivar has_address: the name of the source was resolved.
    :ivar attempts: of key exchanges that have failed since the last one that did not.
    :ivar cookies: of NTS that are left; with none there was no key exchange.
    :ivar selected: the source is the one that is followed.
    :ivar reach: which of the last eight questions were answered, the last one in bit 0.
    """

    follows: bool = False
    offset: float = 0.0
    has_address: bool = False
    attempts: int = 0
    cookies: int = 0
    has_keys: bool = False
    selected: bool = False
    reach: int = 0


class Chronyd:
    """Speaks to one chronyd.

    :param folder: where its socket and ``sources.d`` are.
    :param chronyc: name or path of the program.
    """

    def __init__(self, folder: Path, chronyc: str = "chronyc") -> None:
        self._socket = folder / SOCKET
        self._source = folder / SOURCES / SOURCE_FILE
        self._chronyc = chronyc

    @property
    def is_there(self) -> bool:
        """Its socket is."""
        return self._socket.is_socket()

    def source(self) -> str | None:
        """Give the line of its source, empty for none; None where there is no file."""
        try:
            with self._source.open("rb") as file:
                return file.read(4096).decode("ascii", "replace").strip()
        except OSError:
            return None

    async def set_source(self, line: str) -> None:
        """Give it a source, or none with an empty line; raise `ChronydError`."""
        try:
            await asyncio.to_thread(self._write, line)
        except OSError as error:
            raise ChronydError(error.strerror or str(error)) from error
        await self._tell("reload sources")

    async def begin_afresh(self) -> None:
        """Let it step the clock again where it is far off: the next three answers decide (chronyc(1), makestep)."""
        await self._tell("makestep 1 3")

    async def facts(self) -> Facts:
        """Ask it; raise `ChronydError`."""
        rows = await self._ask("tracking", "authdata", "sources")
        tracking = [row for row in rows if len(row) == 14]
        keys = [row for row in rows if len(row) == 10 and row[0] not in ("^", "=", "#")]
        sources = [row for row in rows if len(row) == 10 and row[0] in ("^", "=", "#")]
        try:
            return Facts(
                follows=tracking[0][13] in _NORMAL,
                # It says how much the clock is behind (tracking: System time, slow).
                offset=-float(tracking[0][4]),
                has_address=bool(sources),
                attempts=int(keys[0][6]) if keys else 0,
                cookies=int(keys[0][8]) if keys else 0,
                has_keys=bool(keys) and keys[0][3:5] != ["0", "0"] and keys[0][1] == "NTS",
                selected=bool(sources) and sources[0][1] == "*",
                reach=int(sources[0][5], 8) if sources else 0,
            )
        except (IndexError, ValueError) as error:
            raise ChronydError(f"chronyc said what nobody understands: {error}") from error

    def _write(self, line: str) -> None:
        self._source.parent.mkdir(mode=0o750, exist_ok=True)
        write_atomically(self._source, f"{line}\n".encode("ascii") if line else b"")

    async def _tell(self, *commands: str) -> None:
        for row in await self._ask(*commands):
            if row and not row[0].startswith("200 OK"):
                raise ChronydError(row[0])

    async def _ask(self, *commands: str) -> list[list[str]]:
        arguments = ("-h", str(self._socket), "-n", "-c", "-m", *commands)
        output = await _output(self._chronyc, arguments)
        return [row for row in csv.reader(output.decode("ascii", "replace").splitlines()) if row]


async def _output(program: str, arguments: Sequence[str]) -> bytes:
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        raise ChronydError(f"{program}: {error.strerror or error}") from error
    try:
        assert process.stdout is not None
        async with asyncio.timeout(ANSWER_SECONDS):
            output = await _whole(process.stdout)
            status = await process.wait()
    except TimeoutError:
        raise ChronydError("no answer") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if status:
        raise ChronydError(output.decode("ascii", "replace").strip()[:200] or f"exit status {status}")
    return output


async def _whole(stream: asyncio.StreamReader) -> bytes:
    """Read to the end; raise `ChronydError` for more than anybody has to say."""
    output = b""
    while piece := await stream.read(_MOST_OUTPUT):
        output += piece
        if len(output) > _MOST_OUTPUT:
            raise ChronydError("endless output")
    return output
