"""NumPy's own files: one array, taken as pictures are (integers span their range, floats 0..1).

Objects are never unpickled.
"""

from __future__ import annotations

import io
import math

import numpy as np

from cepstro.errors import ReadError
from cepstro.photo.limits import Limit
from cepstro.photo.model import Photo

SIGNATURE = b"\x93NUMPY"
_MAX_HEADER = 10_000  # bytes; that of a picture has about a hundred


def decode(data: bytes, *, limit: Limit) -> Photo:
    """Photo of the bytes of a ``.npy`` file."""
    if int.from_bytes(data[8:12] if data[6:7] > b"\1" else data[8:10], "little") > _MAX_HEADER:
        raise ReadError("its header is broken")
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ReadError(f"its format version {version} is not known")
    shape, _, dtype = read_header(stream)
    if dtype.hasobject or dtype.kind not in "buf" or dtype.itemsize > 8 or dtype.name == "uint64":
        raise ReadError(f"it holds {dtype}; bool, uint8, uint16, uint32 and floats are read")
    if len(shape) not in (2, 3) or (len(shape) == 3 and not 1 <= shape[2] <= 4):
        raise ReadError(f"it has shape {shape}; H x W and H x W x C with C of 1 to 4 are read")
    limit.check(shape[1], shape[0], stored=len(data), sample_bytes=dtype.itemsize)
    if math.prod(shape) * dtype.itemsize > len(data) - stream.tell():
        raise ReadError("it breaks off before its end; get a whole copy")
    pixels = np.load(io.BytesIO(data), allow_pickle=False)
    pixels = np.ascontiguousarray(pixels, dtype.newbyteorder("="))
    return Photo(pixels=pixels, format="npy", depth=1 if dtype.kind == "b" else 8 * dtype.itemsize)


def encode(photo: Photo) -> bytes:
    """``.npy`` bytes of a Photo's pixels, as they are."""
    buffer = io.BytesIO()
    np.save(buffer, photo.pixels, allow_pickle=False)
    return buffer.getvalue()
