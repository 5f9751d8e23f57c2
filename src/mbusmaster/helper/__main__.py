"""The command of the service, for units of systemd: ``python -m mbusmaster.helper serve | begin | setup-network``."""

import argparse
import asyncio
import logging
import os
import pwd
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mbusmaster.helper.protocol import SOCKET

_FIRST_HANDED_OVER: Final = 3
"""File descriptor of the first socket from systemd (sd_listen_fds(3))."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    match options.command:
        case "begin":
            from mbusmaster.helper.slots.begin import begin
            from mbusmaster.helper.slots.layout import Places

            begin(Places())
            return 0
        case "setup-network":
            from mbusmaster.helper.setup_net import setup_network

            return setup_network(options.action)
        case _:
            return _serve(options.user, options.socket, options.setup_interface)


def _serve(name: str, path: Path, setup_interface: str) -> int:
    try:
        user = pwd.getpwnam(name).pw_uid
    except KeyError:
        print(f"mbusmaster-helper: there is no user {name}; name the gateway's with --user", file=sys.stderr)
        return 1
    asyncio.run(_until_told(_socket(path), user, setup_interface))
    return 0


async def _until_told(sock: socket.socket, user: int, setup_interface: str) -> None:
    from mbusmaster.helper.server import HelperServer
    from mbusmaster.helper.verbs import all_deeds

    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with all_deeds(setup_interface) as deeds:
        server = await HelperServer(deeds, [user]).start(sock)
        await told.wait()
        server.close()


def _socket(path: Path) -> socket.socket:
    """Give the socket that systemd handed over, else one of our own for root and the group of the folder."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1":
        return socket.socket(fileno=_FIRST_HANDED_OVER)
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    path.chmod(0o660)
    return sock


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mbusmaster-helper", description="Does for the gateway what needs root."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the gateway on a socket of the file system")
    serve.add_argument("--user", default="mbusmaster", help="of the gateway (default mbusmaster)")
    serve.add_argument(
        "--socket", type=Path, default=SOCKET, help=f"default {SOCKET}, or what systemd hands over"
    )
    serve.add_argument("--setup-interface", default="usb0", help="whose network is left alone (default usb0)")
    commands.add_parser("begin", help="choose the slot that the gateway starts from, and count the start")
    setup = commands.add_parser("setup-network", help="the network on the USB cable")
    setup.add_argument("action", choices=("up", "down"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
