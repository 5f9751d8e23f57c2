"""Room for as many open files as clients may come: the usual limit of a process is 1024."""

import logging
import resource

_log = logging.getLogger(__name__)


def make_room(files: int) -> None:
    """Let this process open so many files, or as many as the system allows it, which is then logged."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return
    possible = files if hard == resource.RLIM_INFINITY else min(files, hard)
    if possible > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    if possible < files:
        _log.warning(
            "the system lets this process open %d files, but the clients of all channels may need %d: "
            "raise the limit (LimitNOFILE= of the service, `ulimit -Hn`), or lower max_clients",
            possible,
            files,
        )
