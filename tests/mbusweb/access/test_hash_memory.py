"""What a login costs in memory: one hash, and nothing afterwards."""

import subprocess
import sys

import pytest

CODE = """
import asyncio
from mbusweb.access import Hasher

def memory(which):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(which))

async def main():
    hasher, other = Hasher(), Hasher()
    before = memory("VmRSS")
    stored = await hasher.make("tractor-lamp-91")
    tries = [(hasher, other)[n % 2].fits((stored, None)[n % 3 == 0], "tractor-lamp-91") for n in range(12)]
    print(sum(await asyncio.gather(*tries)), memory("VmHWM") - before, memory("VmRSS") - before)
    hasher.close()
    other.close()

asyncio.run(main())
"""
ONE_HASH = 19456
MARGIN = 6000
"""KiB: threads and code that is used for the first time."""


@pytest.mark.process
def test_many_passwords_at_once_need_the_memory_of_one_hash_and_give_it_back() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    right, most, afterwards = map(int, ended.stdout.split())
    assert right == 8
    assert ONE_HASH / 2 < most < ONE_HASH + MARGIN
    assert afterwards < MARGIN
