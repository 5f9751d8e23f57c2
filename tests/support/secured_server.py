"""The secured channel in a process of its own, on uvloop as the master runs it: ``python -m support.secured_server FOLDER``.

Prints one line of JSON with the port and the pid; the bundle of its one client is FOLDER/client.pem.
"""

import asyncio
import json
import os
import resource
import sys
from pathlib import Path

import uvloop

from support.secured import secured


async def serve(folder: Path) -> None:
    async with secured(folder, max_clients=1000, max_clients_per_source=1000, idle_close=86400) as running:
        (folder / "client.pem").write_bytes(running.trust.issue("client", None).pem())
        (folder / "ca.pem").write_bytes(running.trust.authority_pem())
        print(json.dumps({"port": running.port, "pid": os.getpid()}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(serve(Path(sys.argv[1])))
