"""A file's bytes, read only where they are looked at: a TIFF may be far larger than one page."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO

from cepstro.errors import ReadError


class Stored(io.RawIOBase):
    """An open file that is sliced like bytes, or read as a file by a decoder that wants one.

    Parameters
    ----------
    stream : binary file
        Open for reading.

    Attributes
    ----------
    most : int
        Bytes that one read may take; more raises `ReadError`. A file may claim any length for
        anything in it.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = os.fstat(stream.fileno()).st_size
        self.most = 1 << 62

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size)
        self._stream.seek(start)
        return self._stream.read(max(0, stop - start))

    def read(self, size: int = -1) -> bytes:
        """Read from where the file stands."""
        if size is None or size < 0:
            size = max(0, self._size - self.tell())
        if size > self.most:
            raise ReadError(f"it claims that {size:,} bytes belong together, which is not believed")
        return self._stream.read(size)

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from where the file stands."""
        return self._stream.readinto(buffer)  # type: ignore[attr-defined, no-any-return]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the file."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the file."""
        return self._stream.tell()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True
