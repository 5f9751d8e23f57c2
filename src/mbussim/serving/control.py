"""The control socket: one JSON object per line asks, one answers.

==============================================================  =================================================
request                                                         answer, besides ``"ok": true``
==============================================================  =================================================
``{"do": "state"}``                                             what `Installation.state` gives
``{"do": "meters"}``                                            ``meters``: a list
``{"do": "fault", "fault": "late=0.3,meter=5"}``                ``number`` of the fault
``{"do": "clear", "number": 3}``, without number all            –
``{"do": "mute", "meter": "5"}``, ``unmute``, ``remove``        ``count`` of the meters that were hit
``{"do": "add", "model": "…", "primary": 7, "id": "12345678"}``  ``meter``: what it became
==============================================================  =================================================

What cannot be done is answered by ``{"ok": false, "error": "…"}``; the connection stays. There is no authentication: the socket
listens on loopback or in the file system only.
"""

import asyncio
import ipaddress
import json
from collections.abc import Awaitable, Callable
from typing import Final

from mbus.errors import MBusError
from mbussim.faults import Fault, FaultError
from mbussim.installation import Installation, InstallationError
from mbussim.meter import Meter
from mbussim.serving.listener import Listener, remove_socket

MAX_LINE: Final = 16 * 1024
MAX_CLIENTS: Final = 16

Request = dict[str, object]
Answer = dict[str, object]


class ControlError(Exception):
    """A request that cannot be understood."""


def describe(meter: Meter) -> dict[str, object]:
    """Tell of a meter what a client may want to compare with."""
    return {
        "primary": meter.primary,
        "secondary": None if meter.secondary is None else str(meter.secondary),
        "model": meter.model,
        "telegrams": meter.telegrams,
    }


class Control:
    """Carries requests out.

    :param now: seconds of the bus.
    :param make: makes a meter from model, primary address and identification; the last two may be None.
    :param changed: called after faults changed, so that ports follow.
    """

    def __init__(
        self,
        installation: Installation,
        now: Callable[[], float],
        make: Callable[[str, int | None, str | None], Meter],
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self._installation = installation
        self._now = now
        self._make = make
        self._changed = changed

    async def answer(self, line: bytes) -> Answer:
        """Carry out one line; never raises for what a client may send."""
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ControlError("a request is a JSON object")
            result = self._do(request)
            await self._changed()
        except (ControlError, InstallationError, FaultError, MBusError) as error:
            return {"ok": False, "error": str(error)}
        except (ValueError, RecursionError):
            return {"ok": False, "error": "not JSON"}
        return {"ok": True, **result}

    def _do(self, request: Request) -> Answer:
        installation = self._installation
        match request.get("do"):
            case "state":
                return installation.state(self._now())
            case "meters":
                return {"meters": [describe(meter) for meter in installation.bus.meters]}
            case "fault":
                return {"number": installation.add_fault(Fault.from_text(_text(request, "fault")))}
            case "clear" if "number" in request:
                installation.remove_fault(_number(request, "number"))
                return {}
            case "clear":
                installation.clear_faults()
                return {}
            case "mute" | "unmute" as what:
                return {"count": installation.mute_meters(_text(request, "meter"), muted=what == "mute")}
            case "remove":
                return {"count": installation.remove_meters(_text(request, "meter"))}
            case "add":
                return {"meter": describe(self._add(request))}
        raise ControlError("do is one of state, meters, fault, clear, mute, unmute, remove, add")

    def _add(self, request: Request) -> Meter:
        primary = _number(request, "primary") if "primary" in request else None
        identification = _text(request, "id") if "id" in request else None
        meter = self._make(_text(request, "model"), primary, identification)
        self._installation.add_meter(meter)
        return meter


def _text(request: Request, name: str) -> str:
    value = request.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ControlError(f"{name} is missing or no text")
    return value


def _number(request: Request, name: str) -> int:
    value = request.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ControlError(f"{name} is missing or no number")
    return value


class ControlSocket:
    """Listens on ``HOST:PORT`` of loopback, or on a path, until closed."""

    def __init__(self, control: Control, where: str) -> None:
        self._control = control
        self._where = where
        self._listener = Listener(self._serve, most=MAX_CLIENTS, longest=MAX_LINE)

    @property
    def where(self) -> str:
        """The address, with the port that the system gave."""
        return self._where

    async def open(self) -> None:
        """Begin to listen; raise `OSError`."""
        if "/" in self._where:
            await self._listener.open_unix(self._where)
            return
        host, _, port = self._where.rpartition(":")
        self._where = f"{host}:{await self._listener.open_tcp(host.strip('[]'), int(port))}"

    async def close(self) -> None:
        """Stop to listen and cut clients off."""
        await self._listener.close()
        if "/" in self._where:
            remove_socket(self._where)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                answer = await self._control.answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except ValueError:
            writer.write(b'{"ok": false, "error": "line too long"}\n')
            await writer.drain()


def is_local(where: str) -> bool:
    """Tell whether a control address cannot be reached from another machine."""
    if "/" in where:
        return True
    host = where.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
