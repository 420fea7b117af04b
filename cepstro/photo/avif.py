"""AVIF: pixels of any depth by imagecodecs, metadata by Pillow (both libavif).

Written at 8 bit: neither library takes metadata and deeper pixels at once.
"""

from __future__ import annotations

import io
import threading
import warnings
from typing import Any

from cepstro.photo import exif
from cepstro.photo.depth import full_range
from cepstro.photo.limits import Limit
from cepstro.photo.model import Photo

QUALITY = 90
BRANDS = (b"avif", b"avis")
_QUIET = threading.Lock()  # filters of warnings are the whole process's: one thread at a time


def decode(data: bytes, *, limit: Limit) -> Photo:
    """Photo of an AVIF's bytes (its first frame), not yet upright."""
    import imagecodecs
    from PIL import AvifImagePlugin

    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of broken EXIF, which exif.py leaves out by itself
        image = AvifImagePlugin.AvifImageFile(io.BytesIO(data))
    limit.check(*image.size, stored=len(data))
    depth = _depth(data)
    return Photo(
        pixels=full_range(imagecodecs.avif_decode(data, index=0), depth),
        format="avif",
        depth=depth,
        exif=_bare(image.info.get("exif")),
        icc=image.info.get("icc_profile"),
        xmp=image.info.get("xmp"),
    )


def encode(photo: Photo, *, quality: int | None = None) -> bytes:
    """AVIF bytes of a Photo with uint8 pixels."""
    from PIL import Image

    options: dict[str, Any] = {}
    if photo.exif:
        # Pillow would build a block with an orientation anew, and fails where a value is odd.
        options["exif"] = exif.without_orientation(photo.exif)
    if photo.icc:
        options["icc_profile"] = photo.icc
    if photo.xmp:
        options["xmp"] = photo.xmp
    buffer = io.BytesIO()
    Image.fromarray(photo.pixels).save(
        buffer,
        "AVIF",
        quality=QUALITY if quality is None else quality,
        subsampling="4:0:0" if photo.pixels.ndim == 2 else "4:4:4",
        **options,
    )
    return buffer.getvalue()


def _bare(block: bytes | None) -> bytes | None:
    return block.removeprefix(b"Exif\0\0") if block else None


def _depth(data: bytes) -> int:
    """Bits per sample as the first AV1 configuration box says."""
    at = data.find(b"av1C", 0, 1 << 16)
    flags = data[at + 6] if 0 <= at < len(data) - 6 else 0
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
