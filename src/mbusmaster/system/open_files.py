"""Room for as many open files as clients may come."""

import logging

from mbusio.open_files import raise_limit

_log = logging.getLogger(__name__)


def make_room(files: int) -> None:
    """Let this process open so many files, or as many as the system allows it, which is then logged."""
    possible = raise_limit(files)
    if possible < files:
        _log.warning(
            "the system lets this process open %d files, but the clients of all channels may need %d: "
            "raise the limit (LimitNOFILE= of the service, `ulimit -Hn`), or lower max_clients",
            possible,
            files,
        )
