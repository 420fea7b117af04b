"""The noise level of a photo that a lens has blurred, from the photo alone.

Blur leaves the corner of the spectrum (both frequencies above 0.35 cycles/px) to the noise: for
white noise of standard deviation sigma, the mean power there, divided by the window's own, is
sigma^2. The plane is read in windowed blocks spread over it, so that a 50 MP photo costs what a
1 MP one does.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.radial import lock

CORNER = 0.35  # cycles/px: beyond it on both axes, a blurred photo holds noise alone
_BLOCK = 64
_MOST_BLOCKS = 256


def noise_sigma(plane: NDArray[np.floating]) -> float:
    """Measure the standard deviation of white noise in a (blurred) plane, in the plane's own units.

    Parameters
    ----------
    plane : H x W array of floats
        One channel; finite. Parts that are sharp at the pixel count as noise.

    Returns
    -------
    float
        Sigma >= 0. Within 2 % for white noise on blurred photos. JPEG empties the corner, so there
        it is a lower bound; deblurring takes the floor of the band in use instead.

    Notes
    -----
    Planes shorter than 8 px on a side use Immerkaer's mean form [1]_ if they have 3 x 3 px, else 0.

    References
    ----------
    .. [1] J. Immerkaer, Fast noise variance estimation, Computer Vision and Image Understanding
       64(2):300-302, 1996.
    """
    side = min(_BLOCK, *plane.shape)
    if side < 8:
        return _immerkaer(plane)
    real, imaginary = corner(plane, side, _MOST_BLOCKS)
    real **= 2
    imaginary **= 2
    real += imaginary
    return float(np.sqrt(real.mean(dtype=np.float64)))


def corner(
    plane: NDArray[np.floating], side: int, most: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Spectra of windowed blocks of a plane at the frequencies that blur leaves to the noise.

    Returns
    -------
    Real and imaginary part, each (blocks, frequencies): in the plane's own units, so that the mean
    power of white noise is its variance. Blocks of 1 or 3 px have no such frequencies.
    """
    blocks = spread_blocks(plane, side, most)
    blocks -= blocks.mean(axis=(1, 2), keepdims=True)
    across, down = _corner(side)
    half = (blocks.reshape(-1, side) @ across).reshape(len(blocks), side, -1)
    # Complex numbers by their parts, (cos, sin) each way: a product of small real matrices.
    rows, columns = len(down) // 2, half.shape[2] // 2
    both = down @ half
    real = both[:, :rows, :columns] - both[:, rows:, columns:]
    imaginary = both[:, :rows, columns:] + both[:, rows:, :columns]
    return real.reshape(len(blocks), -1), imaginary.reshape(len(blocks), -1)


@lru_cache(maxsize=4)
def _corner(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Windowed transforms of rows and of columns at the corner's frequencies, noise kept as it is.

    The first is (side, 2 m): cosines, then sines; the second the same, turned, for all signs.
    """
    window = np.hanning(side + 2)[1:-1]
    window /= np.sqrt(np.sum(window**2))
    phase = -2 * np.pi * np.arange(side)[:, None]
    right, all_of = np.fft.rfftfreq(side), np.fft.fftfreq(side)
    across, down = (
        np.concatenate([np.cos(phase * rho), np.sin(phase * rho)], axis=1) * window[:, None]
        for rho in (right[right > CORNER], all_of[np.abs(all_of) > CORNER])
    )
    transforms = across.astype(np.float32), np.ascontiguousarray(down.T, np.float32)
    lock(*transforms)
    return transforms


def spread_blocks(plane: NDArray[Any], side: int, most: int) -> NDArray[np.float32]:
    """At most about `most` square blocks spread evenly over a plane: N x side x side copies."""
    places = spread_corners((plane.shape[0], plane.shape[1]), side, most)
    return np.stack([plane[y : y + side, x : x + side] for y, x in places], dtype=np.float32)


def spread_corners(shape: tuple[int, int], side: int, most: int) -> list[tuple[int, int]]:
    """Top left corners of the blocks of `spread_blocks`."""
    height, width = shape
    rows, columns = (max(1, -(-2 * n // side) - 1) for n in (height, width))
    thin = max(1.0, np.sqrt(rows * columns / most))
    tops = np.linspace(0, height - side, max(1, int(rows / thin))).astype(int)
    lefts = np.linspace(0, width - side, max(1, int(columns / thin))).astype(int)
    return [(int(y), int(x)) for y in tops for x in lefts]


def _immerkaer(plane: NDArray[np.floating]) -> float:
    """Sigma from the mean size of the difference of two Laplacians; 0 where 3 x 3 do not fit."""
    if min(plane.shape) < 3:
        return 0.0
    p = plane.astype(np.float64)
    rows = p[:-2] - 2 * p[1:-1] + p[2:]
    mask = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(mask).mean())
