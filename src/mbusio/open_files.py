"""Room for many open files: the usual limit of a process is 1024."""

import resource


def raise_limit(files: int) -> int:
    """Let this process open so many files, or as many as the system allows it; give how many that are, `files` at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return files
    possible = files if hard == resource.RLIM_INFINITY else min(files, hard)
    if possible > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    return possible
