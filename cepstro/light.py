"""Light: from the numbers in a picture to values proportional to light, and back.

A lens blurs light, not encoded values, so all physics happens on linear planes (float32, 0 black,
1 the sensor's limit). Encoded values follow the sRGB curve of IEC 61966-2-1 unless the picture says
otherwise: ``light`` is ``"srgb"``, ``"linear"`` or a `ToneCurve` (a photo's own, from its profile).
Unsigned integers span their whole range, bool is 0 and 1, floats are taken as they are; outside
0..1 the curves continue by odd symmetry, so that nothing is lost on the way there and back.
24 MP of RGB in 8 bit: 0.3 s of one core to light and 0.13 s back, both by table (0.8 s by formula).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import by_rows
from cepstro.icc import ToneCurve

Light = Literal["srgb", "linear"] | ToneCurve
Curve = Callable[[NDArray[np.floating]], NDArray[np.floating]]

# Luminance of linear sRGB primaries, IEC 61966-2-1 (the second row of its matrix to XYZ).
LUMINANCE = (0.2126, 0.7152, 0.0722)

_BITS = 14  # of a float that are left to the second look when it is coded
_ONE = int(np.float32(1).view(np.int32))
_CHUNK = 1 << 17  # elements worked on at a time: temporaries stay in cache (1 << 20 is slower)


def srgb_to_linear(encoded: NDArray[np.floating]) -> NDArray[np.floating]:
    """Light of sRGB-encoded floats; same shape and dtype; negative values by odd symmetry.

    References
    ----------
    IEC 61966-2-1:1999, section 5.2.
    """
    high = np.asarray(np.abs(encoded))
    low = high <= 0.04045
    high += 0.055
    high /= 1.055
    high **= 2.4
    np.copysign(high, encoded, out=high)
    linear: NDArray[np.floating] = np.where(low, encoded / 12.92, high)
    return linear


def linear_to_srgb(linear: NDArray[np.floating]) -> NDArray[np.floating]:
    """Encode light by the sRGB curve; the inverse of `srgb_to_linear`, same conventions."""
    high = np.asarray(np.abs(linear))
    low = high <= 0.0031308
    np.maximum(high, 0.003, out=high)  # powers of 0 take several times longer
    high **= 1 / 2.4
    high *= 1.055
    high -= 0.055
    np.copysign(high, linear, out=high)
    encoded: NDArray[np.floating] = np.where(low, 12.92 * linear, high)
    return encoded


def check_image(image: NDArray[Any]) -> None:
    """Raise unless `image` is a picture: H x W or H x W x C (C 1 to 4), of a dtype cepstro knows.

    Raises
    ------
    TypeError
        For dtypes other than bool, unsigned integers up to 32 bit and floats.
    ValueError
        For other shapes and for empty arrays.
    """
    if not isinstance(image, np.ndarray):
        raise TypeError(f"image must be a NumPy array or a Photo, got {type(image).__name__}")
    if image.dtype.kind not in "buf" or image.dtype.itemsize > 8 or image.dtype == np.uint64:
        raise TypeError(f"image must be bool, uint8, uint16, uint32 or float, got {image.dtype}")
    if image.ndim not in (2, 3) or (image.ndim == 3 and not 1 <= image.shape[2] <= 4):
        raise ValueError(f"image must be H x W or H x W x C with C of 1 to 4, got {image.shape}")
    if 0 in image.shape:
        raise ValueError(f"image must not be empty, got shape {image.shape}")


def split_alpha(image: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Colour (or grey) and alpha of a picture: H x W x 2 and H x W x 4 carry alpha last.

    Returns views: colour as H x W or H x W x C, alpha as H x W or None.
    """
    if image.ndim == 3 and image.shape[2] in (2, 4):
        return image[..., :-1], image[..., -1]
    return image, None


