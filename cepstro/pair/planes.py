"""The photos of a pair as planes of light, and what each pixel of them is worth.

Noise of one size on encoded values is larger in the light of bright parts, so pixels are weighted
by the slope of the encoding; clipped light and all that it was smeared over are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import UnsuitableImageError
from cepstro.fft import irfft2
from cepstro.light import Light, clipped, from_linear, luminance, split_alpha, steepness, to_linear
from cepstro.noise import corner
from cepstro.pair.align import overlap
from cepstro.pair.frame import framed, inside
from cepstro.photo import Photo, check_finite, unpack
from cepstro.psf import Kernel

_MOST = 1 << 22  # pixels that take part: the middle of larger photos
_QUIET_BLOCK, _MOST_QUIET = 32, 1024  # px, and blocks that the noise is read from
_SMALLEST = 48  # px: photos below this cannot tell a kernel from their own borders
_NOISY = 0.05  # square of the slope of light over encoding below which dark parts gain no weight


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One plane of light, its clipped pixels, and the slope of light over encoded values."""

    light: NDArray[np.float32]
    clipped: NDArray[np.bool_]
    encoded: NDArray[np.float32]
    slope: NDArray[np.float32]

    def cut(self, part: tuple[slice, slice]) -> Plane:
        """Cut out a part."""
        return Plane(self.light[part], self.clipped[part], self.encoded[part], self.slope[part])


class Picture:
    """A photo checked and unpacked, its planes on demand."""

    def __init__(self, image: Photo | NDArray[Any], light: Light | None, name: str) -> None:
        pixels, self.encoding = unpack(image, light)
        check_finite(pixels)
        colour, _ = split_alpha(pixels)
        if min(colour.shape[:2]) < _SMALLEST:
            raise UnsuitableImageError(
                f"the {name} photo must be at least {_SMALLEST} px a side, got "
                f"{colour.shape[1]} x {colour.shape[0]}"
            )
        self.colour = colour[..., None] if colour.ndim == 2 else colour
        self.name = name
        self.channels = self.colour.shape[2]

    def luminance(self) -> Plane:
        """Luminance of all colours; clipped where one is."""
        linear = luminance(to_linear(self.colour, light=self.encoding))
        return self._plane(linear, clipped(self.colour))

    def channel(self, c: int) -> Plane:
        """One colour."""
        linear = to_linear(self.colour[..., c], light=self.encoding)
        return self._plane(linear, clipped(self.colour[..., c]))

    def _plane(self, linear: NDArray[np.float32], mask: NDArray[np.bool_]) -> Plane:
        if float(np.ptp(linear)) < 1e-6:
            raise UnsuitableImageError(f"the {self.name} photo is flat: it shows no detail")
        encoded = from_linear(linear, np.dtype(np.float32), light=self.encoding)
        return Plane(linear, mask, encoded, steepness(linear, self.encoding))


def cut(
    sharp: Plane, blurred: Plane, shift: tuple[int, int], most: int = _MOST
) -> tuple[Plane, Plane]:
    """Cut out of both what shows the same, at most so many pixels from the middle."""
    most = min(most, _MOST)
    first, second = overlap(sharp.light, blurred.light, shift)
    here, there = sharp.cut(first), blurred.cut(second)
    height, width = here.light.shape
    if min(height, width) < _SMALLEST:
        raise UnsuitableImageError(
            f"the photos overlap by {width} x {height} px only; at least {_SMALLEST} are needed"
        )
    if height * width > most:
        thin = (most / (height * width)) ** 0.5
        rows, columns = int(height * thin), int(width * thin)
        top, left = (height - rows) // 2, (width - columns) // 2
        part = (slice(top, top + rows), slice(left, left + columns))
        here, there = here.cut(part), there.cut(part)
    return here, there


def weights(sharp: Plane, blurred: Plane, size: int) -> tuple[NDArray[np.float32], bool]:
    """Weight of each pixel: noise of one size on encoded values, clipped light left out.

    Also says whether clipped pixels of the sharp photo could be left out.
    """
    from scipy.ndimage import maximum_filter, uniform_filter

    weight = 1 / (blurred.slope**2 + np.float32(_NOISY))
    weight = uniform_filter(weight, size)  # smooth over a kernel: keeps the problem a convolution
    bad = maximum_filter(blurred.clipped, 5)
    spread = maximum_filter(sharp.clipped, size + 4) if sharp.clipped.any() else sharp.clipped
    spared = bool((bad | spread).mean() < 0.7)
    weight[bad | spread if spared else bad] = 0
    if np.count_nonzero(weight) < 1000:
        raise UnsuitableImageError("the blurred photo is clipped nearly everywhere")
    return weight.astype(np.float32), spared


def noise_of(sharp: Plane, blurred: Plane, weight: NDArray[np.float32]) -> float:
    """Variance of the sharp photo's noise in light, weighted as the pixels are.

    Where the sharp photo is all texture, no block of it is quiet: then the blurred one, which blur
    left without fine detail, tells what the camera's noise can be at most.
    """
    quiet = min(_quiet(sharp.encoded), _quiet(blurred.encoded))
    total = float(weight.sum(dtype=np.float64))
    return quiet * float(np.sum(weight * sharp.slope**2, dtype=np.float64)) / max(total, 1e-30)


def _quiet(encoded: NDArray[np.float32]) -> float:
    """Variance of noise, from the corners of the spectra of the quietest tenth of blocks."""
    real, imaginary = corner(encoded, _QUIET_BLOCK, _MOST_QUIET)
    return float(np.quantile((real**2 + imaginary**2).mean(axis=1), 0.1))


def levels(
    sharp: NDArray[np.float32],
    blurred: NDArray[np.float32],
    weight: NDArray[np.float32],
    kernel: NDArray[np.float64],
    shift: tuple[float, float],
) -> tuple[float, float, float, float]:
    """Gain and offset between the blurred plane and the sharp one blurred, and what is left.

    The last is the part of the blurred photo's detail (coarser than a pixel, finer than the kernel)
    that the kernel explains, 0..1.
    """
    from scipy.ndimage import gaussian_filter, uniform_filter

    half = kernel.shape[0] // 2
    spectrum, shape = framed(sharp, shift, margin=half + 2)
    spectrum *= Kernel(kernel).otf(shape)
    part = inside(sharp.shape, half)
    again = irfft2(spectrum, shape, overwrite=True)[part].astype(np.float64)
    seen, w = blurred[part].astype(np.float64), weight[part].astype(np.float64)
    w = w / w.sum()
    mean, level = float(np.sum(w * again)), float(np.sum(w * seen))
    spread = float(np.sum(w * (again - mean) ** 2))
    gain = float(np.sum(w * (again - mean) * (seen - level))) / max(spread, 1e-30)
    offset = level - gain * mean
    left = seen - gain * again - offset
    used = w > 0
    rms = float(np.sqrt(np.mean(left[used] ** 2)))
    detail, missed = (
        gaussian_filter(plane, 1.5) - uniform_filter(plane, 2 * kernel.shape[0])
        for plane in (seen.astype(np.float32), left.astype(np.float32))
    )
    explained = 1 - float(np.sum(w * missed**2)) / max(float(np.sum(w * detail**2)), 1e-30)
    return gain, offset, rms, explained
