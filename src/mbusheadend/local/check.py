"""Whether a local master can be reached, without asking any meter."""

import asyncio
from collections.abc import Callable
from typing import Final

from mbusheadend.jobs import Job, JobError, Jobs
from mbusheadend.local.credentials import with_keys
from mbusheadend.local.errors import LocalError
from mbusheadend.local.places import endpoint_of
from mbusheadend.local.reading import KIND as READING
from mbusheadend.store import Master, Store
from mbusio.errors import BusIOError
from mbusio.transport.base import Transport
from mbusio.transport.url import Endpoint, open_transport
from mbusweb.texts import Text, mark

KIND: Final = "connection check"
SETTLE_SECONDS: Final = 1.0
"""For which the connection has to last: whom a master does not know, it lets go only after TLS has begun."""
_TITLE: Final = mark("Check the connection to %(master)s")
_CONNECTING: Final = mark("Connecting to %(url)s")
_BUSY: Final = mark("The master is being read, so it can be reached")
_UNREACHABLE: Final = mark("The master cannot be reached: %(reason)s")
_SERIAL: Final = mark("The serial port %(device)s can be opened; read a meter to see whether it answers")
_PLAIN: Final = mark("The master takes the connection; it is neither encrypted nor authenticated")
_SECURE: Final = mark("The master takes the connection; it is encrypted, and its certificate is trusted")


def start_check(jobs: Jobs, store: Store, master: Master, who: str) -> Job:
    """Begin to see whether a local master can be reached; raise `JobError` where that is being done already."""

    async def work(job: Job) -> Text:
        is_read = any(one.is_at_work and one.subject == master.serial for one in jobs.list(READING))
        return Text(_BUSY) if is_read else await check(store, master, job.progress)

    title = Text(_TITLE, {"master": master.name or master.serial})
    return jobs.start(KIND, title, work, who, subject=master.serial)


async def check(store: Store, master: Master, progress: Callable[[int, int, Text], None]) -> Text:
    """Connect and let go again; say what was found. Raise `JobError` where that does not work, and `StoreError`."""
    assert master.local is not None, "it is read locally"
    try:
        endpoint = endpoint_of(master.local.url)
        progress(0, 0, Text(_CONNECTING, {"url": master.local.url}))
        async with with_keys(endpoint, store, master.serial) as known:
            transport = await open_transport(known)
        try:
            await _last(transport, endpoint)
        finally:
            await transport.close()
    except LocalError as error:
        raise JobError(error.text) from error
    except BusIOError as error:
        raise JobError(Text(_UNREACHABLE, {"reason": str(error)})) from error
    if endpoint.kind == "serial":
        return Text(_SERIAL, {"device": endpoint.target})
    return Text(_SECURE if endpoint.kind == "tls" else _PLAIN)


async def _last(transport: Transport, endpoint: Endpoint) -> None:
    """See whether the other side keeps the connection; raise `BusIOError` where it does not."""
    if endpoint.kind == "serial":
        return
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            await transport.read()
    except TimeoutError:
        # Nobody was asked, so nothing comes.
        return