def to_linear(
    image: NDArray[Any],
    *,
    light: Light = "srgb",
    out: NDArray[np.float32] | None = None,
    less: float | np.float32 = 0.0,
) -> NDArray[np.float32]:
    """Light of a picture: float32 of the same shape, 0..1 for integers.

    Parameters
    ----------
    image : array
        Encoded values without alpha (see `split_alpha`); any shape.
    light : "srgb", "linear" or ToneCurve
        How the values encode light.
    out : float32 array, optional
        Where to put it, of the same shape; it is returned.
    less : float
        Taken away from the light.
    """
    decode, less = _curves(light)[0], np.float32(less)
    if image.dtype.kind in "bu" and image.dtype.itemsize <= 2:
        table = _table(light, 1 if image.dtype == bool else int(np.iinfo(image.dtype).max)) - less
        # With these indices NumPy takes half the time.
        linear: NDArray[np.float32] = _by_chunks(
            lambda part: table.take(part.astype(np.intp), mode="clip"), image, out=out
        )
        return linear
    scale = 1.0 if image.dtype.kind == "f" else 1 / np.iinfo(image.dtype).max
    return _by_chunks(lambda part: decode(_float(part, scale)) - less, image, out=out)


def from_linear(
    linear: NDArray[np.floating],
    dtype: np.dtype[Any],
    *,
    light: Light = "srgb",
    plus: float | np.float32 = 0.0,
) -> NDArray[Any]:
    """Encode light as a picture of `dtype`: integers rounded and clipped, floats left unclipped.

    `plus` is added to the light before.
    """
    encode, plus = _curves(light)[1], np.float32(plus)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return _by_chunks(lambda part: encode(_float(part + plus, 1.0)), linear, dtype)
    top = 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)
    steps = _steps(light) if dtype == np.uint8 and linear.dtype == np.float32 else None
    if steps is not None:
        return _by_chunks(lambda part: _coded(part + plus, steps), linear, dtype)

    def quantise(part: NDArray[Any]) -> NDArray[Any]:
        values = _float(part + plus, 1.0)
        values = encode(np.clip(values, 0, 1, out=values))
        if top > 0xFFFF:
            values = values.astype(np.float64)
        np.clip(values, 0, 1, out=values)
        values *= top
        codes: NDArray[Any] = np.rint(values, out=values)
        return codes

    return _by_chunks(quantise, linear, dtype)


def steepness(linear: NDArray[np.floating], light: Light) -> NDArray[np.float32]:
    """D light / d encoded of each pixel: how noise, white on encoded values, grows when decoded.

    Parameters
    ----------
    linear : array of floats
        Light; taken as 0 below 0 and as 1 above 1.
    light : "srgb", "linear" or ToneCurve
        How values encode light.

    Returns
    -------
    float32 array of the same shape
    """
    step = np.float32(1 / 512)
    encoded = from_linear(np.clip(linear, 0, 1), np.dtype(np.float32), light=light)
    slope = to_linear(encoded + step, light=light)
    slope -= to_linear(encoded - step, light=light)
    slope /= 2 * step
    return slope


def luminance(linear: NDArray[np.floating]) -> NDArray[np.float32]:
    """Luminance of linear light: H x W float32 from H x W, H x W x 1 or H x W x 3."""
    if linear.ndim == 2:
        return linear.astype(np.float32, copy=False)
    if linear.shape[2] == 1:
        return linear[..., 0].astype(np.float32, copy=False)
    weights = np.array(LUMINANCE, np.float32)
    return np.asarray(linear[..., :3] @ weights, np.float32)


