"""The power spectrum of a photo: Hann-windowed square blocks, averaged over the whole picture.

Each block loses its mean, is tapered so that its edges do not draw a cross, and its periodogram is
added to the others (Welch 1967), so that the scene averages out and the blur, the same everywhere,
stays. Blocks spread evenly over the photo whatever its aspect, the last ones flush with its edges.

Tried: mean of the periodograms, mean of their logarithms, blocks normalised to equal energy. The
median error of the diameter was 0.07 / 0.12 / 0.07 px at JPEG 75 and 0.01 px for all three at
8 bit; the plain mean is kept, as sharp texture carries the signal and outweighs flat, noisy sky.
Leaving clipped pixels out by a feathered mask: the true diameter was found in 12 of 22 photos
with clipped highlights (gain 1.6), without a mask in 18, as the mask's own edges smear the rings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import rfft2


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """An averaged power spectrum.

    Attributes
    ----------
    power : (n, n // 2 + 1) float32
        Mean periodogram in rfft2 layout, in squared units of the plane: white noise of standard
        deviation s has the value s ** 2 everywhere.
    blocks : int
        How many blocks were averaged.
    """

    power: NDArray[np.float32]
    blocks: int

    @property
    def side(self) -> int:
        """Side of the blocks, px; frequencies are multiples of 1 / side cycles/px."""
        return int(self.power.shape[0])


def taper(side: int, *, rolloff: float = 1.0) -> NDArray[np.float32]:
    """Cosine taper of `side` samples; `rolloff` is the part of it that is not flat (1: Hann)."""
    if not 0 <= rolloff <= 1:
        raise ValueError(f"rolloff must be between 0 and 1, got {rolloff:g}")
    # Samples lie at half pixels, so that the window is symmetric and none of them is zero.
    distance = np.minimum(np.arange(side) + 0.5, side - np.arange(side) - 0.5)
    if rolloff == 0:
        return np.ones(side, np.float32)
    rise = np.clip(distance / (rolloff * side / 2), 0, 1)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * rise), np.float32)


def corners(shape: tuple[int, int], side: int, *, overlap: float = 0.5) -> list[tuple[int, int]]:
    """Top left corners of blocks that cover a picture, row by row.

    Neighbours share at least `overlap` of their side, or all but a row or column of pixels.
    """
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap must be at least 0 and below 1, got {overlap:g}")

    def count(length: int) -> int:
        return 1 + int(np.ceil((length - side) / max(1.0, side * (1 - overlap))))

    rows, columns = count(shape[0]), count(shape[1])
    return [
        (top, left)
        for top in _spread(shape[0] - side, rows)
        for left in _spread(shape[1] - side, columns)
    ]


def cut(
    plane: NDArray[np.floating], side: int, *, overlap: float = 0.5
) -> Iterator[NDArray[np.floating]]:
    """Square blocks that cover a plane (views)."""
    height, width = plane.shape
    for top, left in corners((height, width), side, overlap=overlap):
        yield plane[top : top + side, left : left + side]


def power_spectrum(blocks: Iterable[NDArray[np.floating]], *, rolloff: float = 1.0) -> Spectrum:
    """Average the power spectra of square blocks of one size.

    Parameters
    ----------
    blocks : iterable of (n, n) float arrays
        Parts of a plane of linear light, for instance from `cut`.
    rolloff : float
        Part of the taper that is not flat, 0..1; 1 is the Hann window.

    Raises
    ------
    ValueError
        When there is no block.

    References
    ----------
    P. D. Welch, IEEE Trans. Audio Electroacoust. 15:70 (1967).
    """
    total: NDArray[np.float32] | None = None
    window = np.zeros((0, 0), np.float32)
    count = 0
    for block in blocks:
        if total is None:
            edge = taper(block.shape[0], rolloff=rolloff)
            window = np.outer(edge, edge) / np.float32(np.sum(edge.astype(np.float64) ** 2))
            total = np.zeros((block.shape[0], block.shape[0] // 2 + 1), np.float32)
        spectrum = rfft2((block - block.mean(dtype=np.float64).astype(np.float32)) * window)
        total += spectrum.real**2
        total += spectrum.imag**2
        count += 1
    if total is None:
        raise ValueError("a power spectrum needs at least one block")
    total /= count
    return Spectrum(total, count)


def _spread(last: int, count: int) -> list[int]:
    """`count` whole numbers evenly from 0 to `last`."""
    return [round(position) for position in np.linspace(0, last, count)]
