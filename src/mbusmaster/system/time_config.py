"""What chronyd is told of this very machine, beside its fixed configuration: a file that it reads at its start."""

import logging
from pathlib import Path
from typing import Final

from mbusio.files import write_atomically

FILE: Final = "machine.conf"
RTC: Final = Path("/dev/rtc0")
NO_TIME_CHECK: Final = """\
# This machine did not know the time at its start: certificates count whatever their dates say, until the clock was set
# once (chrony.conf(5), nocerttimecheck). Names and authorities are checked all the same.
nocerttimecheck 1
"""
TIME_CHECK: Final = "# The clock of this machine is good enough to check the dates of certificates.\n"

_log = logging.getLogger(__name__)


def machine_config(*, is_clock_known: bool) -> str:
    """Give the text of the file.

    :param is_clock_known: a clock with a battery has gone on while the machine was off, and it was not below the time floor.
    """
    return TIME_CHECK if is_clock_known else NO_TIME_CHECK


def write_machine_config(folder: Path, *, is_clock_known: bool) -> None:
    """Write the file into a folder, which is made; a disk that refuses is told in the log.

    :param folder: ``time`` in the state folder, as chronyd's configuration names it.
    """
    try:
        folder.mkdir(mode=0o750, exist_ok=True)
        write_atomically(folder / FILE, machine_config(is_clock_known=is_clock_known).encode())
    except OSError as error:
        _log.error("the time service was not told of this machine: %s", error.strerror or error)
