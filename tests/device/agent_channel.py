"""The test's end of the port into the machine; the other end and the messages are in `guest/agent.py`."""

import contextlib
import itertools
import json
import socket
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLateError
from pathlib import Path
from typing import Any, Final

SLACK_SECONDS: Final = 30.0
"""That an answer may take longer than what was asked for: the machine is emulated."""


class MachineGoneError(Exception):
    """The machine ended, or does not answer."""


class AgentChannel:
    """Asks the agent; several threads may at once.

    :param path: socket that qemu listens on.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._turn = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[tuple[dict[str, Any], bytes]]] = {}
        self._gone = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(
        self, do: str, seconds: float, content: bytes = b"", **details: Any
    ) -> tuple[dict[str, Any], bytes]:
        """Give the answer; raise `MachineGoneError`, or `OSError` if the agent could not do it."""
        answer: Future[tuple[dict[str, Any], bytes]] = Future()
        request = {"do": do, "size": len(content), "seconds": seconds, **details}
        with self._turn:
            number = next(self._numbers)
            self._waiting[number] = answer
            if self._gone:
                raise MachineGoneError("the machine is off")
            try:
                self._socket.sendall(json.dumps({**request, "id": number}).encode() + b"\n" + content)
            except OSError as error:
                raise MachineGoneError(f"the machine is off: {error}") from error
        try:
            facts, output = answer.result(seconds + SLACK_SECONDS)
        except TooLateError:
            raise MachineGoneError(f"no answer within {seconds + SLACK_SECONDS:.0f} s: {details}") from None
        if "error" in facts:
            raise OSError(facts["error"])
        return facts, output

    def close(self) -> None:
        """Hang up; who still waits is told that the machine is gone."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    def _read(self) -> None:
        with self._socket.makefile("rb") as stream, contextlib.suppress(OSError, ValueError):
            while line := stream.readline():
                facts = json.loads(line)
                output = stream.read(facts["size"])
                if len(output) < facts["size"]:
                    break
                with self._turn:
                    waiting = self._waiting.pop(facts["id"], None)
                if waiting is not None:
                    waiting.set_result((facts, output))
        with self._turn:
            self._gone = True
            for waiting in self._waiting.values():
                waiting.set_exception(MachineGoneError("the machine went off"))
            self._waiting.clear()
