"""Keeps the C library from holding memory that nobody uses.

It stands apart because it is of one C library: glibc gives up to eight arenas per processor to threads that allocate, and what one
of them has freed serves no other.  A router with RocksDB's and librdkafka's threads had 505 MB after a restore, and 370 with two.
Hazard: the limit counts from the call on; it is to be made before threads start.
"""

from __future__ import annotations

import ctypes
from typing import Final

ARENAS: Final = 2
_M_ARENA_MAX: Final = -8
"""From glibc's malloc.h."""
_LIBC: Final = ctypes.CDLL(None)


def few_arenas() -> bool:
    """Limit the arenas; whether this C library has such a limit."""
    mallopt = getattr(_LIBC, "mallopt", None)
    return mallopt is not None and mallopt(_M_ARENA_MAX, ARENAS) == 1


def give_back() -> None:
    """Return what was freed to the system: after a company was compiled, 16 of 186 MB.  Takes milliseconds."""
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)
