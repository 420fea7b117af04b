"""Where two photos of one scene lie on each other, although one of them is blurred.

The ratio of their spectra, smoothed by a Gaussian, is the blur kernel seen through fog: one hump at
the shift, whatever its shape. Phase correlation proper fails here, as the blur's transfer function
changes sign from ring to ring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import good_size, irfft2, rfft2
from cepstro.pair.frame import frequencies
from cepstro.pair.measure import radial_mean

FOG = (3.0, 10.0, 30.0)  # px: the hump is looked for at these widths; large blur needs large ones
CLEAR = 16.0  # the hump of one scene stands out from its surroundings by this many sigmas or more


@dataclass(frozen=True, slots=True)
class Hump:
    """The highest point of a smoothed spectral ratio: shift (dy, dx) in px and its clearness."""

    shift: tuple[int, int]
    clearness: float


def coarse_shift(sharp: NDArray[np.float32], blurred: NDArray[np.float32]) -> Hump:
    """Shift in whole px by which `blurred` lies lower and further right than `sharp`.

    The planes may differ in size; shifts count from their top left corners.
    """
    shape = tuple(good_size(max(a, b)) for a, b in zip(sharp.shape, blurred.shape, strict=True))
    height, width = shape
    source, target = (rfft2(_framed(plane, (height, width))) for plane in (sharp, blurred))
    power = np.abs(source) ** 2
    fy, fx = frequencies((height, width))
    rho2 = (fy * fy + fx * fx).astype(np.float32)
    # A floor a tenth of the typical power of the ring keeps empty frequencies from ruling.
    ratio = np.conj(source) * target / (power + 0.1 * radial_mean(power, rho2))
    best = Hump((0, 0), 0.0)
    for fog in FOG:
        plane = irfft2(ratio * np.exp(-2 * (np.pi * fog) ** 2 * rho2), (height, width))
        spread = 1.4826 * float(np.median(np.abs(plane))) + 1e-30
        y, x = divmod(int(np.argmax(plane)), width)
        clearness = float(plane[y, x]) / spread
        if clearness > best.clearness:
            dy = y - height if y > height // 2 else y
            dx = x - width if x > width // 2 else x
            best = Hump((dy, dx), clearness)
    return best


def overlap(
    sharp: NDArray[np.generic], blurred: NDArray[np.generic], shift: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of both planes that show the same part of the scene, given the shift."""
    first, second = [], []
    for a, b, d in zip(sharp.shape, blurred.shape, shift, strict=True):
        start = max(0, -d)
        stop = min(a, b - d)
        if stop <= start:
            start = stop = 0
        first.append(slice(start, stop))
        second.append(slice(start + d, stop + d) if stop else slice(0, 0))
    return (first[0], first[1]), (second[0], second[1])


def _framed(plane: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Take off the mean, fade out to the borders, fill with zeros up to `shape`."""
    fade = np.hanning(plane.shape[0] + 2)[1:-1, None] * np.hanning(plane.shape[1] + 2)[None, 1:-1]
    out = np.zeros(shape, np.float32)
    out[: plane.shape[0], : plane.shape[1]] = (plane - plane.mean()) * fade
    return out
