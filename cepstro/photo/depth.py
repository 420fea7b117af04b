"""Sample depths: values of few bits spread over a whole dtype, and one dtype turned into another.

Both round to the nearest value, so that a trip to a deeper dtype and back changes nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.photo.model import check_finite


def full_range(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Spread unsigned values of `bits` bits over the whole range of their dtype.

    Up to 8 bits give uint8, more uint16 or uint32; values beyond the bits are clipped.
    """
    room = 8 if bits <= 8 else 16 if bits <= 16 else 32
    dtype = np.dtype(f"u{room // 8}")
    if bits == room:
        return values.astype(dtype, copy=False)
    top, wanted = (1 << bits) - 1, (1 << room) - 1
    scaled: NDArray[Any] = np.rint(np.minimum(values, top) * (wanted / top)).astype(dtype)
    return scaled


def requantised(pixels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return encoded values in another unsigned dtype: rounded, floats clipped to 0..1.

    Raises
    ------
    UnsuitableImageError
        Where floats hold NaN or infinity.
    """
    if pixels.dtype == dtype:
        return pixels
    if pixels.dtype == bool:
        white: NDArray[Any] = np.multiply(pixels, np.iinfo(dtype).max, dtype=dtype)
        return white
    top = float(np.iinfo(dtype).max)
    if pixels.dtype.kind == "f":
        check_finite(pixels)
        values = pixels.astype(np.float32) if pixels.dtype.itemsize < 4 else pixels
        whole: NDArray[Any] = np.rint(np.clip(values, 0, 1) * values.dtype.type(top)).astype(dtype)
        return whole
    scale = top / float(np.iinfo(pixels.dtype).max)
    scaled: NDArray[Any] = np.rint(pixels * np.float64(scale)).astype(dtype)
    return scaled


def as_float(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return encoded values as floats: integers as float32 in 0..1, floats as they are."""
    if pixels.dtype.kind == "f":
        return pixels
    if pixels.dtype == bool:
        return pixels.astype(np.float32)
    return (pixels / np.float64(np.iinfo(pixels.dtype).max)).astype(np.float32)


def unpremultiplied(colour: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Divide encoded colours by the alpha that they were multiplied with; 0 where that is 0.

    Parameters
    ----------
    colour : array
        H x W x C; integers are clipped to their range.
    alpha : array
        H x W of the same dtype.
    """
    whole = colour.dtype.kind == "u"
    top = float(np.iinfo(colour.dtype).max) if whole else 1.0
    cover = np.where(alpha > 0, alpha, 1).astype(np.float64)[..., None]
    divided = np.where(alpha[..., None] > 0, colour * (top / cover), 0)
    if whole:
        divided = np.rint(np.minimum(divided, top))
    result: NDArray[Any] = divided.astype(colour.dtype)
    return result
