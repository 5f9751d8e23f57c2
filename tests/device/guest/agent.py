"""Runs inside the machine as root and does what the test says, over a virtio-serial port.

A message is a line of JSON and as many bytes as its ``size`` says, both ways. Requests have a number, ``id``, which their answer
bears; several run at once. Only the standard library: the machine has nothing else.

=========  =========================  ===============================================================
``do``     with                       answer
=========  =========================  ===============================================================
``run``    argv, seconds; bytes:      status (None: too late), bytes: what it wrote, both streams
           standard input
``until``  argv, pattern, seconds     line: the first that the pattern is found in (None: too late or at
                                      its end), bytes: the last lines it wrote
``put``    path, mode; bytes          nothing; the file is flushed to the disk
``get``    path                       bytes (error: why not)
=========  =========================  ===============================================================
"""

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, BinaryIO

Answer = tuple[dict[str, Any], bytes]
KEPT_LINES = 200


def run(request: dict[str, Any], content: bytes) -> Answer:
    """Run a program to its end."""
    program = subprocess.Popen(
        request["argv"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = program.communicate(content, request["seconds"])
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        return {"status": None}, program.communicate()[0]
    return {"status": program.returncode}, output


def until(request: dict[str, Any], _: bytes) -> Answer:
    """Run a program until it writes a certain line, then end it."""
    pattern = re.compile(request["pattern"])
    end = time.monotonic() + request["seconds"]
    kept: deque[bytes] = deque(maxlen=KEPT_LINES)
    rest = b""
    with (
        subprocess.Popen(
            request["argv"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        ) as program,
        selectors.DefaultSelector() as selector,
    ):
        assert program.stdout is not None
        selector.register(program.stdout, selectors.EVENT_READ)
        try:
            while selector.select(max(0.0, end - time.monotonic())):
                more = os.read(program.stdout.fileno(), 65536)
                *lines, rest = (rest + more).split(b"\n")
                for line in lines:
                    kept.append(line)
                    if pattern.search(line.decode(errors="replace")):
                        return {"line": line.decode(errors="replace")}, b"\n".join(kept)
                if not more:
                    break
            return {"line": None}, b"\n".join([*kept, rest])
        finally:
            os.killpg(program.pid, signal.SIGKILL)


def put(request: dict[str, Any], content: bytes) -> Answer:
    """Write a file and flush it."""
    path = Path(request["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), request["mode"])
        os.fsync(file.fileno())
    return {}, b""


def get(request: dict[str, Any], _: bytes) -> Answer:
    """Read a file."""
    return {}, Path(request["path"]).read_bytes()


DEEDS = {"run": run, "until": until, "put": put, "get": get}


class Agent:
    """Answers requests until the port is closed.

    :param port: unbuffered, both ways.
    """

    def __init__(self, port: BinaryIO) -> None:
        self._port = port
        self._turn = threading.Lock()

    def serve(self) -> None:
        """Read requests, each answered by a thread of its own."""
        while line := self._line():
            request = json.loads(line)
            content = self._bytes(request.get("size", 0))
            threading.Thread(target=self._answer, args=(request, content), daemon=True).start()

    def _answer(self, request: dict[str, Any], content: bytes) -> None:
        try:
            answer, output = DEEDS[request["do"]](request, content)
        except Exception as error:
            answer, output = {"error": f"{type(error).__name__}: {error}"}, b""
        line = json.dumps({"id": request["id"], "size": len(output), **answer}).encode() + b"\n"
        with self._turn:
            self._write(line + output)

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[self._port.write(rest) :]

    def _line(self) -> bytes:
        # One byte at a time: what follows a line belongs to the request.
        line = b""
        while not line.endswith(b"\n"):
            more = self._port.read(1)
            if not more:
                return b""
            line += more
        return line

    def _bytes(self, size: int) -> bytes:
        parts = []
        while size:
            more = self._port.read(min(size, 1 << 16))
            if not more:
                raise EOFError("the port was closed within a request")
            parts.append(more)
            size -= len(more)
        return b"".join(parts)


if __name__ == "__main__":
    with open(sys.argv[1], "r+b", buffering=0) as port:
        Agent(port).serve()
