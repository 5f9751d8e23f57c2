"""Changes of tables that others use meanwhile: whoever waits for a lock on a table makes all wait who come behind."""

import time
from collections.abc import Callable
from typing import Final

from psycopg import errors

from mbusheadend.store.errors import StoreError
from mbusheadend.store.postgres.connection import Raw

LOCK_MILLISECONDS: Final = 500
"""That others wait at most behind a change that waits for somebody else."""
PAUSE: Final = 1.0
"""Seconds in which those who came behind go on."""
PATIENCE: Final = 600.0
"""Seconds for which a change is tried: longer than any question of ours may take, shorter than a dump of a big store."""
_IN_THE_WAY: Final = (errors.LockNotAvailable, errors.DeadlockDetected)


def briefly(raw: Raw, what: str, work: Callable[[], object]) -> None:
    """Do work in one transaction that waits for no lock longer than a moment; where others have it, all of it again later.

    Raise `psycopg.Error`, and `StoreError` where others were in the way for too long.
    """
    end = time.monotonic() + PATIENCE
    while True:
        raw.execute(f"BEGIN; SET LOCAL lock_timeout = '{LOCK_MILLISECONDS:d}ms'".encode())
        try:
            work()
            raw.execute(b"COMMIT")
            return
        except _IN_THE_WAY as error:
            raw.execute(b"ROLLBACK")
            if time.monotonic() >= end:
                raise StoreError(
                    f"{what} could not be made in {PATIENCE:.0f} s, as somebody holds the tables (a dump, a long query of"
                    " another program): end that and start again; what was made before is kept"
                ) from error
        except BaseException:
            if not raw.closed:
                raw.execute(b"ROLLBACK")
            raise
        time.sleep(PAUSE)
