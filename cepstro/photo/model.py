"""Photo: pixels, how they encode light, and what their file said about them.

Rooms that work on pictures take a Photo or a bare array; `unpack` gives them pixels and light
either way, and `repack` hands the result back in the kind that came in.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import UnsuitableImageError
from cepstro.light import Light, check_image


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A picture and what its file said about it.

    Parameters
    ----------
    pixels : array
        H x W (grey) or H x W x C with C of 1 to 4, alpha last for 2 and 4 channels, upright: the
        EXIF orientation is already applied. Unsigned integers span their whole range, floats 0..1.
    light : "srgb", "linear" or ToneCurve
        How the pixels encode light.
    format : str or None
        What the file was: ``"jpeg"``, ``"png"``, ``"tiff"`` ...
    path : Path or None
        Where it was read from.
    depth : int or None
        Bits per sample in the file; the pixels may have more (a 1-bit scan is expanded to 8 bit).
    exif : bytes or None
        EXIF block (from ``II*`` or ``MM*`` on), orientation 1, without its thumbnail.
    icc : bytes or None
        ICC profile that belongs to these pixels.
    xmp : bytes or None
        XMP packet, orientation 1.
    dpi : (float, float) or None
        Horizontal and vertical resolution.
    jpeg_tables : tuple or None
        JPEG quantisation tables, so that a JPEG is written at its own quality.
    jpeg_sampling : str or None
        JPEG chroma subsampling: ``"4:4:4"``, ``"4:2:2"``, ``"4:2:0"`` ...
    lossless : bool or None
        Whether a WebP file kept every pixel; None of other kinds.
    pages : int
        How many pages its TIFF has, of which this is one; 1 of other kinds.
    """

    pixels: NDArray[Any]
    light: Light = "srgb"
    format: str | None = None
    path: Path | None = None
    depth: int | None = None
    exif: bytes | None = field(default=None, repr=False)
    icc: bytes | None = field(default=None, repr=False)
    xmp: bytes | None = field(default=None, repr=False)
    dpi: tuple[float, float] | None = None
    jpeg_tables: tuple[tuple[int, ...], ...] | None = field(default=None, repr=False)
    jpeg_sampling: str | None = None
    lossless: bool | None = None
    pages: int = 1

    def __post_init__(self) -> None:
        check_image(self.pixels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the pixels."""
        return self.pixels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the pixels."""
        return self.pixels.dtype

    def with_pixels(self, pixels: NDArray[Any]) -> Photo:
        """Return the same photo with other pixels."""
        return replace(self, pixels=pixels)


def unpack(image: Photo | NDArray[Any], light: Light | None = None) -> tuple[NDArray[Any], Light]:
    """Pixels of a Photo or array and how they encode light.

    `light` wins where it is given; else a Photo's own, and ``"srgb"`` for arrays.

    Raises
    ------
    TypeError, ValueError
        For what is no picture; see `cepstro.light.check_image`.
    """
    if isinstance(image, Photo):
        return image.pixels, image.light if light is None else light
    check_image(image)
    return image, "srgb" if light is None else light


def repack(image: Photo | NDArray[Any], pixels: NDArray[Any]) -> Any:
    """`pixels` as `image` came: in a Photo with its metadata, or as the bare array."""
    return image.with_pixels(pixels) if isinstance(image, Photo) else pixels


def check_finite(pixels: NDArray[Any]) -> None:
    """Raise unless every value is a finite number; costs nothing for integers.

    Raises
    ------
    UnsuitableImageError
        Where floats hold NaN or infinity.
    """
    if pixels.dtype.kind != "f" or _finite(pixels):
        return
    bad = int(pixels.size - np.count_nonzero(np.isfinite(pixels)))
    raise UnsuitableImageError(
        "the picture holds values that are not finite numbers (NaN or infinity), "
        f"{bad} of {pixels.size}; replace them first"
    )


def _finite(pixels: NDArray[Any]) -> bool:
    # The extremes are NaN or infinite if any value is; needs no temporary array.
    return bool(np.isfinite(pixels.min()) and np.isfinite(pixels.max()))
