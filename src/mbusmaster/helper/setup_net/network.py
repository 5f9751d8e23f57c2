"""The setup network up or down: the USB device, its address, its rules."""

import logging
import os
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Final

from mbusmaster.helper.setup_net.firewall import apply, no_rules, rules
from mbusmaster.helper.setup_net.gadget import Gadget
from mbusmaster.serial_number import is_serial_number, serial_number

DEVICE: Final = "usb0"
ADDRESS: Final = "10.0.0.1"
PREFIX: Final = 24
SETTINGS: Final = Path("/etc/mbusmaster/mbusmaster.toml")
_MAX_SETTINGS: Final = 1 << 20
_SECONDS: Final = 30.0

_log = logging.getLogger(__name__)


def setup_network(action: str) -> int:
    """Bring the network ``up`` or ``down``; give the exit status of the command. It may be said again at any time."""
    gadget = Gadget()
    try:
        if action == "down":
            gadget.down()
            apply(no_rules())
            return 0
        if not gadget.controller:
            _log.info(
                "no USB port of this machine can be a device: there is no setup network, see install.md"
            )
            return 0
        # The rules come first: the address is never there without them.
        apply(rules(DEVICE, ADDRESS))
        gadget.up(serial_number(chosen_number(SETTINGS), as_anyone=True)[0])
        _give_address(gadget.interface)
    except (OSError, subprocess.SubprocessError) as error:
        _log.error("the setup network is not %s: %s", action, error)
        return 1
    _log.info("the setup network is at %s on %s", ADDRESS, DEVICE)
    return 0


def _give_address(interface: str) -> None:
    """Give the device its name and its address; raise `OSError`."""
    if not interface:
        raise OSError("the kernel made no network device for the USB gadget")
    if interface != DEVICE:
        _ip("link", "set", "dev", interface, "down")
        _ip("link", "set", "dev", interface, "name", DEVICE)
    _ip("address", "replace", f"{ADDRESS}/{PREFIX}", "dev", DEVICE)
    _ip("link", "set", "dev", DEVICE, "up")


def _ip(*arguments: str) -> None:
    done = subprocess.run(  # noqa: S603 - names of devices from the kernel
        ["/sbin/ip", *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip() or done.returncode}")


def chosen_number(settings: Path) -> str | None:
    """Give the serial number of the settings. The gateway's user writes this file: whatever else is there counts as none."""
    try:
        # Neither a link to elsewhere, nor a pipe at which the start of the machine would wait for ever.
        with open(
            os.open(settings, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb"
        ) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            number = tomllib.loads(file.read(_MAX_SETTINGS).decode())["device"]["serial_number"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return number if isinstance(number, str) and is_serial_number(number) else None
