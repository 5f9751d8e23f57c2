import asyncio
import subprocess
import sys

import pytest

from mbusmaster.system.memory import MUCH_BYTES, keep_small, resident_bytes, stay_small, untouched_files

MAPS = """\
7f0000000000-7f0000002000 r--p 00000000 fe:00 10    /usr/lib/libc.so.6
Rss:                   8 kB
Anonymous:             0 kB
7f0000002000-7f0000005000 r-xp 00002000 fe:00 10    /usr/lib/a name with spaces.so
Anonymous:             0 kB
VmFlags: rd ex mr mw me
7f0000005000-7f0000006000 r--p 00005000 fe:00 10    /usr/lib/libc.so.6
Anonymous:             4 kB
7f0000006000-7f0000007000 rw-p 00006000 fe:00 10    /usr/lib/libc.so.6
Anonymous:             0 kB
7f0000007000-7f0000008000 r--p 00000000 00:00 0
Anonymous:             0 kB
7f0000008000-7f0000009000 r-xp 00000000 00:00 0     [vdso]
Anonymous:             0 kB
"""


def test_only_what_the_file_still_has_is_given_back() -> None:
    assert list(untouched_files(MAPS.splitlines())) == [(0x7F0000000000, 0x2000), (0x7F0000002000, 0x3000)]


def test_code_runs_on_after_its_pages_were_given_back() -> None:
    keep_small()
    assert sum(range(1000)) == 499500


async def test_memory_is_given_back_when_much_of_it_was_taken_since() -> None:
    sizes = iter((60, 61, 60 + MUCH_BYTES, 61 + MUCH_BYTES, 64, 64 + MUCH_BYTES))
    given = 0

    def give() -> None:
        nonlocal given
        given += 1

    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(stay_small(lambda: next(sizes), give, 0), 10)
    assert given == 1


def test_what_this_process_takes_is_known() -> None:
    assert 5_000_000 < resident_bytes() < 10_000_000_000


@pytest.mark.process
def test_the_gateway_serves_without_pydantic_1() -> None:
    """In a process of its own: here something else may have loaded it."""
    says = (
        "import sys; from mbusmaster.system.memory import leave_out_pydantic_1; leave_out_pydantic_1()\n"
        "from fastapi import FastAPI\n"
        "from mbusmaster.settings import Settings\n"
        "app = FastAPI(); app.get('/')(lambda given: Settings()); app.openapi()\n"
        "assert sys.modules['pydantic.v1'] is None\n"
    )
    subprocess.run([sys.executable, "-c", says], check=True, timeout=60)
