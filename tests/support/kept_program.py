"""A program that is started again whenever it ends, as the machine's supervisor does it."""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from support.needs import PROJECT
from support.system import END_SECONDS

PAUSE: Final = 1.0
"""Seconds after which one that ended by itself is started again (`RestartSec`)."""


@dataclass
class KeptProgram:
    """A program with its arguments; `keep` runs it, and it can be killed at any time.

    :ivar log: gets all that it says on standard error, `output` what it says on standard output.
    :ivar environment: more than it has from here.
    :ivar ends: how often it ended without being told to.
    """

    command: list[str]
    log: Path
    output: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ends: int = 0
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    _down: float | None = field(default=None, repr=False)
    _is_over: bool = field(default=False, repr=False)

    def kill(self, down: float = 0.0) -> None:
        """End it as a power cut would, and let it be away for so many seconds."""
        self._down = down
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def keep(self) -> None:
        """Run it until cancelled; then it ends in order, and is killed where it does not."""
        try:
            while True:
                await self._run()
                down, self._down = self._down, None
                self.ends += down is None
                await asyncio.sleep(PAUSE if down is None else down)
        finally:
            await self._end()

    async def _run(self) -> None:
        with self.log.open("ab") as log, self.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(PROJECT / "tests"), **self.environment},
            )
        await self._process.wait()

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
