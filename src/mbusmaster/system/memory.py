"""Keeps the process small."""

import contextlib
import ctypes
import gc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_MAPS: Final = Path("/proc/self/smaps")
_MADV_DONTNEED: Final = 4


def keep_small() -> None:
    """Give memory that starting needed back to the system, and look no more through what stays; call it once all is there."""
    gc.collect()
    gc.freeze()
    library = ctypes.CDLL(None)
    trim = getattr(library, "malloc_trim", None)
    if trim is not None:
        trim(0)
    give_back_code()


def give_back_code() -> None:
    """Give back what is mapped from files and only some beginning needed; may run in a thread."""
    library = ctypes.CDLL(None)
    # A kernel may be built without this file: then all stays as it is.
    with contextlib.suppress(OSError):
        for first, length in untouched_files(_MAPS.read_text().splitlines()):
            library.madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), _MADV_DONTNEED)


def untouched_files(maps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Give address and length of what is mapped from files, cannot be written, and has no page of its own (proc(5), smaps).

    Mostly code of libraries that only starting ran: what is needed again comes back from the page cache, or from the file.
    """
    place = access = name = ""
    for line in maps:
        words = line.split()
        if not words[0].endswith(":"):
            place, access, name = words[0], words[1], words[5] if len(words) > 5 else ""
        elif words[:2] == ["Anonymous:", "0"] and name.startswith("/") and "w" not in access:
            first, last = (int(part, 16) for part in place.split("-"))
            yield first, last - first
