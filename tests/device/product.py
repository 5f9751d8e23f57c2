"""Our package on the machine: built, installed, and with a bus of simulated meters behind it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from device.machine import Machine, Result
from device.pc import Pc

PROJECT: Final = Path(__file__).resolve().parents[2]
UNIT: Final = "mbusmaster.service"
INSTALL_SECONDS: Final = 400.0
BUS: Final = "/run/device-bus/tty"
METERS: Final = 3
_BUS_UNIT: Final = f"""\
[Unit]
Description=Bus with simulated meters
Before=mbusmaster.service

[Service]
User=mbusmaster
RuntimeDirectory=device-bus
ExecStart=/usr/bin/mbussim serve --meters {METERS} --pty {BUS}

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A device in use: a bus with meters, a user, and the installer's PC at its USB cable.

    :ivar lease: what the DHCP server gave to the PC.
    """

    machine: Machine
    pc: Pc
    lease: dict[str, str]


def build_package(folder: Path, release: int, *, root: Path | None = None) -> Path:
    """Build the package of this checkout.

    :param root: first root of signatures of releases.
    """
    trust = ["--root", str(root)] if root is not None else []
    command = [str(PROJECT / "packaging/build-deb.sh"), "--release", str(release), *trust, str(folder)]
    done = subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.splitlines()[-1])


def install(machine: Machine, package: Path) -> Result:
    """Install a package as a user of Debian does."""
    machine.put(f"/root/{package.name}", package.read_bytes())
    apt = "DEBIAN_FRONTEND=noninteractive apt-get install --yes"
    done = machine.run(f"cd /root && {apt} ./{package.name}", seconds=INSTALL_SECONDS)
    machine.run(f"rm /root/{package.name}")
    return done


def bus_of_meters(machine: Machine) -> None:
    """Put a bus behind the gateway: the settings name its port, as an installer would."""
    machine.put("/etc/systemd/system/device-bus.service", _BUS_UNIT.encode())
    machine.run(
        f"systemctl enable --now device-bus.service && sed -i 's|^url = .*|url = \"{BUS}\"|' /etc/mbusmaster/mbusmaster.toml"
    )
    restart(machine)


def restart(machine: Machine) -> None:
    """Restart the gateway; it is ready when this returns."""
    machine.run(f"systemctl restart {UNIT}", seconds=150)
