"""How glibc's allocator gives memory back to the system; without effect where there is another one."""

from __future__ import annotations

import ctypes
from contextlib import suppress

# From malloc.h.
_M_MMAP_THRESHOLD = -3
_MMAP_BYTES = 256 * 1024

_LIBC = ctypes.CDLL(None)


def return_large_blocks() -> None:
    """Have each large block of memory returned when it is freed."""
    # glibc raises its threshold to the largest block that was ever freed, up to 32 MB, and keeps later blocks in the
    # heap: six images of 49 megapixels left 1.2 GB there for good. A threshold that is set stays.
    with suppress(AttributeError):
        _LIBC.mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)


def trim() -> None:
    """Return the free memory between the blocks that are in use; takes some tenths of a millisecond."""
    with suppress(AttributeError):
        _LIBC.malloc_trim(0)
