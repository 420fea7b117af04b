"""Camera RAW through rawpy (LibRaw), the extra ``raw``: developed to linear light at 16 bit.

Demosaiced with the camera's white balance into sRGB's primaries, without sharpening, denoising,
automatic brightness or tone curve: what blurs light is seen before anything bends it.
"""

from __future__ import annotations

from typing import Any

from cepstro.errors import ReadError, extra
from cepstro.photo import exif, tiff
from cepstro.photo.colour import linear_profile
from cepstro.photo.limits import Limit
from cepstro.photo.model import Photo
from cepstro.photo.stored import Stored

# Makers' own signatures; the rest are TIFF files, told by what is in them.
_SIGNATURES = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")
_MOST_BYTES = 512 << 20  # LibRaw takes the whole file into memory, twice
ENDINGS = (
    ".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".sr2", ".srf", ".raf", ".orf", ".rw2",
    ".raw", ".pef", ".srw", ".3fr", ".fff", ".iiq", ".rwl", ".mef", ".mos", ".x3f", ".erf", ".kdc",
    ".dcr", ".mrw",
)  # fmt: skip


def matches(data: Stored, ending: str) -> bool:
    """Whether a file is a raw one: by its signature, or a TIFF that holds or is named so."""
    head = data[:32]
    if head.startswith(_SIGNATURES) or head[4:12] == b"ftypcrx " or head[6:14] == b"HEAPCCDR":
        return True
    if head[:4] not in (b"II*\0", b"MM\0*"):
        return False
    return tiff.is_raw(data) or ending in ENDINGS


def decode(data: Stored, *, limit: Limit) -> Photo:
    """Photo of a raw file, upright already."""
    rawpy = _library()
    if len(data) > _MOST_BYTES:
        raise ReadError(f"it has {len(data):,} bytes, more than a camera's raw file")
    data.seek(0)
    with rawpy.imread(data) as raw:
        limit.check(raw.sizes.raw_width, raw.sizes.raw_height, stored=len(data), sample_bytes=6)
        pixels = raw.postprocess(
            gamma=(1, 1),
            no_auto_bright=True,
            output_bps=16,
            use_camera_wb=True,
            output_color=rawpy.ColorSpace.sRGB,
        )
    return Photo(
        pixels=pixels,
        light="linear",
        format="raw",
        depth=16,
        exif=_exif(data),
        icc=linear_profile(3),
    )


def _exif(data: Stored) -> bytes | None:
    """EXIF of raw files that are TIFF files, without the orientation, which LibRaw has applied."""
    ifd = exif.first_directory(data)
    if ifd is None:
        return None
    return exif.gathered(data, ifd).block() or None


def _library() -> Any:
    return extra("rawpy", "camera RAW files take an extra", "raw")
