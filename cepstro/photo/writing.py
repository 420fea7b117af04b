"""write(): a Photo or array becomes a file, of the kind that OUT's name ends in.

What the kind can hold is kept. Depth is lowered where it must be (16 bit to JPEG's 8); colours that
a kind cannot describe become sRGB. A transparent picture is never flattened behind anyone's back:
kinds without alpha refuse it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import CepstroError, WriteError
from cepstro.icc import ToneCurve, is_srgb
from cepstro.light import split_alpha
from cepstro.photo import avif, heif, jpeg, jxl, npy, png, pnm, simple, tiff, webp
from cepstro.photo.colour import linear_profile, only_for, to_srgb
from cepstro.photo.depth import as_float, requantised
from cepstro.photo.model import Photo, check_finite
from cepstro.photo.saving import check_output, first_line, safe_name, save

_ANY = ("uint8", "uint16", "uint32", "float16", "float32", "float64")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of file can hold, and the function that makes it."""

    name: str
    endings: tuple[str, ...]
    encode: Callable[..., bytes]
    dtypes: tuple[str, ...] = ("uint8",)
    alpha: bool = True
    grey: bool = True
    icc: bool = True
    quality: bool = False


KINDS = (
    Kind("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), jpeg.encode, alpha=False, quality=True),
    Kind("PNG", (".png",), png.encode, ("uint8", "uint16")),
    Kind("TIFF", (".tif", ".tiff"), tiff.encode, _ANY),
    Kind("WebP", (".webp",), webp.encode, grey=False, quality=True),
    Kind("AVIF", (".avif",), avif.encode, quality=True),
    Kind("HEIC", (".heic", ".heif"), heif.encode, ("uint8", "uint16"), quality=True),
    Kind("JPEG XL", (".jxl",), jxl.encode, ("uint8", "uint16", "float32"), icc=False, quality=True),
    Kind("BMP", (".bmp",), simple.encode_bmp, alpha=False, icc=False),
    Kind("PNM", (".pnm", ".ppm", ".pgm"), pnm.encode, ("uint8", "uint16"), alpha=False, icc=False),
    Kind("PFM", (".pfm",), pnm.encode_floats, ("float32",), alpha=False, icc=False),
    Kind("NumPy", (".npy",), npy.encode, _ANY, icc=False),
)
_BARE = ("PFM", "NumPy")  # numbers rather than pictures: no colours to keep true


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
        1 to 100, for kinds that lose something. Without it a photo from a JPEG gets its own
        tables, other JPEG and WebP files 95, AVIF and HEIC 90, and JPEG XL loses nothing.
    overwrite : bool
        Allow OUT to be the file that the Photo was read from.

    Raises
    ------
    WriteError
        If OUT cannot or must not be written, or its kind cannot hold the picture.
    UnsuitableImageError
        If a kind of whole numbers is to hold NaN or infinity.
    MissingExtraError
        If writing the kind takes a package that is not installed.
    TypeError, ValueError
        For what is no picture, and for a quality out of its range.
    """
    if quality is not None and not 1 <= quality <= 100:
        raise ValueError(f"quality must be 1 to 100, got {quality}")
    photo = image if isinstance(image, Photo) else Photo(image)
    out = check_output(path, photo.path, overwrite=overwrite)
    save(out, encode(photo, out, quality=quality))


def encode(photo: Photo, out: Path, *, quality: int | None = None) -> bytes:
    """Return the bytes of a Photo as the kind of file that `out` ends in."""
    kind = kind_of(out)
    fitted = _fitted(photo, kind, safe_name(out))
    if out.suffix.lower() in (".pgm", ".ppm") and (fitted.pixels.ndim == 2) != (
        out.suffix.lower() == ".pgm"
    ):
        raise WriteError(f"{safe_name(out)}: .pgm is for grey and .ppm for colour; .pnm takes both")
    options = {"quality": quality} if kind.quality else {}
    try:
        return kind.encode(fitted, **options)
    except CepstroError:
        raise
    except MemoryError as error:
        raise WriteError(
            f"{safe_name(out)} cannot be written: it needs more memory than there is"
        ) from error
    except Exception as error:  # whatever the library makes of a picture too large for its format
        height, width = photo.shape[:2]
        raise WriteError(
            f"{safe_name(out)}: {kind.name} does not hold this picture of {width} x {height} px "
            f"({first_line(error)}); name a file ending in .tif or .png"
        ) from error


def kind_of(out: Path) -> Kind:
    """Return the kind of file that a name asks for.

    Raises
    ------
    WriteError
        For endings that are not written.
    """
    ending = out.suffix.lower()
    for kind in KINDS:
        if ending in kind.endings:
            return kind
    known = ", ".join(ending for kind in KINDS for ending in kind.endings)
    raise WriteError(f"{safe_name(out)} has no ending that can be written; use one of {known}")


def _fitted(photo: Photo, kind: Kind, name: str) -> Photo:
    """Return the photo with pixels, light and profile that the kind can hold."""
    colour, alpha = split_alpha(photo.pixels)
    if alpha is not None and not kind.alpha:
        if not _opaque(alpha):
            raise WriteError(
                f"{name}: {kind.name} cannot hold transparency; "
                "name a file ending in .png, .tif or .webp"
            )
        alpha = None
    if colour.ndim == 3 and colour.shape[2] == 1:
        colour = colour[..., 0]
    dtype = _nearest(colour.dtype, kind)
    icc = only_for(photo.icc, 1 if colour.ndim == 2 else 3)
    light = photo.light
    if kind.name not in _BARE:
        if light == "linear" and icc is None and kind.icc and dtype != np.uint8:
            icc = linear_profile(1 if colour.ndim == 2 else 3)
        elif _needs_srgb(replace(photo, icc=icc), kind, dtype):
            check_finite(colour)
            colour, light, icc = to_srgb(colour, light, icc, dtype), "srgb", None
    colour = _converted(colour, dtype)
    if colour.ndim == 2 and not kind.grey:
        colour = np.repeat(colour[..., None], 3, axis=2)
        icc = None
    if alpha is not None:
        colour = np.dstack([colour, _converted(alpha, dtype)])
    return replace(photo, pixels=colour, icc=icc if kind.icc else None, light=light)


def _needs_srgb(photo: Photo, kind: Kind, dtype: np.dtype[Any]) -> bool:
    """Whether the file could not say, or not hold well, how its pixels encode light and colour."""
    if photo.light == "linear" and dtype == np.uint8:  # 8 bit are too few for linear shadows
        return True
    if photo.icc is not None:
        return not (kind.icc or is_srgb(photo.icc))
    gamma = isinstance(photo.light, ToneCurve) and png.exponent(photo.light) is not None
    return photo.light != "srgb" and not (kind.name == "PNG" and gamma)


def _opaque(alpha: NDArray[Any]) -> bool:
    top = 1 if alpha.dtype.kind in "bf" else np.iinfo(alpha.dtype).max
    return bool((alpha >= top).all())


def _nearest(dtype: np.dtype[Any], kind: Kind) -> np.dtype[Any]:
    """Return the dtype of the kind that loses least."""
    if dtype.name in kind.dtypes:
        return dtype.newbyteorder("=")
    if dtype.kind == "b":
        return np.dtype(kind.dtypes[0])
    floats = [name for name in kind.dtypes if name.startswith("float")]
    whole = [name for name in kind.dtypes if name.startswith("uint")]
    return np.dtype(floats[-1] if floats and (dtype.kind == "f" or not whole) else whole[-1])


def _converted(pixels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f":
        return as_float(pixels).astype(dtype, copy=False)
    return requantised(pixels, dtype)
