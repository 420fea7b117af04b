"""JPEG XL by imagecodecs: any depth; EXIF and XMP from and into the container's boxes.

No library at hand tells or takes the ICC profile of a JPEG XL: files are read as sRGB, and photos
in other colours are turned into sRGB before they are written. Lossless unless a quality is named.
Source: ISO/IEC 18181-2.
"""

from __future__ import annotations

import struct

import numpy as np

from cepstro.photo import exif
from cepstro.photo.limits import Limit
from cepstro.photo.model import Photo

CODESTREAM, CONTAINER = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
_MAX_BOXES = 10_000
_MAX_NOTE = 1 << 20  # bytes of unpacked EXIF or XMP


def decode(data: bytes, *, limit: Limit) -> Photo:
    """Photo of a JPEG XL's bytes, upright already."""
    import imagecodecs

    boxes = _boxes(data) if data.startswith(CONTAINER) else []
    width, height = _size(data if not boxes else _codestream(boxes))
    limit.check(width, height, stored=len(data), sample_bytes=8)  # at most, but for floats
    pixels = imagecodecs.jpegxl_decode(data, index=0)
    notes = dict(_plain(name, body) for name, body in boxes)
    block = notes.get(b"Exif")
    return Photo(
        pixels=pixels,
        format="jxl",
        depth=8 * pixels.dtype.itemsize,
        exif=exif.cleaned(_exif(block)),
        xmp=notes.get(b"xml "),
    )


def encode(photo: Photo, *, quality: int | None = None) -> bytes:
    """JPEG XL bytes of a Photo with uint8, uint16 or float32 pixels."""
    import imagecodecs

    pixels = np.ascontiguousarray(photo.pixels)
    if quality is None:
        bare = imagecodecs.jpegxl_encode(pixels, lossless=True, usecontainer=True)
    else:
        distance = max(0.1, (100 - quality) / 10)
        bare = imagecodecs.jpegxl_encode(pixels, distance=distance, usecontainer=True)
    notes = b""
    if photo.exif:
        notes += _box(b"Exif", bytes(4) + photo.exif)
    if photo.xmp:
        notes += _box(b"xml ", photo.xmp)
    return bytes(bare) + notes


def _plain(name: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Return a box as it is, or unpacked if it is a note that Brotli packed."""
    if name != b"brob" or body[:4] not in (b"Exif", b"xml "):
        return name, body
    import imagecodecs

    try:
        return body[:4], bytes(imagecodecs.brotli_decode(body[4:], out=bytearray(_MAX_NOTE)))
    except imagecodecs.BrotliError:
        return name, b""


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + name + body


def _boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    out: list[tuple[bytes, bytes]] = []
    at = 0
    while at + 8 <= len(data) and len(out) < _MAX_BOXES:
        size, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        elif size == 0:
            size = len(data) - at
        if size < head:
            break
        out.append((name, data[at + head : at + size]))
        at += size
    return out


def _codestream(boxes: list[tuple[bytes, bytes]]) -> bytes:
    """Return the beginning of the codestream, whole or in parts."""
    for name, body in boxes:
        if name == b"jxlc":
            return body
        if name == b"jxlp":
            return body[4:]
    return b""


def _exif(block: bytes | None) -> bytes | None:
    if block is None or len(block) < 4:
        return None
    (skip,) = struct.unpack_from(">I", block)
    return block[4 + skip :] or None


def _size(stream: bytes) -> tuple[int, int]:
    """Width and height from the size header that opens the codestream."""
    bits = int.from_bytes(stream[2:16], "little")
    at = 0

    def take(count: int) -> int:
        nonlocal at
        value = bits >> at & ((1 << count) - 1)
        at += count
        return value

    def length(small: int) -> int:
        return (take(5) + 1) * 8 if small else take((9, 13, 18, 30)[take(2)]) + 1

    small = take(1)
    height = length(small)
    ratio = take(3)
    if ratio == 0:
        return length(small), height
    top, bottom = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
    return height * top // bottom, height