def clipped(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels at the sensor's limit: H x W, True where any colour is at the top of the range.

    The top is the dtype's maximum for integers and 1 for floats, less 1/255 of it, which JPEG
    needs; a picture whose brightest value stays below that has no clipped pixels.
    """
    colour, _ = split_alpha(image)
    if colour.dtype == bool:
        return np.zeros(colour.shape[:2], bool)
    top = 1.0 if colour.dtype.kind == "f" else float(np.iinfo(colour.dtype).max)
    limit = colour.dtype.type(top * (254 / 255))
    if colour.ndim == 2:
        return np.asarray(colour >= limit)
    mask: NDArray[np.bool_] = colour[..., 0] >= limit
    for c in range(1, colour.shape[2]):  # several times faster than any(axis=2)
        mask |= colour[..., c] >= limit
    return mask


def _coded(light: NDArray[np.float32], steps: NDArray[np.int32]) -> NDArray[np.int32]:
    """Codes of light, which is destroyed, by table: a few bits say which, the rest if one more."""
    bits = light.view(np.int32)
    np.clip(bits, 0, _ONE, out=bits)
    code: NDArray[np.int32] = steps.take((bits >> _BITS).astype(np.intp), mode="clip")
    bits &= (1 << _BITS) - 1
    code += bits
    code >>= _BITS
    return code


@lru_cache(maxsize=4)
def _steps(light: Light) -> NDArray[np.int32] | None:
    """For all leading bits of a float32 in 0..1: what becomes a code when the others are added.

    The upper bits are the 8-bit code, the lower ones what the other bits need to reach the next.
    A third of the time of raising to a power, and the same codes. None for curves that pass more
    than one code between two such floats.
    """
    _, encode = _curves(light)

    def quantised(bits: NDArray[np.int32]) -> NDArray[np.int64]:
        values = np.clip(encode(bits.view(np.float32)), 0, 1)
        codes: NDArray[np.int64] = np.rint(values * np.float32(255)).astype(np.int64)
        return codes

    # The least light of each code, by bisection: positive floats are ordered as their bits are.
    wanted = np.arange(1, 256)
    low, high = np.zeros(255, np.int32), np.full(255, _ONE, np.int32)
    while (low < high).any():
        middle = low + (high - low) // 2
        enough = quantised(middle) >= wanted
        low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
    first = np.arange(0, _ONE + 1, 1 << _BITS)
    codes = np.searchsorted(low, first, side="right")
    if (np.diff(codes) > 1).any():
        return None
    following = np.append(low.astype(np.int64), 1 << 40)[codes]  # least light of the next code
    away = np.minimum(following - first, 1 << _BITS)
    return ((codes << _BITS) + (1 << _BITS) - away).astype(np.int32)


@lru_cache(maxsize=8)
def _table(light: Light, top: int) -> NDArray[np.float32]:
    """Light of the codes 0 to `top`."""
    table = _curves(light)[0](np.linspace(0, 1, top + 1)).astype(np.float32)
    table.flags.writeable = False
    return table


def _float(part: NDArray[Any], scale: float) -> NDArray[np.floating]:
    """Floats of at least single precision, scaled."""
    if part.dtype == np.float64 or part.dtype == np.uint32:
        return part * np.float64(scale)
    part = part.astype(np.float32, copy=False)
    return part if scale == 1 else part * np.float32(scale)


def _curves(light: Light) -> tuple[Curve, Curve]:
    """How values become light, and how light becomes values."""
    if light == "srgb":
        return srgb_to_linear, linear_to_srgb
    if light == "linear":
        return np.asarray, np.asarray
    if isinstance(light, ToneCurve):
        return light.decode, light.encode
    raise ValueError(f'light must be "srgb", "linear" or a ToneCurve, got {light!r}')


def _by_chunks(
    function: Callable[[NDArray[Any]], NDArray[Any]],
    source: NDArray[Any],
    dtype: Any = np.float32,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Apply an elementwise function to bands of rows on all cores, into `out` or a new array."""
    made = np.empty(source.shape, dtype) if out is None else out
    rows = max(1, _CHUNK // max(1, source[0].size if source.ndim else 1))

    def work(band: slice) -> None:
        made[band] = function(source[band])

    by_rows(work, source.shape[0], rows)
    return made
