"""WebP: pixels by libwebp, everything else from and into its RIFF chunks.

Source: RFC 9649.
"""

from __future__ import annotations

import struct

import numpy as np

from cepstro.errors import ReadError
from cepstro.fft import threads
from cepstro.photo.limits import Limit
from cepstro.photo.model import Photo

QUALITY = 95
_MAX_CHUNKS = 10_000  # looked at; the notes stand before or behind a handful of frames
_ALPHA, _EXIF, _XMP, _ICC = 0x10, 0x08, 0x04, 0x20


def matches(data: bytes) -> bool:
    """Whether the file begins as a WebP does."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def decode(data: bytes, *, limit: Limit) -> Photo:
    """Photo of a WebP's bytes (its first frame), not yet upright."""
    import imagecodecs

    chunks = _chunks(data)
    width, height = _size(chunks)
    limit.check(width, height, stored=len(data))
    pixels = imagecodecs.webp_decode(data, index=0)
    block = chunks.get(b"EXIF")
    return Photo(
        pixels=pixels,
        format="webp",
        depth=8,
        exif=block.removeprefix(b"Exif\0\0") if block else None,
        icc=chunks.get(b"ICCP"),
        xmp=chunks.get(b"XMP "),
        lossless=b"VP8L" in chunks,
    )


def encode(photo: Photo, *, quality: int | None = None) -> bytes:
    """WebP bytes of a Photo with uint8 RGB or RGBA pixels; lossless if the photo's own WebP was."""
    import imagecodecs

    pixels = np.ascontiguousarray(photo.pixels)
    lossless = quality is None and photo.lossless is True
    bare = imagecodecs.webp_encode(
        pixels,
        level=QUALITY if quality is None else quality,
        lossless=lossless,
        numthreads=threads(),
    )
    notes = {b"ICCP": photo.icc, b"EXIF": photo.exif, b"XMP ": photo.xmp}
    if not any(notes.values()):
        return bytes(bare)
    picture = [part for part in _all_chunks(bare) if part[0] in (b"ALPH", b"VP8 ", b"VP8L")]
    height, width = pixels.shape[:2]
    flags = _ALPHA if pixels.shape[2] == 4 else 0
    for name, flag in ((b"ICCP", _ICC), (b"EXIF", _EXIF), (b"XMP ", _XMP)):
        flags |= flag if notes[name] else 0
    head = struct.pack("<I", flags)
    head += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = _chunk(b"VP8X", head)
    if notes[b"ICCP"]:
        body += _chunk(b"ICCP", notes[b"ICCP"])
    body += b"".join(_chunk(name, part) for name, part in picture)
    for name in (b"EXIF", b"XMP "):
        if part := notes[name]:
            body += _chunk(name, part)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _all_chunks(data: bytes | bytearray) -> list[tuple[bytes, bytes]]:
    out: list[tuple[bytes, bytes]] = []
    at = 12
    while at + 8 <= len(data) and len(out) < _MAX_CHUNKS:
        name, size = struct.unpack_from("<4sI", data, at)
        out.append((name, bytes(data[at + 8 : at + 8 + size])))
        at += 8 + size + size % 2
    return out


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """Return the first chunk of each name; those inside an animation's first frame too."""
    out: dict[bytes, bytes] = {}
    for name, body in _all_chunks(data):
        out.setdefault(name, body)
    return out


def _size(chunks: dict[bytes, bytes]) -> tuple[int, int]:
    """Width and height as the file's header says."""
    head = chunks.get(b"VP8X", b"")
    if len(head) >= 10:
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    head = chunks.get(b"VP8L", b"")
    if len(head) >= 5 and head[0] == 0x2F:
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    head = chunks.get(b"VP8 ", b"")
    if len(head) >= 10 and head[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 6)
        return width & 0x3FFF, height & 0x3FFF
    raise ReadError("its header is broken")
