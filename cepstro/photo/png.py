"""PNG: pixels by libpng at their own depth, everything else from and into its chunks by hand.

libpng sees only the chunks that make the picture, so that broken side notes cannot stop it.
Source: PNG Specification (Third Edition), W3C 2025.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import ReadError
from cepstro.icc import ToneCurve
from cepstro.light import Light
from cepstro.photo import exif
from cepstro.photo.limits import Limit
from cepstro.photo.model import Photo

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}
_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# First row and column, step down and across of each pass of an interlaced picture.
_ADAM7 = (
    (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
    (1, 0, 2, 1),
)  # fmt: skip
_MAX_CHUNKS = 1_000_000
_MAX_NOTE = 16 << 20  # bytes of an unpacked profile or text
_XMP = b"XML:com.adobe.xmp"
_RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
_LEVEL = 1  # zlib; 6 packs photos 5 % smaller in 3.5 times the time


def decode(data: bytes, *, limit: Limit) -> Photo:
    """Photo of a PNG's bytes, not yet upright."""
    import imagecodecs

    chunks = _chunks(data)
    if chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise ReadError("it has no header")
    width, height, depth, colour, packing, filters, interlaced = struct.unpack(
        ">IIBBBBB", chunks[0][1]
    )
    if depth not in _DEPTHS.get(colour, ()):
        raise ReadError(f"its header says colour type {colour} with {depth} bits, which is no PNG")
    if packing or filters or interlaced > 1:
        raise ReadError("its header asks for a packing that PNG does not know")
    limit.check(
        width,
        height,
        stored=len(data),
        sample_bytes=_CHANNELS[colour] * (2 if depth == 16 else 1),
    )
    if interlaced:
        pixels = _deinterlaced(width, height, depth, colour, chunks)
    else:
        pixels = imagecodecs.png_decode(_picture_only(data, chunks))
    first: dict[bytes, memoryview] = {}
    for name, body in chunks:
        first.setdefault(name, body)
    texts = _texts(chunks)
    icc = _profile(first.get(b"iCCP"))
    block = bytes(first[b"eXIf"]) if b"eXIf" in first else _raw_profile(texts)
    return Photo(
        pixels=pixels,
        light=_light(first, icc),
        format="png",
        depth=depth,
        exif=block.removeprefix(b"Exif\0\0") if block else None,
        icc=icc,
        xmp=texts.get(_XMP),
        dpi=_dpi(first.get(b"pHYs")),
    )


def encode(photo: Photo) -> bytes:
    """PNG bytes of a Photo with uint8 or uint16 pixels."""
    import imagecodecs

    pixels = np.ascontiguousarray(photo.pixels)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    bare = imagecodecs.png_encode(pixels, level=_LEVEL)
    notes = b""
    if photo.icc:
        notes += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(photo.icc))
    elif photo.light == "srgb":
        notes += _chunk(b"sRGB", b"\0") + _chunk(b"gAMA", struct.pack(">I", 45455))
    elif (power := exponent(photo.light)) is not None:
        notes += _chunk(b"gAMA", struct.pack(">I", round(1e5 / power)))
    if photo.dpi:
        x, y = (round(value / 0.0254) for value in photo.dpi)
        notes += _chunk(b"pHYs", struct.pack(">IIB", x, y, 1))
    if photo.exif:
        notes += _chunk(b"eXIf", photo.exif)
    if photo.xmp:
        notes += _chunk(b"iTXt", _XMP + bytes(5) + photo.xmp)
    after_header = 8 + 25
    return b"".join((bare[:after_header], notes, bare[after_header:]))


def _chunks(data: bytes) -> list[tuple[bytes, memoryview]]:
    """Return names and contents of the chunks up to IEND, those of the picture unharmed.

    libpng would see harm too, but tell of it on standard error.
    """
    view = memoryview(data)
    out: list[tuple[bytes, memoryview]] = []
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        end = at + 8 + size
        if not name.isalpha() or len(out) > _MAX_CHUNKS:
            raise ReadError("its chunks are no PNG's")
        if end + 4 > len(data):
            break
        if name in _PICTURE and zlib.crc32(view[at + 4 : end]) != _number(data, end):
            raise ReadError(f"its {name.decode()} data are damaged (CRC error)")
        out.append((name, view[at + 8 : end]))
        if name == b"IEND":
            return out
        at = end + 4
    raise ReadError("it breaks off before its end; get a whole copy")


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _picture_only(data: bytes, chunks: list[tuple[bytes, memoryview]]) -> bytes:
    """Return the file without the chunks that say nothing about its pixels."""
    parts: list[bytes | memoryview] = [SIGNATURE]
    view = memoryview(data)
    at = len(SIGNATURE)
    for name, body in chunks:
        end = at + 12 + len(body)
        if name in _PICTURE:
            parts.append(view[at:end])
        at = end
    return b"".join(parts)


