"""GIF (first frame) and BMP, by Pillow: 8 bit, no metadata but the resolution of a BMP."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np

from cepstro.errors import ReadError
from cepstro.photo import exif
from cepstro.photo.limits import Limit
from cepstro.photo.model import Photo

GIF_SIGNATURES = (b"GIF87a", b"GIF89a")
_GIF_BYTES = 32 << 20  # that hold the first frame; Pillow looks at each in turn
BMP_SIGNATURE = b"BM"


def decode_gif(data: bytes, *, limit: Limit) -> Photo:
    """Photo of the first frame of a GIF's bytes."""
    from PIL import GifImagePlugin

    limit.check(*struct.unpack_from("<HH", data, 6), stored=len(data))
    start = _with_room(data[:_GIF_BYTES], limit)
    return _photo(GifImagePlugin.GifImageFile(io.BytesIO(start)), "gif", data, limit)


def decode_bmp(data: bytes, *, limit: Limit) -> Photo:
    """Photo of a BMP's bytes."""
    from PIL import BmpImagePlugin

    return _photo(BmpImagePlugin.BmpImageFile(io.BytesIO(data)), "bmp", data, limit)


def encode_bmp(photo: Photo) -> bytes:
    """BMP bytes of a Photo with uint8 grey or RGB pixels."""
    from PIL import Image

    buffer = io.BytesIO()
    options: dict[str, Any] = {"dpi": photo.dpi} if photo.dpi else {}
    Image.fromarray(photo.pixels).save(buffer, "BMP", **options)
    return buffer.getvalue()


def _with_room(data: bytes, limit: Limit) -> bytes:
    """Return a GIF that says itself how large its first frame makes it, and does not dispose of it.

    Else Pillow enlarges the picture and holds it against a limit of its own.
    """
    out = bytearray(data)
    at = 13 + (6 << (data[10] & 7) if data[10] & 0x80 else 0)  # behind header and palette
    while at + 10 <= len(data) and data[at] != ord(";"):
        if data[at] == ord("!"):
            if data[at + 1] == 0xF9:  # graphic control
                out[at + 3] &= ~0x1C
            at += 2
            while at < len(data) and data[at]:
                at += 1 + data[at]
        elif data[at] == ord(","):
            left, top, width, height = struct.unpack_from("<4H", data, at + 1)
            canvas = struct.unpack_from("<HH", data, 6)
            size = max(canvas[0], left + width), max(canvas[1], top + height)
            limit.check(*size, stored=len(data))
            if max(size) > 0xFFFF:
                raise ReadError("its first frame lies beyond the side that a GIF can have")
            struct.pack_into("<HH", out, 6, *size)
            break
        at += 1
    return bytes(out)


def _photo(image: Any, kind: str, data: bytes, limit: Limit) -> Photo:
    """Photo of an opened Pillow image: palettes expanded, grey kept grey."""
    limit.check(*image.size, stored=len(data))
    depth = 1 if image.mode == "1" else 8
    image.load()
    limit.check(*image.size, stored=len(data))
    if image.mode == "P":
        grey = image.palette is None or _is_grey(image)
        image = image.convert("RGBA" if "transparency" in image.info else "L" if grey else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise ReadError(f"its colour model {image.mode} is not read; convert it to RGB")
    dpi = image.info.get("dpi")
    return Photo(
        pixels=np.array(image),
        format=kind,
        depth=depth,
        dpi=exif.sane_dpi(*dpi) if isinstance(dpi, tuple) and len(dpi) == 2 else None,
    )


def _is_grey(image: Any) -> bool:
    palette = np.frombuffer(image.palette.getdata()[1], np.uint8)
    if image.palette.mode != "RGB" or palette.size % 3:
        return False
    colours = palette.reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())
