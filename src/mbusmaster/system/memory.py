"""Keeps the process small."""

import asyncio
import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Final, cast

LOOK_SECONDS: Final = 30.0
MUCH_BYTES: Final = 3_000_000
"""Less is not worth the 10 ms that giving back takes."""
_MAPS: Final = Path("/proc/self/smaps")
_SIZES: Final = Path("/proc/self/statm")
_MADV_DONTNEED: Final = 4


def leave_out_pydantic_1() -> None:
    """Have this process do without `pydantic.v1`; call it before anything is served.

    FastAPI asks for each model whether it is one of pydantic 1, and loads that for it (1.4 MB); none of ours is. Where it is not
    installed, as under Python 3.14, FastAPI goes without.
    """
    # What `sys.modules` has as None counts as not installed (the import statement); its type does not know that.
    sys.modules.setdefault("pydantic.v1", cast(ModuleType, None))


def keep_small() -> None:
    """Give memory that starting needed back to the system, and look no more through what stays; call it once all is there."""
    gc.collect()
    gc.freeze()
    give_back()


def resident_bytes() -> int:
    """Give how much of the machine's memory this process has now, what it shares with others included (proc(5), statm)."""
    return int(_SIZES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def give_back() -> None:
    """Give back what is free, and code that only some beginning needed; may run in a thread."""
    library = ctypes.CDLL(None)
    trim = getattr(library, "malloc_trim", None)
    if trim is not None:
        trim(0)
    # A kernel may be built without this file: then all stays as it is.
    with contextlib.suppress(OSError):
        for first, length in untouched_files(_MAPS.read_text().splitlines()):
            library.madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), _MADV_DONTNEED)


async def stay_small(
    resident: Callable[[], int] = resident_bytes,
    give: Callable[[], None] = give_back,
    seconds: float = LOOK_SECONDS,
) -> None:
    """Give memory back again whenever something took much of it, until cancelled.

    Pages in another language, many handshakes at once, the first call to a head-end: what they ran and needed then lies idle.

    :param seconds: between two looks.
    """
    before = resident()
    while True:
        await asyncio.sleep(seconds)
        if resident() - before > MUCH_BYTES:
            await asyncio.to_thread(give)
            before = resident()


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
