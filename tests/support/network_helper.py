"""The network part of the helper as a process, with short times: ``python network_helper.py SOCKET``; says ``ready``."""

import asyncio
import signal
import socket
import sys
from pathlib import Path

from mbusmaster.helper.network.arp import ArpWire, Pace
from mbusmaster.helper.network.deeds import running
from mbusmaster.helper.network.memory import Memory
from mbusmaster.helper.network.networkd import Networkd
from mbusmaster.helper.network.networkmanager import NetworkManager
from mbusmaster.helper.network.plan import Devices
from mbusmaster.helper.network.trial import Trials
from mbusmaster.helper.server import HelperServer

DHCP_SECONDS = 5.0
PACE = Pace(wait=0.0, least=0.1, most=0.1, listen=0.2)


async def main(path: Path) -> None:
    await asyncio.to_thread(path.unlink, missing_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    # The cable of the test has no hardware at this end.
    devices = Devices(also=("eth0",))
    trials = Trials(
        [NetworkManager(), Networkd()],
        Memory(),
        ArpWire(PACE),
        devices,
        dhcp_seconds=DHCP_SECONDS,
        least_seconds=0.5,
    )
    async with running(trials) as table:
        server = await HelperServer(table, []).start(sock)
        print("ready", flush=True)
        await ended.wait()
        server.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
