"""The gateway's own keys on disk: its authority, and the server certificate that this one signs."""

import datetime
from pathlib import Path
from typing import Final

from mbusmaster.channels.trust.certificates import (
    Pair,
    alternative_names,
    make_authority,
    make_server,
    names_in,
)
from mbusmaster.channels.trust.errors import TrustError
from mbusmaster.channels.trust.model import ServerNames
from mbusmaster.settings.store import write_atomically

AUTHORITY: Final = "authority.pem"
SERVER: Final = "server.pem"
"""Key and certificate in one file each, so that never one is there without the other."""
MAX_SIZE: Final = 64 * 1024


def load_authority(folder: Path, now: datetime.datetime) -> Pair:
    """Read the authority, made where there is none; the caller keeps other processes from doing the same meanwhile.

    Raise `TrustError` when it is damaged: a new one would lock out every client that has a bundle; that is for people to decide.
    """
    path = folder / AUTHORITY
    try:
        return Pair.from_pem(_read(path))
    except FileNotFoundError:
        pair = make_authority(now)
        _write(path, pair)
        return pair
    except (ValueError, TypeError) as error:
        raise TrustError(
            f"{path} is damaged ({error}): restore it from a backup; or remove the folder {folder}, "
            "and issue every client's bundle again"
        ) from error


def save_authority(folder: Path, pair: Pair) -> None:
    """Put another authority in the place of the one there. Raise `TrustError`."""
    _write(folder / AUTHORITY, pair)


class ServerCertificate:
    """The server certificate, renewed when two thirds of its time are over, and when the machine is called something more.

    :ivar path: of the file with key and certificate.
    """

    def __init__(self, folder: Path, authority: Pair) -> None:
        self.path = folder / SERVER
        self._authority = authority
        self._pair = self._load()

    @property
    def expires(self) -> datetime.datetime | None:
        """Its end; None while there is none."""
        return self._pair.certificate.not_valid_after_utc if self._pair else None

    @property
    def names(self) -> tuple[str, ...]:
        """Names and addresses that it carries."""
        return names_in(self._pair.certificate) if self._pair else ()

    def refresh(self, names: ServerNames, now: datetime.datetime) -> bool:
        """Make a new one if it is time; tell whether that was so. Raise `TrustError` when it cannot be written."""
        if self._pair and not self._is_due(self._pair, names, now):
            return False
        pair = make_server(self._authority, names, now)
        _write(self.path, pair)
        self._pair = pair
        return True

    def is_old(self, now: datetime.datetime) -> bool:
        """Tell whether its time is over by two thirds, or has not come: then the clock was wrong when it was made."""
        if self._pair is None:
            return True
        begin = self._pair.certificate.not_valid_before_utc
        end = self._pair.certificate.not_valid_after_utc
        return not begin <= now < begin + (end - begin) * 2 / 3

    def _is_due(self, pair: Pair, names: ServerNames, now: datetime.datetime) -> bool:
        # A name or address that is gone does no harm: links that come and go make no new certificate each time.
        wanted = {str(name.value) for name in alternative_names(names)}
        return self.is_old(now) or not wanted <= set(names_in(pair.certificate))

    def _load(self) -> Pair | None:
        try:
            pair = Pair.from_pem(_read(self.path))
            pair.certificate.verify_directly_issued_by(self._authority.certificate)
        except Exception:  # whatever is wrong with it, a new one is made
            return None
        return pair


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_SIZE)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise TrustError(f"cannot read {path}: {error.strerror or error}") from error


def _write(path: Path, pair: Pair) -> None:
    try:
        write_atomically(path, pair.to_pem())
    except OSError as error:
        raise TrustError(f"cannot write {path}: {error.strerror or error}") from error
