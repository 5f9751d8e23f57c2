"""The verbs ``network.…`` of the helper."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mbusmaster.helper.network.arp import ArpWire
from mbusmaster.helper.network.memory import FILE, Memory
from mbusmaster.helper.network.networkd import Networkd
from mbusmaster.helper.network.networkmanager import NetworkManager
from mbusmaster.helper.network.plan import SETUP_INTERFACE, Devices, read_interface
from mbusmaster.helper.network.trial import Trials
from mbusmaster.helper.server import Deed, Tell


@asynccontextmanager
async def network_deeds(
    setup_interface: str = SETUP_INTERFACE, memory: Path = FILE
) -> AsyncIterator[Mapping[str, Deed]]:
    """Give the verbs for this machine; goes on with a trial that a killed process left, and takes one back at the end.

    :param setup_interface: never to be changed.
    :param memory: file in a folder that only root can write and the next boot empties.
    """
    trials = Trials([NetworkManager(), Networkd()], Memory(memory), ArpWire(), Devices(setup_interface))
    async with running(trials) as table:
        yield table


@asynccontextmanager
async def running(trials: Trials) -> AsyncIterator[Mapping[str, Deed]]:
    """Give the verbs of trials, from their start to their end."""
    await trials.start()
    try:
        yield deeds(trials)
    finally:
        await trials.close()


def deeds(trials: Trials) -> Mapping[str, Deed]:
    """Give the verbs by name."""

    async def state(said: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        return await trials.state(read_interface(said))

    async def begin(said: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        return await trials.begin(said, tell)

    async def keep(said: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        await trials.keep(str(said.get("id", "")))
        return {}

    async def back(said: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        await trials.back()
        return {}

    return {"network.state": state, "network.try": begin, "network.keep": keep, "network.back": back}
