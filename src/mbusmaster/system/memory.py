"""Keeps the process small."""

import ctypes
import gc


def keep_small() -> None:
    """Give memory that starting needed back to the system, and look no more through what stays; call it once all is there."""
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
