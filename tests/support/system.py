"""Our own programs as separate processes, started as a user would start them and ended by whoever started them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

END_SECONDS = 20.0
"""How long a program may take to end after SIGTERM before that counts as a failure."""


@dataclass(frozen=True)
class Started:
    """A program that has said that it is ready.

    :ivar process: the process itself.
    :ivar offers: what its first line of JSON says.
    """

    process: subprocess.Popen[str]
    offers: dict[str, Any]


@contextmanager
def running(module: str, *arguments: str | Path, env: dict[str, str] | None = None) -> Iterator[Started]:
    """Run ``python -m MODULE ARGUMENTS`` until the block ends; entered when its first JSON line has come."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"{' '.join(command)} ended with {process.wait()} before it was ready")
        yield Started(process, json.loads(line))
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def nobody_takes(where: str | None, module: str, *arguments: str) -> tuple[int, str]:
    """Run ``python -m MODULE ARGUMENTS`` with a full device as output, or None for a pipe that nobody reads.

    Give exit status and standard error.
    """
    read, write = os.pipe()
    os.close(read)
    with open(where, "wb") if where else os.fdopen(write, "wb") as output:
        ended = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    if where:
        os.close(write)
    return ended.returncode, ended.stderr
