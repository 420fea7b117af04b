"""PNM and its kin, by hand: PBM, PGM and PPM (text and binary, to 16 bit), PAM, and PFM floats.

PFM holds linear light by its definition, bottom row first; the others are taken as sRGB.
Source: the Netpbm manual pages; Debevec's PFM description.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import ReadError
from cepstro.light import to_linear
from cepstro.photo.depth import full_range
from cepstro.photo.limits import Limit
from cepstro.photo.model import Photo

_FIELD = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])+([^\s#]+)")
_PAM_HEADER = re.compile(rb"P7\s*\n(.{0,4000}?)ENDHDR\n", re.DOTALL)
_MAX_COMMENT = 1 << 16
_MAX_TEXT = 10_000_000  # values; each takes some fifty bytes while it is parsed


def matches(data: bytes) -> bool:
    """Whether the file begins as one of the family does."""
    return data[:2] in (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7", b"Pf", b"PF") and (
        data[2:3].isspace() or data[2:3] == b"#"
    )


def decode(data: bytes, *, limit: Limit) -> Photo:
    """Photo of the bytes of any of the family."""
    kind = data[:2]
    if kind in (b"Pf", b"PF"):
        return _floats(data, limit)
    if kind == b"P7":
        width, height, channels, top, at = _pam_header(data)
    else:
        fields, at = _fields(data, 2 if kind in (b"P1", b"P4") else 3)
        width, height = _number(fields[0]), _number(fields[1])
        top = _number(fields[2]) if len(fields) > 2 else 1
        channels = 3 if kind in (b"P3", b"P6") else 1
    if not 1 <= top <= 65535:
        raise ReadError(f"its largest value is said to be {top}; 1 to 65535 are read")
    limit.check(width, height, stored=len(data), sample_bytes=channels * (2 if top > 255 else 1))
    shape = (height, width) if channels == 1 else (height, width, channels)
    count = height * width * channels
    if kind in (b"P1", b"P2", b"P3"):
        if count > _MAX_TEXT:
            raise ReadError(f"it has {count:,} values as text; save it as binary PNM, or as PNG")
        values = _from_text(data[at:], count, bits=kind == b"P1")
    elif kind == b"P4":
        row = -(-width // 8)
        packed = _samples(data, at, np.dtype(np.uint8), row * height).reshape(height, row)
        values = 1 - np.unpackbits(packed, axis=1, count=width)
    else:
        values = _samples(data, at, np.dtype(">u2" if top > 255 else "u1"), count)
    bits = top.bit_length()
    return Photo(pixels=_spread(values.reshape(shape), top), format="pnm", depth=bits)


def encode(photo: Photo) -> bytes:
    """PGM or PPM bytes of a Photo with uint8 or uint16 grey or RGB pixels."""
    pixels = photo.pixels
    height, width = pixels.shape[:2]
    kind = "P5" if pixels.ndim == 2 else "P6"
    top = np.iinfo(pixels.dtype).max
    return f"{kind}\n{width} {height}\n{top}\n".encode() + _bytes(
        pixels, ">u2" if top > 255 else "u1"
    )


def encode_floats(photo: Photo) -> bytes:
    """PFM bytes of a Photo with grey or RGB pixels: float32, linear light."""
    linear = to_linear(photo.pixels, light=photo.light)
    height, width = linear.shape[:2]
    kind = "Pf" if linear.ndim == 2 else "PF"
    return f"{kind}\n{width} {height}\n-1.0\n".encode() + _bytes(linear[::-1], "<f4")


def _bytes(pixels: NDArray[Any], dtype: str) -> bytes:
    return np.ascontiguousarray(pixels, np.dtype(dtype)).tobytes()


def _fields(data: bytes, count: int) -> tuple[list[bytes], int]:
    """Return the header's fields and where the pixels begin: one blank behind the last field."""
    out = []
    at = 2
    for _ in range(count):
        match = _FIELD.match(data, at, at + _MAX_COMMENT)
        if match is None:
            raise ReadError("its header is broken")
        out.append(match.group(1))
        at = match.end()
    return out, at + 1


def _number(field: bytes) -> int:
    if not field.isdigit() or len(field) > 10:
        raise ReadError("its header is broken")
    return int(field)


def _pam_header(data: bytes) -> tuple[int, int, int, int, int]:
    match = _PAM_HEADER.match(data)
    if match is None:
        raise ReadError("its header is broken")
    said = dict(
        line.split(None, 1) for line in match.group(1).splitlines() if len(line.split(None, 1)) == 2
    )
    try:
        width, height, depth, top = (
            _number(said[name].strip()) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
        )
    except KeyError:
        raise ReadError("its header is broken") from None
    if not 1 <= depth <= 4:
        raise ReadError(f"it has {depth} channels; grey, RGB and alpha are read")
    return width, height, depth, top, match.end()


def _samples(data: bytes, at: int, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    if len(data) - at < count * dtype.itemsize:
        raise ReadError("it breaks off before its end; get a whole copy")
    values = np.frombuffer(data, dtype, count, at)
    native: NDArray[Any] = values.astype(dtype.newbyteorder("="))
    return native


def _from_text(text: bytes, count: int, *, bits: bool) -> NDArray[Any]:
    """Return numbers from text; bits may stand without blanks between them."""
    text = re.sub(rb"#[^\n\r]*", b"", text)
    if bits:
        digits = np.frombuffer(text, np.uint8)
        values: NDArray[Any] = 49 - digits[(digits == 48) | (digits == 49)][:count]
    else:
        values = np.array([_number(word) for word in text.split(maxsplit=count)[:count]], np.uint64)
    if len(values) < count:
        raise ReadError("it breaks off before its end; get a whole copy")
    return values


def _spread(values: NDArray[Any], top: int) -> NDArray[Any]:
    """Spread values 0..top over uint8 or uint16."""
    if top in (1, 255, 65535):
        return full_range(values, top.bit_length())
    room = 255 if top < 255 else 65535
    scaled: NDArray[Any] = np.rint(np.minimum(values, top) * (room / top)).astype(
        np.uint8 if top < 255 else np.uint16
    )
    return scaled


def _floats(data: bytes, limit: Limit) -> Photo:
    fields, at = _fields(data, 3)
    width, height = _number(fields[0]), _number(fields[1])
    try:
        scale = float(fields[2])
    except ValueError:
        raise ReadError("its header is broken") from None
    channels = 3 if data[:2] == b"PF" else 1
    limit.check(width, height, stored=len(data), sample_bytes=4 * channels)
    dtype = np.dtype("<f4" if scale < 0 else ">f4")
    values = _samples(data, at, dtype, height * width * channels)
    shape = (height, width) if channels == 1 else (height, width, channels)
    pixels = np.ascontiguousarray(values.reshape(shape)[::-1])
    return Photo(pixels=pixels, light="linear", format="pfm", depth=32)
