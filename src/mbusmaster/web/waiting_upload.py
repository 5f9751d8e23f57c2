"""Uploaded files with bad lines, kept until their owner says whether the good ones shall be taken."""

from dataclasses import dataclass
from typing import Final

from mbusweb.waiting import LONGEST_WAIT, MOST, Waiting

__all__ = ["LONGEST_WAIT", "MOST", "Upload", "WaitingUploads"]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file.

    :ivar name: as the browser gave it; of use for the audit log alone.
    :ivar bus: of meters whose line names none.
    """

    name: str
    data: bytes
    bus: str


WaitingUploads: Final = Waiting[Upload]
