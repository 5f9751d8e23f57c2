"""Hashes of passwords: argon2id, one at a time in the whole process, never in the event loop.

One hash needs 19 MiB while it is computed (the least that OWASP recommends); two at a time would need twice that.
"""

import asyncio
import ctypes
import os
import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

from argon2 import Parameters, PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

PARAMETERS: Final = Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=2, memory_cost=19456, parallelism=1
)
LARGEST_MEMORY: Final = 64 * 1024
"""KiB; a hash from elsewhere that asks for more is not computed, nor one with more of the next two."""
LARGEST_TIME: Final = 10
LARGEST_PARALLELISM: Final = 4
LONGEST_HASH: Final = 256
_M_MMAP_THRESHOLD: Final = -3
_MAP_BYTES: Final = 4 << 20

_one_at_a_time = threading.Lock()


class Hasher:
    """Makes and checks hashes in a thread of its own.

    :param parameters: other ones only in tests, to be quick.
    """

    def __init__(self, parameters: Parameters = PARAMETERS) -> None:
        self._argon2 = PasswordHasher.from_parameters(parameters)
        self._nobody = _hash_of_nobody(parameters)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="password")

    async def make(self, password: str) -> str:
        """Give the hash of a new password."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.make_now, password)

    async def fits(self, stored: str | None, password: str) -> bool:
        """Tell whether a password is the one of this hash; without a hash it is not, and takes as long to say so."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._fits, stored, password)

    def make_now(self, password: str) -> str:
        """Do the same in this thread."""
        with _one_at_a_time:
            _give_memory_back()
            return self._argon2.hash(password.encode())

    def is_outdated(self, stored: str) -> bool:
        """Tell whether a hash was made with other parameters than new ones are."""
        return self._argon2.check_needs_rehash(stored)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)

    def _fits(self, stored: str | None, password: str) -> bool:
        with _one_at_a_time:
            _give_memory_back()
            try:
                return self._argon2.verify(stored or self._nobody, password.encode())
            except (VerificationError, InvalidHashError, UnicodeEncodeError):
                return False


def is_acceptable(stored: str) -> bool:
    """Tell whether a hash from elsewhere is one of argon2id that can be computed without harm."""
    if len(stored) > LONGEST_HASH or not stored.isascii():
        return False
    try:
        found = extract_parameters(stored)
    except (InvalidHashError, ValueError):
        return False
    return (
        found.type is Type.ID
        and 0 < found.memory_cost <= LARGEST_MEMORY
        and 0 < found.time_cost <= LARGEST_TIME
        and 0 < found.parallelism <= LARGEST_PARALLELISM
    )


def _hash_of_nobody(parameters: Parameters) -> str:
    """Give a hash that no password has: what is checked for an unknown user, so that it takes as long as for a known one."""
    salt, made = (
        b64encode(os.urandom(length)).decode().rstrip("=")
        for length in (parameters.salt_len, parameters.hash_len)
    )
    costs = f"m={parameters.memory_cost},t={parameters.time_cost},p={parameters.parallelism}"
    return f"$argon2id$v={parameters.version}${costs}${salt}${made}"


@cache
def _give_memory_back() -> None:
    """Let the C library give the memory of a hash back to the system; glibc would keep it from the second hash on."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAP_BYTES)
