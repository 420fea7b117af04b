"""A file's bytes, read only where they are looked at: a TIFF may be far larger than one page."""

from __future__ import annotations

import os
from typing import BinaryIO


class Stored:
    """An open file that is sliced like bytes; every slice is read from the disk.

    Parameters
    ----------
    stream : binary file
        Open for reading; decoders that read files themselves may use it too.
    """

    __slots__ = ("_size", "stream")

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self._size = os.fstat(stream.fileno()).st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size)
        self.stream.seek(start)
        return self.stream.read(max(0, stop - start))
