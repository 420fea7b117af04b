"""Photos blurred on purpose, with the truth at hand: what tests and benchmarks measure on.

A photo is decoded to linear light, blurred by the PSF's own transfer function, cut to the part that
no border reached (so nothing wraps round), given noise on its encoded values, rounded to 8 bit and,
if asked, compressed.
"""

from __future__ import annotations

import io
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from cepstro.fft import good_size, irfft2, rfft2
from cepstro.light import from_linear, linear_to_srgb, to_linear

DATA = Path(os.environ.get("CEPSTRO_DATA", Path(__file__).parents[2] / "shared" / "data"))
HALVED = (
    "popos_nasa-45068",
    "popos_kait-herzog-8242",
    "leptonica_juditharismax",
)  # see data README
Image.MAX_IMAGE_PIXELS = None


def sharp_names() -> list[str]:
    """Names of the sharp photos at hand, sorted; empty without the data folder."""
    return sorted(path.name for path in (DATA / "sharp").glob("*.*"))


@lru_cache(maxsize=2)
def sharp(name: str) -> np.ndarray:
    """A sharp photo as linear light, float32, H x W x 3 or H x W."""
    image = Image.open(DATA / "sharp" / name)
    image = image.convert("L" if image.mode in ("L", "1") else "RGB")
    if Path(name).stem in HALVED:
        image = image.reduce(2)
    return to_linear(np.asarray(image))


def scene(name: str, height: int = 512, width: int = 768, *, seed: int = 0) -> np.ndarray:
    """A crop of a sharp photo in linear light; smaller where the photo is."""
    full = sharp(name)
    height, width = min(height, full.shape[0]), min(width, full.shape[1])
    rng = np.random.default_rng([seed, sum(name.encode())])
    top = rng.integers(0, full.shape[0] - height + 1)
    left = rng.integers(0, full.shape[1] - width + 1)
    return full[top : top + height, left : left + width]


def blur_valid(linear: np.ndarray, psf) -> np.ndarray:
    """The part of the blurred scene that depends on nothing outside it, and where it was cut.

    The result is smaller by the PSF's reach on each side; `valid_slices` says where it lies.
    """
    planes = linear[..., None] if linear.ndim == 2 else linear
    height, width = planes.shape[:2]
    shape = (good_size(height), good_size(width))
    otf = psf.otf(shape)
    pad = ((0, shape[0] - height), (0, shape[1] - width))
    out = [
        irfft2(rfft2(np.pad(planes[..., c], pad, mode="symmetric")) * otf, shape)
        for c in range(planes.shape[2])
    ]
    blurred = np.stack(out, axis=-1)[valid_slices(linear.shape, psf)]
    return blurred[..., 0] if linear.ndim == 2 else blurred


def valid_slices(shape: tuple[int, ...], psf) -> tuple[slice, slice]:
    """Where `blur_valid` cut its result out of a scene of `shape`."""
    reach = psf.halfwidth + 2
    return slice(reach, shape[0] - reach), slice(reach, shape[1] - reach)


def record(
    linear: np.ndarray,
    *,
    noise: float = 0.0,
    bsnr: float | None = None,
    gain: float = 1.0,
    quality: int | None = None,
    seed: int = 0,
) -> np.ndarray:
    """What a camera would store of this light: uint8.

    `noise` is sigma on encoded values in units of 1/255; `bsnr` (dB) sets it from the variance of
    the encoded picture instead; `gain` brightens first, so that highlights clip; `quality` is
    JPEG's.
    """
    encoded = linear_to_srgb(np.clip(linear * gain, 0, 1)) * 255
    if bsnr is not None:
        noise = float(np.std(encoded) / 10 ** (bsnr / 20))
    rng = np.random.default_rng(seed)
    noisy = encoded + noise * rng.standard_normal(encoded.shape)
    pixels = np.rint(np.clip(noisy, 0, 255)).astype(np.uint8)
    return pixels if quality is None else jpeg(pixels, quality)


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """The picture after a round through JPEG, 4:2:0 for colour."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def to_uint8(linear: np.ndarray) -> np.ndarray:
    """Linear light as an 8-bit sRGB picture."""
    return from_linear(linear, np.dtype(np.uint8))


def sharpened(pixels: np.ndarray, *, radius: float, percent: int) -> np.ndarray:
    """The picture after the unsharp mask that cameras apply."""
    image = Image.fromarray(pixels)
    return np.asarray(image.filter(ImageFilter.UnsharpMask(radius, percent, threshold=2)))
