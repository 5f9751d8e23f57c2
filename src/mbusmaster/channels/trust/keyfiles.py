"""The gateway's own keys on disk: its authority, and the server certificate that this one signs."""

import datetime
from pathlib import Path
from typing import Final

from mbusio import keyfiles
from mbusio.certificates import Pair, ServerNames, make_authority
from mbusio.keyfiles import read_pair, write_pair
from mbusmaster.channels.trust.errors import TrustError

AUTHORITY: Final = "authority.pem"


def load_authority(folder: Path, now: datetime.datetime) -> Pair:
    """Read the authority, made where there is none; the caller keeps other processes from doing the same meanwhile.

    Raise `TrustError` when it is damaged: a new one would lock out every client that has a bundle; that is for people to decide.
    """
    path = folder / AUTHORITY
    try:
        return read_pair(path)
    except FileNotFoundError:
        pair = make_authority("M-Bus master authority", now)
        save_authority(folder, pair)
        return pair
    except OSError as error:
        raise TrustError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, TypeError) as error:
        raise TrustError(
            f"{path} is damaged ({error}): restore it from a backup; or remove the folder {folder}, "
            "and issue every client's bundle again"
        ) from error


def save_authority(folder: Path, pair: Pair) -> None:
    """Put another authority in the place of the one there. Raise `TrustError`."""
    path = folder / AUTHORITY
    try:
        write_pair(path, pair)
    except OSError as error:
        raise _unwritable(path, error) from error


class ServerCertificate(keyfiles.ServerCertificate):
    """The server certificate of the channel and of the pages."""

    def refresh(self, names: ServerNames, now: datetime.datetime) -> bool:
        """Make a new one if it is time; tell whether that was so. Raise `TrustError` when it cannot be written."""
        try:
            return super().refresh(names, now)
        except OSError as error:
            raise _unwritable(self.path, error) from error


def _unwritable(path: Path, error: OSError) -> TrustError:
    return TrustError(f"cannot write {path}: {error.strerror or error}")
