"""EXIF blocks and XMP packets: orientation read and reset, thumbnail dropped, resolution read.

An EXIF block is a small TIFF file: a header, then directories (IFD) of tagged values that point at
each other by offset. Edits are made in place, because camera makers' own notes (tag 0x927C) hold
offsets that a rebuilt block would break. Whatever is broken is left out, never an error: a photo
is worth more than its captions.
Source: CIPA DC-008 (Exif 2.32), TIFF 6.0 section 2, ISO 16684-1 (XMP).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

import numpy as np

from cepstro.photo.stored import Stored

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
PIXELS_ACROSS, PIXELS_DOWN = 0xA002, 0xA003
THUMBNAIL, THUMBNAIL_SIZE = 0x0201, 0x0202
# Said of the photo rather than of its pixels: ImageDescription, Make, Model, Software, DateTime,
# Artist, Copyright; what passes between a TIFF's own directory and an EXIF block.
CAPTIONS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_MAX_ENTRIES = 1000
_MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One tagged value: TIFF type, count, its bytes, and where these stand in the block."""

    kind: int
    count: int
    data: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Directory:
    """One IFD: entries by tag, byte order, and where its pointer to the next IFD stands."""

    entries: dict[int, Entry]
    order: str
    next_at: int
    next: int

    def number(self, tag: int) -> float | None:
        """First number of an entry, rationals divided; None where absent or broken."""
        entry = self.entries.get(tag)
        if entry is None or entry.count < 1:
            return None
        try:
            if entry.kind in (5, 10):
                top, bottom = struct.unpack_from(
                    self.order + ("II" if entry.kind == 5 else "ii"), entry.data
                )
                return top / bottom if bottom else None
            code = {1: "B", 3: "H", 4: "I", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}[entry.kind]
            return float(struct.unpack_from(self.order + code, entry.data)[0])
        except (KeyError, struct.error):
            return None

    def place(self, tag: int) -> int | None:
        """Offset or length that an entry names; None where absent or no such thing."""
        value = self.number(tag)
        return int(value) if value is not None and value > 0 and value.is_integer() else None