def _deinterlaced(
    width: int, height: int, depth: int, colour: int, chunks: list[tuple[bytes, memoryview]]
) -> NDArray[Any]:
    """Pixels of an interlaced picture: each pass made a PNG of its own, decoded, put in its places.

    libpng through imagecodecs decodes interlaced files too, but complains on standard error.
    """
    import imagecodecs

    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = []
    for top, left, down, across in _ADAM7:
        rows, columns = -(-(height - top) // down), -(-(width - left) // across)
        if rows > 0 and columns > 0:
            line = 1 + -(-columns * bits // 8)  # a filter byte, then the samples
            passes.append((top, left, down, across, rows, columns, rows * line))
    total = sum(size for *_, size in passes)
    packed = b"".join(body for name, body in chunks if name == b"IDAT")
    lines = zlib.decompressobj().decompress(packed, total)
    if len(lines) < total:
        raise ReadError("it breaks off before its end; get a whole copy")
    palette = b"".join(_chunk(n, bytes(b)) for n, b in chunks if n in (b"PLTE", b"tRNS"))
    out: NDArray[Any] | None = None
    at = 0
    for top, left, down, across, rows, columns, size in passes:
        head = struct.pack(">IIBBBBB", columns, rows, depth, colour, 0, 0, 0)
        body = zlib.compress(lines[at : at + size], 0)
        part = imagecodecs.png_decode(
            SIGNATURE
            + _chunk(b"IHDR", head)
            + palette
            + _chunk(b"IDAT", body)
            + _chunk(b"IEND", b"")
        )
        if out is None:
            out = np.empty((height, width, *part.shape[2:]), part.dtype)
        out[top::down, left::across] = part
        at += size
    assert out is not None  # the first pass holds the first pixel
    return out


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _inflate(packed: bytes | memoryview) -> bytes | None:
    """Unpacked note, or None if it is broken or swells beyond reason."""
    unpacker = zlib.decompressobj()
    try:
        out = unpacker.decompress(packed, _MAX_NOTE)
    except zlib.error:
        return None
    return None if unpacker.unconsumed_tail else out


def _profile(body: memoryview | None) -> bytes | None:
    if body is None:
        return None
    _, _, rest = bytes(body).partition(b"\0")
    return _inflate(rest[1:]) or None


def _texts(chunks: list[tuple[bytes, memoryview]]) -> dict[bytes, bytes]:
    """XMP and ImageMagick's hexadecimal EXIF; other texts are let go."""
    out: dict[bytes, bytes] = {}
    for name, body in chunks:
        if name not in (b"tEXt", b"zTXt", b"iTXt"):
            continue
        key, _, rest = bytes(body).partition(b"\0")
        if key in out or key not in (_XMP, *_RAW_EXIF):
            continue
        packed = name == b"zTXt"
        if name == b"iTXt":
            packed = rest[:1] == b"\1"
            rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        elif packed:
            rest = rest[1:]
        text = _inflate(rest) if packed else rest
        if text:
            out[key] = text
    return out


def _raw_profile(texts: dict[bytes, bytes]) -> bytes | None:
    """EXIF in a text chunk as ImageMagick writes it: name, length, hexadecimal digits."""
    for key in _RAW_EXIF:
        match = re.match(rb"\s*\w+\s+\d+\s+([0-9a-fA-F\s]+)$", texts.get(key, b""))
        digits = re.sub(rb"\s+", b"", match.group(1)) if match else b""
        if digits and len(digits) % 2 == 0:
            return bytes.fromhex(digits.decode())
    return None


def _dpi(body: memoryview | None) -> tuple[float, float] | None:
    if body is None or len(body) != 9:
        return None
    x, y, unit = struct.unpack(">IIB", body)
    return exif.sane_dpi(x * 0.0254, y * 0.0254) if unit == 1 else None


def _light(first: dict[bytes, memoryview], icc: bytes | None) -> Light:
    """Return the gAMA chunk's curve, where neither a profile nor an sRGB chunk stands above it."""
    body = first.get(b"gAMA")
    if icc or b"sRGB" in first or body is None or len(body) != 4:
        return "srgb"
    value = struct.unpack(">I", body)[0] / 1e5
    if not 0.1 <= value <= 10 or abs(value - 0.45455) < 5e-3:
        return "srgb"
    return "linear" if abs(value - 1) < 1e-3 else ToneCurve.gamma(1 / value)


def exponent(light: Light) -> float | None:
    """Exponent of a plain gamma curve."""
    if light == "linear":
        return 1.0
    if isinstance(light, ToneCurve) and light == ToneCurve.gamma(light.formula[0]):
        return light.formula[0]
    return None
