"""Where this system takes its name servers from, where the manager of the network does not bring them there (resolv.conf(5))."""

import os
import stat
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.network import phrases
from mbusweb.texts import Text

_MOST: Final = 1 << 16


class NameServers:
    """The name servers beside systemd-networkd, which hands its own only to systemd-resolved.

    :param root: where the machine's folders are.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._file = root / "etc/resolv.conf"

    def warnings(self, servers: Sequence[IPv4Address]) -> tuple[Text, ...]:
        """Say what a person should know whose name servers these shall be."""
        if not servers or self._is_resolved():
            return ()
        template = phrases.DNS_WHEN_KEPT if self._is_ours_to_write() else phrases.DNS_ELSEWHERE
        return (Text(template, {"path": str(self._file)}),)

    def keep(self, servers: Sequence[IPv4Address]) -> str | None:
        """Write them where nobody else does, and give what stood there; raise `RefusedError`. Without any nothing changes."""
        if not servers or self._is_resolved() or not self._is_ours_to_write():
            return None
        try:
            before = self._read()
        except OSError as error:
            raise self._refused(error) from error
        self.write(with_servers(before, servers))
        return before

    def write(self, text: str | None) -> None:
        """Replace the text; None leaves it. Raise `RefusedError`.

        In place: the file may be a mount of its own, and root may be forbidden to write the folder.
        """
        if text is None:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with open(
                os.open(self._file, flags, 0o644), "w", encoding="utf-8", errors="surrogateescape"
            ) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._refused(error) from error

    def _read(self) -> str:
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(self._file, flags), encoding="utf-8", errors="surrogateescape") as file:
                return file.read(_MOST)
        except FileNotFoundError:
            return ""

    def _refused(self, error: OSError) -> RefusedError:
        values = {"path": str(self._file), "reason": error.strerror or str(error)}
        return RefusedError(phrases.NOT_WRITTEN, values)

    def _is_resolved(self) -> bool:
        """systemd-resolved writes what ``/etc/resolv.conf`` leads to (systemd-resolved.service(8))."""
        try:
            target = Path(os.readlink(self._file))
        except OSError:
            return False
        return "systemd/resolve" in str(target)

    def _is_ours_to_write(self) -> bool:
        try:
            return stat.S_ISREG(self._file.lstat().st_mode)
        except FileNotFoundError:
            return True


def with_servers(text: str, servers: Sequence[IPv4Address]) -> str:
    """Give the text of a ``resolv.conf`` with these name servers, everything else as it was."""
    others = [line for line in text.splitlines() if line.split()[:1] != ["nameserver"]]
    return "".join(f"{line}\n" for line in [*others, *(f"nameserver {server}" for server in servers)])
