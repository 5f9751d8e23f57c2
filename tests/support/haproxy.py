"""A real HAProxy in front of two head-ends, with the settings that are shipped."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from support.kept_program import KeptProgram
from support.needs import PROJECT, program

SETTINGS: Final = PROJECT / "packaging/headend/haproxy.cfg"


def haproxy(port: int, heads: Sequence[int], pages: int, log: Path) -> KeptProgram:
    """Give one that has still to be run; all ports are of loopback.

    :param heads: where the head-ends listen for masters.
    :param pages: where it listens for people; no head-end here has pages.
    :param log: for what it says.
    """
    environment = {"MASTERS": f"127.0.0.1:{port}", "PAGES": f"127.0.0.1:{pages}"}
    for number, there in enumerate(heads, 1):
        environment |= {f"HEADEND_{number}": "127.0.0.1", f"HEADEND_{number}_PORT": str(there)}
    command = [program("haproxy", "haproxy"), "-db", "-f", str(SETTINGS)]
    return KeptProgram(command, log, log, environment)
