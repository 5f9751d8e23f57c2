"""The certificate that browsers see: files that people named, or the head-end's own authority's."""

import ssl
from datetime import datetime
from pathlib import Path

from mbusheadend.authority import Authority
from mbusheadend.errors import HeadEndError
from mbusio.certificates import ServerNames


class WebCertificate:
    """Keeps the context of TLS for people up to date.

    :param names: under which people and masters call, for a certificate of the own authority.
    :param files: certificate with its chain, and key, of people's own; None for the authority's.

    Raise `HeadEndError` where a file is of no use.
    """

    def __init__(
        self, authority: Authority, names: ServerNames, files: tuple[Path, Path] | None, now: datetime
    ) -> None:
        self._authority = authority
        self._names = names
        self._files = files
        self._read = 0.0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        if files is None:
            self._show_own(now)
        else:
            self._load(*files)

    def refresh(self, now: datetime) -> None:
        """Take over a new certificate, for the next handshakes. Raise `HeadEndError`; the one before stays in use."""
        if self._files is None:
            self._show_own(now)
        elif self._changed() != self._read:
            self._load(*self._files)

    def _show_own(self, now: datetime) -> None:
        if not self._authority.refresh(self.context, self._names, now):
            self._authority.show(self.context)

    def _changed(self) -> float:
        try:
            return max(path.stat().st_mtime for path in self._files or ())
        except OSError:
            return self._read

    def _load(self, certificate: Path, key: Path) -> None:
        changed = self._changed()
        try:
            self.context.load_cert_chain(certificate, key, password=_no_passphrase)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise HeadEndError(f"cannot use {certificate} with {key} for the web pages: {reason}") from error
        self._read = changed


def _no_passphrase() -> str:
    """Refuse to ask on a terminal that nobody may look at."""
    raise ValueError("the key is protected by a passphrase; write it without one, for this user alone")
