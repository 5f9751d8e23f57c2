"""The table of all verbs."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from mbusmaster.helper import clock
from mbusmaster.helper.network import network_deeds
from mbusmaster.helper.server import Deed
from mbusmaster.helper.slots import deeds as slots
from mbusmaster.helper.slots.layout import Places


@asynccontextmanager
async def all_deeds(setup_interface: str) -> AsyncIterator[Mapping[str, Deed]]:
    """Give what can be done for the gateway; a change of the network that is on trial at the end is taken back.

    :param setup_interface: whose network is never touched.
    """
    async with AsyncExitStack() as stack:
        table: dict[str, Deed] = dict(await stack.enter_async_context(network_deeds(setup_interface)))
        yield {**table, **clock.deeds(), **slots.deeds(Places())}
