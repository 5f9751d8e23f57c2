"""A helper that sets no network but plays one, so that what the gateway makes of its answers can be seen."""

import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mbusmaster.helper.client import Helper
from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.server import HelperServer, Tell


@dataclass
class PlayedNetwork:
    """What the helper would say.

    :ivar why: template and values of why nothing can be changed, without a manager.
    :ivar refusal: template of the next refusal of a trial.
    :ivar asked: what was asked for, in order.
    :ivar breaks_off: it fails once it has kept what was on trial.
    """

    manager: str = "NetworkManager"
    why: tuple[str, Mapping[str, str]] = ("", MappingProxyType({}))
    refusal: str = ""
    warnings: list[list[object]] = field(default_factory=list)
    seconds: int | None = None
    """Of a trial, in the place of those that were asked for."""
    trial: dict[str, Any] | None = None
    last: dict[str, Any] | None = None
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    breaks_off: bool = False

    def ends(self, outcome: str = "rolled back") -> None:
        """Let the time of the trial be over."""
        assert self.trial is not None
        self.last = {"id": self.trial["id"], "outcome": outcome, "why": "", "values": {}}
        self.trial = None

    async def state(self, arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        why, values = self.why
        facts = {"manager": self.manager, "why": why, "values": dict(values)}
        return {**facts, "trial": self.trial, "last": self.last}

    async def begin(self, arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        self.asked.append(("try", arguments))
        if self.refusal:
            raise RefusedError(self.refusal, {"address": str(arguments["address"])})
        self.trial = {
            "id": f"trial {len(self.asked)}",
            "seconds_left": arguments["seconds"] if self.seconds is None else self.seconds,
            "interface": arguments["interface"],
            "wanted": {**arguments},
        }
        return {**self.trial, "warnings": self.warnings}

    async def keep(self, arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        self.asked.append(("keep", arguments))
        if self.breaks_off:
            self.ends(outcome="kept")
            raise OSError("gone")
        self.trial = None
        return {}

    async def back(self, arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        self.asked.append(("back", arguments))
        self.trial = None
        return {}


@asynccontextmanager
async def played_network(folder: Path, network: PlayedNetwork) -> AsyncIterator[Helper]:
    """Serve it on a socket in a folder."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(folder / "helper"))
    deeds = {
        "network.state": network.state,
        "network.try": network.begin,
        "network.keep": network.keep,
        "network.back": network.back,
    }
    async with await HelperServer(deeds, [os.getuid()]).start(sock):
        yield Helper(folder / "helper")
