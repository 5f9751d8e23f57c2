"""The update server, as the gateway asks it: by `update_child`, a program that lives for one visit."""

import asyncio
import contextlib
import logging
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mbusmaster.helper.protocol import (
    MAX_LINE,
    Done,
    Progress,
    ProtocolError,
    Refused,
    Request,
    read_answer,
    request_line,
)
from mbusmaster.system.update import UpdateError
from mbusmaster.system.update_source import UpdateSource
from mbusweb.texts import Text, mark

TOO_SLOW: Final = mark(
    "The update server answers too slowly: it was left after %(seconds)s seconds without progress."
)
ENDED: Final = mark("The update server could not be asked. See the log.")
ROOT: Final = Path("/usr/share/mbusmaster/release-root.json")
"""The keys that came with the package."""
_MODULE: Final = "mbusmaster.system.update_child"
_VERB: Final = "update.fetch"

_log = logging.getLogger(__name__)


class ServerError(UpdateError):
    """The update server was not reached, or is not who it should be."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.template, **text.values)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may take, in seconds.

    :ivar answer: for one answer.
    :ivar progress: between two signs of progress: a percent of a release.
    :ivar whole: for everything.
    """

    answer: float = 30.0
    progress: float = 180.0
    whole: float = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Offered:
    """What the server has.

    :ivar release: number of its newest release for this machine; 0 where a head-end offers none.
    :ivar file: of a newer one that was fetched, in the spool; empty where none was.
    """

    release: int
    file: str = ""


class UpdateServer:
    """Asks servers.

    :param store: folder for what was trusted before; made where it is missing.
    :param folder: for a release that is fetched, and for nothing else: it is emptied before each visit.
    :param root: file with the first keys.
    :param images: this machine takes images of the whole system.
    """

    def __init__(
        self,
        store: Path,
        folder: Path,
        root: Path = ROOT,
        *,
        patience: Patience | None = None,
        images: bool = False,
    ) -> None:
        self._store = store
        self.folder = folder
        self._root = root
        self._images = images
        self._patience = patience or Patience()

    async def ask(
        self,
        source: UpdateSource,
        *,
        installed: int,
        fetch: bool,
        told: Callable[[str, int], None] = lambda release, percent: None,
    ) -> Offered:
        """Look for a release, and fetch it if it is newer than what is installed; raise `ServerError`.

        :param fetch: whether a newer one is wanted here.
        :param told: is called with number and percent of what is fetched.
        """
        arguments = {
            **source.arguments(),
            "root": str(self._root),
            "store": str(self._store),
            "folder": str(self.folder),
            "installed": installed,
            "fetch": fetch,
            "images": self._images,
            "timeout": self._patience.answer,
        }
        pipe = asyncio.subprocess.PIPE
        fetched = False
        try:
            await asyncio.to_thread(self._empty)
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-m", _MODULE, stdin=pipe, stdout=pipe, limit=MAX_LINE
            )
        except OSError as error:
            _log.error("the update server cannot be asked: %s", error)
            raise ServerError(Text(ENDED)) from error
        try:
            async with asyncio.timeout(self._patience.whole):
                offered = await self._converse(child, Request(_VERB, arguments), told)
                fetched = bool(offered.file)
                return offered
        except TimeoutError:
            raise ServerError(Text(TOO_SLOW, {"seconds": round(self._patience.progress)})) from None
        except (OSError, ProtocolError, ValueError) as error:
            _log.error("the update server could not be asked: %s", error)
            raise ServerError(Text(ENDED)) from error
        finally:
            await _end(child)
            if not fetched:
                # The next visit makes it anew; a disk that refuses must not end the gateway.
                shutil.rmtree(self.folder, ignore_errors=True)

    def _empty(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)

    async def _converse(
        self, child: asyncio.subprocess.Process, request: Request, told: Callable[[str, int], None]
    ) -> Offered:
        assert child.stdin is not None, "there is a pipe"
        assert child.stdout is not None, "there is a pipe"
        child.stdin.write(request_line(request))
        while True:
            async with asyncio.timeout(self._patience.progress):
                line = await child.stdout.readline()
            match read_answer(line):
                case Progress(facts):
                    told(str(facts.get("release", "")), int(facts.get("percent", 0)))
                case Done(facts):
                    return Offered(int(facts["release"]), str(facts["file"]))
                case Refused(template, values):
                    raise ServerError(Text(template, values))


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
    await child.wait()
