"""write(): a Photo or array becomes a file, of the kind that OUT's name ends in.

What the kind can hold is kept; depth is lowered where it must be (16 bit to JPEG's 8), but a
transparent picture is never flattened behind anyone's back: kinds without alpha refuse it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import WriteError
from cepstro.light import split_alpha
from cepstro.photo import jpeg, png, tiff, webp
from cepstro.photo.colour import only_for
from cepstro.photo.model import Photo, check_finite
from cepstro.photo.saving import check_output, safe_name, save

KINDS = {
    ".jpg": "jpeg", ".jpeg": "jpeg", ".jpe": "jpeg", ".jfif": "jpeg", ".png": "png",
    ".tif": "tiff", ".tiff": "tiff", ".webp": "webp",
}  # fmt: skip
_NO_ALPHA = ("jpeg",)


def write(
    path: str | os.PathLike[str],
    image: Photo | NDArray[Any],
    *,
    quality: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write a photo, whole or not at all; the name's ending decides the kind.

    Parameters
    ----------
    path : path
        OUT. An existing file is replaced, its permissions kept.
    image : Photo or array
        A Photo's metadata are written too.
    quality : int, optional
        1 to 100 for JPEG, WebP ...; without it a photo from a JPEG gets its own tables, and others
        95.
    overwrite : bool
        Allow OUT to be the file that the Photo was read from.

    Raises
    ------
    WriteError
        If OUT cannot or must not be written, or its kind cannot hold the picture.
    UnsuitableImageError
        If a kind of whole numbers is to hold NaN or infinity.
    """
    if quality is not None and not 1 <= quality <= 100:
        raise ValueError(f"quality must be 1 to 100, got {quality}")
    photo = image if isinstance(image, Photo) else Photo(image)
    out = check_output(path, photo.path, overwrite=overwrite)
    save(out, encode(photo, out, quality=quality))


def encode(photo: Photo, out: Path, *, quality: int | None = None) -> bytes:
    """Return the bytes of a Photo as the kind of file that `out` ends in."""
    kind = kind_of(out)
    photo = _fitted(photo, kind, out)
    lossy: dict[str, Callable[..., bytes]] = {"jpeg": jpeg.encode, "webp": webp.encode}
    if kind in lossy:
        return lossy[kind](photo, quality=quality)
    plain: dict[str, Callable[[Photo], bytes]] = {"png": png.encode, "tiff": tiff.encode}
    return plain[kind](photo)


def kind_of(out: Path) -> str:
    """Return the kind of file that a name asks for.

    Raises
    ------
    WriteError
        For endings that are not written.
    """
    kind = KINDS.get(out.suffix.lower())
    if kind is None:
        raise WriteError(
            f"{safe_name(out)} has no ending that can be written; use one of {', '.join(KINDS)}"
        )
    return kind


def _fitted(photo: Photo, kind: str, out: Path) -> Photo:
    """Return the photo with pixels and profile that the kind can hold."""
    pixels = photo.pixels
    colour, alpha = split_alpha(pixels)
    if kind in _NO_ALPHA and alpha is not None:
        if not _opaque(alpha):
            raise WriteError(
                f"{safe_name(out)} cannot hold transparency; "
                "name a file ending in .png, .tif or .webp"
            )
        pixels = colour
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if kind == "webp" and (pixels.ndim == 2 or pixels.shape[2] == 2):
        grey, alpha = split_alpha(pixels)
        grey = grey[..., 0] if grey.ndim == 3 else grey
        pixels = np.stack([grey] * 3 + ([alpha] if alpha is not None else []), axis=-1)
    channels = 1 if pixels.ndim == 2 or pixels.shape[2] <= 2 else 3
    return replace(
        photo,
        pixels=_as_dtype(pixels, kind),
        icc=only_for(photo.icc, channels),
    )


def _opaque(alpha: NDArray[Any]) -> bool:
    top = 1 if alpha.dtype.kind in "bf" else np.iinfo(alpha.dtype).max
    return bool((alpha >= top).all())


def _as_dtype(pixels: NDArray[Any], kind: str) -> NDArray[Any]:
    """Values at the depth nearest to their own that the kind knows."""
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if kind == "tiff":
        return pixels
    deep = kind == "png" and pixels.dtype != np.uint8
    wanted = np.dtype(np.uint16 if deep else np.uint8)
    return requantised(pixels, wanted)


def requantised(pixels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return encoded values in another unsigned integer dtype: rounded, floats clipped to 0..1."""
    if pixels.dtype == dtype:
        return pixels
    top = float(np.iinfo(dtype).max)
    if pixels.dtype.kind == "f":
        check_finite(pixels)
        values = pixels.astype(np.float32) if pixels.dtype.itemsize < 4 else pixels
        whole: NDArray[Any] = np.rint(np.clip(values, 0, 1) * values.dtype.type(top)).astype(dtype)
        return whole
    scale = top / float(np.iinfo(pixels.dtype).max)
    scaled: NDArray[Any] = np.rint(pixels * np.float64(scale)).astype(dtype)
    return scaled