def first_directory(block: bytes | Stored) -> Directory | None:
    """Return the block's first IFD, or None where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return None
    magic, start = struct.unpack(order + "HI", block[2:8])
    return directory(block, start, order) if magic == 42 else None


def directory(block: bytes | Stored, start: int, order: str) -> Directory | None:
    """Return the IFD at an offset; entries that point outside the block are left out."""
    if start < 8 or start + 6 > len(block):
        return None
    (count,) = struct.unpack(order + "H", block[start : start + 2])
    end = start + 2 + 12 * count
    if count > _MAX_ENTRIES or end > len(block):
        return None
    entries: dict[int, Entry] = {}
    for at in range(start + 2, end, 12):
        tag, kind, number, place = struct.unpack(order + "HHII", block[at : at + 12])
        size = _SIZES.get(kind, 0) * number
        if size <= 4:
            place = at + 8
        if 0 < size <= _MAX_BYTES and place + size <= len(block):
            entries.setdefault(tag, Entry(kind, number, block[place : place + size], place))
    following = struct.unpack(order + "I", block[end : end + 4])[0] if end + 4 <= len(block) else 0
    return Directory(entries, order, end, following)


def orientation(block: bytes | None) -> int | None:
    """EXIF orientation 1 to 8; None where nothing valid is said."""
    ifd = first_directory(block) if block else None
    # What `cleaned` cannot set to 1 is not believed: it would turn the picture twice.
    value = ifd.number(ORIENTATION) if ifd and _code(ifd, ORIENTATION) else None
    return int(value) if value is not None and value in range(1, 9) else None


def resolution(block: bytes | None) -> tuple[float, float] | None:
    """Resolution in dots per inch from the first IFD, or None."""
    ifd = first_directory(block) if block else None
    if ifd is None:
        return None
    scale = {2.0: 1.0, 3.0: 2.54}.get(ifd.number(RESOLUTION_UNIT) or 2.0)
    x, y = ifd.number(X_RESOLUTION), ifd.number(Y_RESOLUTION)
    return sane_dpi(x * scale, y * scale) if scale and x and y else None


def sane_dpi(x: float, y: float) -> tuple[float, float] | None:
    """Return the pair, if it can be a resolution."""
    # PNG counts whole px per metre: 300 dpi come back as 299.9994 unless rounded.
    return (round(x, 2), round(y, 2)) if 1 <= x <= 1e5 and 1 <= y <= 1e5 else None


def cleaned(block: bytes | None, size: tuple[int, int] | None = None) -> bytes | None:
    """Return the block with orientation 1 and no thumbnail; None for what is no EXIF block.

    Where `size` (width, height) is given and the block tells a size, it tells that one.
    """
    ifd = first_directory(block) if block else None
    if block is None or ifd is None or not ifd.entries:
        return None
    out = bytearray(block)
    _put(out, ifd, ORIENTATION, 1)
    start = ifd.place(EXIF_IFD)
    inner = directory(block, start, ifd.order) if start else None
    if size and inner:
        _put(out, inner, PIXELS_ACROSS, size[0])
        _put(out, inner, PIXELS_DOWN, size[1])
    small = directory(block, ifd.next, ifd.order) if ifd.next else None
    if ifd.next and ifd.next_at + 4 <= len(out):
        struct.pack_into(ifd.order + "I", out, ifd.next_at, 0)
    if small:
        first, length = small.place(THUMBNAIL), small.place(THUMBNAIL_SIZE)
        if first and length and not _overlaps(block, ifd, first, last := first + length):
            out[first:last] = bytes(last - first)
            if last >= len(out) - 2:
                del out[first:]
    return bytes(out)


def without_orientation(block: bytes) -> bytes:
    """Return the block without its orientation entry; only the entries behind it move."""
    ifd = first_directory(block)
    if ifd is None or ORIENTATION not in ifd.entries:
        return block
    start = struct.unpack(ifd.order + "I", block[4:8])[0]
    (count,) = struct.unpack(ifd.order + "H", block[start : start + 2])
    rows = [block[at : at + 12] for at in range(start + 2, start + 2 + 12 * count, 12)]
    kept = [row for row in rows if struct.unpack(ifd.order + "H", row[:2])[0] != ORIENTATION]
    table = struct.pack(ifd.order + "H", len(kept)) + b"".join(kept)
    table += block[ifd.next_at : ifd.next_at + 4]
    return block[:start] + table.ljust(2 + 12 * count + 4, b"\0") + block[ifd.next_at + 4 :]


def _put(block: bytearray, ifd: Directory, tag: int, value: int) -> None:
    """Overwrite a whole number where the directory has one."""
    code = _code(ifd, tag)
    if code and value < 1 << 8 * struct.calcsize(code):
        struct.pack_into(ifd.order + code, block, ifd.entries[tag].at, value)


def _code(ifd: Directory, tag: int) -> str | None:
    """Return how `struct` names the kind of an entry that is one whole number, or None."""
    entry = ifd.entries.get(tag)
    return {3: "H", 4: "I", 1: "B"}.get(entry.kind) if entry and entry.count == 1 else None


def _overlaps(block: bytes, first: Directory, start: int, end: int) -> bool:
    """Whether a part of the block leaves it or holds what the first IFD, EXIF or GPS says."""
    if end > len(block):
        return True
    used = [(0, 8)]
    at: int | None = struct.unpack(first.order + "I", block[4:8])[0]
    for where in (at, first.place(EXIF_IFD), first.place(GPS_IFD)):
        part = directory(block, where, first.order) if where else None
        if part and where:
            used.append((where, part.next_at + 4))
            used += [(entry.at, entry.at + len(entry.data)) for entry in part.entries.values()]
    return any(low < end and start < high for low, high in used)


def upright(pixels: np.ndarray, value: int) -> np.ndarray:
    """Pixels turned and mirrored as EXIF orientation `value` asks; contiguous."""
    if value >= 5:
        pixels = pixels.swapaxes(0, 1)
    if value in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if value in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


_XMP_ORIENTATION = re.compile(
    rb"""(tiff:Orientation\s*=\s*["']|<tiff:Orientation>\s*)([1-8])(?=\s*["'<])"""
)


def xmp_orientation(packet: bytes | None) -> int:
    """Orientation 1 to 8 that an XMP packet tells; 1 where it tells none."""
    found = _XMP_ORIENTATION.search(packet) if packet else None
    return int(found.group(2)) if found else 1


def xmp_upright(packet: bytes | None) -> bytes | None:
    """Return the XMP packet with every ``tiff:Orientation`` set to 1."""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", packet) if packet else None


@dataclass(slots=True)
class Builder:
    """Directories to be laid out as one block: the first IFD, EXIF and GPS, in one byte order."""

    order: str
    first: dict[int, Entry] = field(default_factory=dict)
    exif: dict[int, Entry] = field(default_factory=dict)
    gps: dict[int, Entry] = field(default_factory=dict)

    def block(self) -> bytes:
        """Return the EXIF block, or nothing where there is nothing to say."""
        if not (self.first or self.exif or self.gps):
            return b""
        head = (b"II*\0" if self.order == "<" else b"MM\0*") + struct.pack(self.order + "I", 8)
        first = dict(self.first)
        for tag, part in ((EXIF_IFD, self.exif), (GPS_IFD, self.gps)):
            if part:
                first[tag] = Entry(4, 1, bytes(4), 0)
        at = len(head) + len(laid_out(first, 0, self.order))
        tail = b""
        for tag, part in ((EXIF_IFD, self.exif), (GPS_IFD, self.gps)):
            if part:
                first[tag] = Entry(4, 1, struct.pack(self.order + "I", at + len(tail)), 0)
                tail += laid_out(part, at + len(tail), self.order)
        return head + laid_out(first, len(head), self.order) + tail


def laid_out(entries: dict[int, Entry], start: int, order: str) -> bytes:
    """Return an IFD of these entries for the offset `start`, values behind it, no next IFD."""
    rows, values = b"", b""
    at = start + 2 + 12 * len(entries) + 4
    for tag in sorted(entries):
        entry = entries[tag]
        rows += struct.pack(order + "HHI", tag, entry.kind, entry.count)
        if len(entry.data) <= 4:
            rows += entry.data.ljust(4, b"\0")
        else:
            rows += struct.pack(order + "I", at + len(values))
            values += entry.data + bytes(len(entry.data) % 2)
    return struct.pack(order + "H", len(entries)) + rows + bytes(4) + values


def gathered(block: bytes | Stored, ifd: Directory, tags: tuple[int, ...] = CAPTIONS) -> Builder:
    """Take these tags of an IFD, and the EXIF and GPS directories that it points at."""
    parts = Builder(ifd.order, {t: e for t, e in ifd.entries.items() if t in tags})
    for tag, target in ((EXIF_IFD, parts.exif), (GPS_IFD, parts.gps)):
        start = ifd.place(tag)
        inner = directory(block, start, ifd.order) if start else None
        if inner:
            target.update({t: e for t, e in inner.entries.items() if t != INTEROP_IFD})
    return parts
