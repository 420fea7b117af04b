"""Memory that a working process keeps, for photo after photo.

The C library gives the memory of arrays that are gone back to the system, which hands it out again
page by page: 3000 faults a photo of 1 MP. Dask's nannies have it give back all above 64 kB, and
there it was 58,000 faults and twice the time.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from functools import cache

_TRIM, _MAP = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of glibc's malloc.h


@cache
def keep() -> None:
    """Let this process keep up to 256 MB of what it has freed (with glibc; elsewhere nothing)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(None)
            library.mallopt(_TRIM, 256 << 20)
            library.mallopt(_MAP, 32 << 20)
