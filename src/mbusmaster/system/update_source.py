"""Who is asked for releases: the update server that the settings name, or else the head-end that has taken this master in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mbusmaster.settings.schema import FirmwareSettings


@dataclass(frozen=True, slots=True)
class UpdateSource:
    """Who is asked.

    :ivar url: of the folder that holds ``metadata/`` and ``targets/``; empty where nobody is asked.
    :ivar ca_file: authorities of the server's certificate; None for those of the system.
    :ivar is_head_end: it offers release files as they were signed, perhaps none, and each master perhaps another one.
    :ivar authority: of the head-end's certificate, PEM, in the place of `ca_file`.
    :ivar identity: file with key and certificate that the head-end knows this master by.
    :ivar proxy: host, port and what HTTP Basic has for it, empty where it asks nobody; None for none.
    """

    url: str = ""
    ca_file: Path | None = None
    is_head_end: bool = False
    authority: str = ""
    identity: Path | None = None
    proxy: tuple[str, int, str] | None = None

    def arguments(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "url": self.url,
            "ca_file": str(self.ca_file or ""),
            "head_end": self.is_head_end,
            "authority": self.authority,
            "identity": str(self.identity or ""),
            "proxy": self.proxy,
        }


NOBODY = UpdateSource()


def source_of(
    settings: FirmwareSettings, head_end: Callable[[], UpdateSource] = lambda: NOBODY
) -> UpdateSource:
    """Give whom the settings name; where they name nobody, the head-end, if there is one."""
    return UpdateSource(settings.server, settings.ca_file) if settings.server else head_end()
