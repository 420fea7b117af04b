"""JPEG: pixels by libjpeg-turbo, everything else from and into its marker segments.

The quantisation tables and the chroma subsampling are read too, so that the photo is written again
at its own quality. A stream that breaks off is refused: libjpeg would fill the rest with grey.
Source: ITU-T T.81, JFIF 1.02, ICC.1:2022 annex B.4, Adobe XMP part 3.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cepstro.errors import ReadError
from cepstro.photo import exif
from cepstro.photo.colour import cmyk_to_rgb
from cepstro.photo.depth import full_range
from cepstro.photo.limits import Limit
from cepstro.photo.model import Photo

SIGNATURE = b"\xff\xd8\xff"
QUALITY = 95  # where neither the caller nor the photo names one
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_MAX_WORK = 4_000_000_000  # pixels times scans: each goes over every pixel; photos have ten
_MAX_MARKERS = 100_000  # before the first scan, filling included
_MAX_EXIF = 1 << 20
_SEGMENT = 65533  # bytes that one marker segment can hold
_SAMPLING = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (4, 1): "4:1:1", (1, 2): "4:4:0"}


@dataclass(slots=True)
class _Header:
    width: int = 0
    height: int = 0
    depth: int = 8
    channels: int = 0
    sampling: str | None = None
    dpi: tuple[float, float] | None = None
    adobe: bool = False
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: dict[int, bytes] = field(default_factory=dict)
    tables: dict[int, tuple[int, ...]] = field(default_factory=dict)
    used: tuple[int, ...] = ()
    scan: int = 0


def decode(data: bytes, *, limit: Limit) -> Photo:
    """Photo of a JPEG's bytes, not yet upright."""
    import imagecodecs

    head = _header(data)
    if not head.scan or not head.channels:
        raise ReadError("it breaks off before its picture begins")
    limit.check(head.width, head.height, stored=len(data), sample_bytes=head.channels)
    scans = 1 + data.count(b"\xff\xda", head.scan)
    if scans > min(1000, max(20, _MAX_WORK // (head.width * head.height))):
        raise ReadError(f"it has {scans} scans, as no photo has")
    if data.rfind(b"\xff\xd9", head.scan) < 0:
        raise ReadError("it breaks off before its end; get a whole copy")
    pixels = imagecodecs.jpeg8_decode(data)
    if pixels.dtype != np.uint8:  # 12 bit
        pixels = full_range(pixels, head.depth)
    icc: bytes | None = b"".join(head.icc[i] for i in sorted(head.icc)) or None
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = cmyk_to_rgb(~pixels if head.adobe else pixels, icc)
        icc = None
    return Photo(
        pixels=pixels,
        format="jpeg",
        depth=head.depth,
        exif=head.exif,
        icc=icc,
        xmp=head.xmp,
        dpi=head.dpi,
        jpeg_tables=_tables(head),
        jpeg_sampling=head.sampling if head.channels == 3 else None,
    )


def encode(photo: Photo, *, quality: int | None = None) -> bytes:
    """JPEG bytes of a Photo with uint8 grey or RGB pixels, at its own quality unless told."""
    from PIL import Image

    pixels = photo.pixels
    options: dict[str, Any] = {}
    grey = pixels.ndim == 2
    if quality is None and photo.jpeg_tables:
        options["qtables"] = [list(table) for table in photo.jpeg_tables[: 1 if grey else 4]]
        sampling = photo.jpeg_sampling or "4:4:4"
    else:
        options["quality"] = QUALITY if quality is None else quality
        sampling = photo.jpeg_sampling or ("4:2:0" if options["quality"] < 90 else "4:4:4")
    if not grey:
        options["subsampling"] = sampling if sampling in ("4:4:4", "4:2:2", "4:2:0") else "4:4:4"
    buffer = io.BytesIO()
    dpi = photo.dpi or (0, 0)
    Image.fromarray(pixels).save(
        buffer, "JPEG", dpi=tuple(min(round(v), 65535) for v in dpi), **options
    )
    return _with_segments(buffer.getvalue(), photo)


def _with_segments(bare: bytes, photo: Photo) -> bytes:
    """EXIF, XMP and profile put in behind JFIF's own segment."""
    parts = []
    if photo.exif and len(photo.exif) + len(_EXIF) <= _SEGMENT:
        parts.append(_segment(0xE1, _EXIF + photo.exif))
    if photo.xmp and len(photo.xmp) + len(_XMP) <= _SEGMENT:
        parts.append(_segment(0xE1, _XMP + photo.xmp))
    if photo.icc:
        room = _SEGMENT - len(_ICC) - 2
        count = -(-len(photo.icc) // room)
        if count <= 255:
            for i in range(count):
                piece = photo.icc[i * room : (i + 1) * room]
                parts.append(_segment(0xE2, _ICC + bytes((i + 1, count)) + piece))
    at = 2
    if bare[2:4] == b"\xff\xe0":
        at = 4 + int(struct.unpack_from(">H", bare, 4)[0])
    return b"".join((bare[:at], *parts, bare[at:]))


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _header(data: bytes) -> _Header:
    """Return what stands before the first scan."""
    head = _Header()
    at = 2
    for _ in range(_MAX_MARKERS):
        if at + 4 > len(data):
            break
        if data[at] != 0xFF:  # junk between segments: go on at the next marker, as libjpeg does
            at = data.find(b"\xff", at)
            if at < 0:
                break
            continue
        marker = data[at + 1]
        if marker in (0xFF, 0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        (size,) = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + size]
        if marker == 0xDA:
            head.scan = at + 2 + size
            break
        if marker == 0xD9 or size < 2:
            break
        _take(head, marker, body)
        at += 2 + size
    return head


def _take(head: _Header, marker: int, body: bytes) -> None:
    """Note what one segment says."""
    if marker in _FRAMES and len(body) >= 6 and not head.channels:
        head.depth, head.height, head.width, head.channels = struct.unpack_from(">BHHB", body)
        parts = [body[6 + 3 * i : 9 + 3 * i] for i in range(head.channels)]
        if any(len(part) < 3 for part in parts):
            raise ReadError("its frame header is broken")
        head.used = tuple(part[2] for part in parts)
        if head.channels == 3:
            rates = [(part[1] >> 4, part[1] & 15) for part in parts]
            low = rates[1]
            if low == rates[2] and low[0] and low[1]:
                ratio = (rates[0][0] // low[0], rates[0][1] // low[1])
                head.sampling = _SAMPLING.get(ratio)
    elif marker == 0xDB:
        _take_tables(head, body)
    elif marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) >= 12:
        unit, x, y = struct.unpack_from(">BHH", body, 7)
        scale = {1: 1.0, 2: 2.54}.get(unit)
        head.dpi = exif.sane_dpi(x * scale, y * scale) if scale else None
    elif marker == 0xE1 and body.startswith(_EXIF):  # a large one goes on in the next segment
        head.exif = ((head.exif or b"") + body[len(_EXIF) :])[:_MAX_EXIF]
    elif marker == 0xE1 and body.startswith(_XMP) and head.xmp is None:
        head.xmp = body[len(_XMP) :]
    elif marker == 0xE2 and body.startswith(_ICC) and len(body) > 14:
        head.icc.setdefault(body[12], body[14:])
    elif marker == 0xEE and body.startswith(b"Adobe"):
        head.adobe = True


def _take_tables(head: _Header, body: bytes) -> None:
    at = 0
    while at < len(body):
        wide, number = body[at] >> 4, body[at] & 15
        code, size = (">64H", 128) if wide else (">64B", 64)
        if at + 1 + size > len(body):
            break
        head.tables[number] = struct.unpack_from(code, body, at + 1)
        at += 1 + size


def _tables(head: _Header) -> tuple[tuple[int, ...], ...] | None:
    """Return the tables in use, luma first, in natural order; None unless they are 8 bit."""
    order = dict.fromkeys(head.used)
    found = [head.tables.get(number) for number in order]
    if not found or any(t is None or max(t) > 255 or min(t) < 1 for t in found):
        return None
    return tuple(_natural(table) for table in found if table is not None)


def _natural(zigzag: tuple[int, ...]) -> tuple[int, ...]:
    """Return a table from zigzag to row order."""
    out = [0] * 64
    cells = sorted(
        ((r, c) for r in range(8) for c in range(8)),
        key=lambda rc: (rc[0] + rc[1], rc[0] if (rc[0] + rc[1]) % 2 else rc[1]),
    )
    for value, (row, column) in zip(zigzag, cells, strict=True):
        out[8 * row + column] = value
    return tuple(out)
