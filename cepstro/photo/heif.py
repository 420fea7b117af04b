"""HEIC through pillow-heif, the extra ``heif``: 8 to 12 bit, with EXIF, XMP and profile."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from cepstro.errors import extra
from cepstro.photo import exif
from cepstro.photo.depth import full_range
from cepstro.photo.limits import Limit
from cepstro.photo.model import Photo

QUALITY = 90
BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def decode(data: bytes, *, limit: Limit) -> Photo:
    """Photo of an HEIC's bytes (its primary picture), upright already."""
    heif = _library().open_heif(io.BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    limit.check(*heif.size, stored=len(data))
    depth = int(heif.info.get("bit_depth", 8))
    block = heif.info.get("exif")
    return Photo(
        pixels=full_range(np.array(heif), depth),
        format="heif",
        depth=depth,
        exif=exif.cleaned(block.removeprefix(b"Exif\0\0")) if block else None,
        icc=heif.info.get("icc_profile"),
        xmp=heif.info.get("xmp") or None,
    )


def encode(photo: Photo, *, quality: int | None = None) -> bytes:
    """HEIC bytes of a Photo with uint8 pixels, or uint16 ones at 10 bit."""
    pixels = np.ascontiguousarray(photo.pixels)
    modes = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
    mode = modes[1 if pixels.ndim == 2 else pixels.shape[2]]
    if pixels.dtype == np.uint16:
        mode = {"L": "I;16", "LA": "LA;16"}.get(mode, mode + ";16")
    options: dict[str, Any] = {"chroma": 444} if mode.startswith("RGB") else {}
    if photo.exif:
        options["exif"] = b"Exif\0\0" + photo.exif
    if photo.xmp:
        options["xmp"] = photo.xmp
    if photo.icc:
        options["icc_profile"] = photo.icc
    buffer = io.BytesIO()
    _library().encode(
        mode,
        (pixels.shape[1], pixels.shape[0]),
        pixels.tobytes(),
        buffer,
        quality=QUALITY if quality is None else quality,
        **options,
    )
    return buffer.getvalue()


def _library() -> Any:
    return extra("pillow_heif", "HEIC photos take an extra", "heif")
