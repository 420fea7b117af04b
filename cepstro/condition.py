"""What happened to a photo before it came here: clipped highlights, resampling, recompression.

Each of these weakens what the spectrum can tell; a person should know. None of them changes the
numbers of the analysis.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.light import clipped

_CLIPPED = 0.02  # share of the photo
_GRID = 2.4  # steps at the borders of 8 x 8 blocks against those inside them
_PERIODIC = 12.0  # height of a period over the median; plain photos reach 4, enlarged ones 27
_EVERY = 3  # row is looked at; no divisor of 8
_SAMPLE = 512  # rows
_BAND = 64  # rows worked on at a time: temporaries stay in cache


def conditions(pixels: NDArray[Any], encoded: NDArray[np.floating]) -> list[str]:
    """Sentences on what weakens the analysis, each with what to do.

    Parameters
    ----------
    pixels : H x W or H x W x C array
        The photo as stored, without alpha.
    encoded : h x w float array
        Luminance of the encoded values of its middle, 0..1.
    """
    found = []
    share = float(clipped(pixels[:: max(1, len(pixels) // _SAMPLE)]).mean())
    if share > _CLIPPED:
        found.append(
            f"{100 * share:.0f} % of the photo is at the sensor's limit; blur cannot be read or "
            "undone there, so a darker exposure or a region without it would tell more"
        )
    if _grid_strength(encoded) > _GRID:
        found.append(
            "the 8 x 8 grid of strong JPEG compression shows; use the camera's own file if you can"
        )
    if _resampled(encoded):
        found.append(
            "the photo was resized: its pixels repeat with a period; use the file in its original "
            "size if you can"
        )
    return found


def _grid_strength(encoded: NDArray[np.floating]) -> float:
    """Compare steps across the borders of 8 x 8 blocks with the steps within: about 1 without."""
    ratios = []
    for plane in (encoded[::_EVERY], encoded.T[::_EVERY]):
        # Curvature rather than slope: a scene's own gradients are smooth, a block's border is not.
        by_column = _mean_difference(plane, (-1, 3, -3, 1))
        length = len(by_column) // 8 * 8
        if length < 32:
            continue
        phases = by_column[:length].reshape(-1, 8).mean(axis=0)
        ratios.append(float(phases.max() / max(np.median(phases), 1e-9)))
    return min(ratios, default=1.0)


def _resampled(encoded: NDArray[np.floating]) -> bool:
    """Whether interpolated pixels recur with a period, as in photos enlarged by a broken factor.

    Curvature is smaller at pixels that lie between two of the original's (Gallagher, CRV 2005).
    Enlargement by a whole number hides from this, as does strong compression after it.
    """
    for plane in (encoded, encoded.T):
        level = np.log(_mean_difference(plane, (1, -2, 1)) + 1e-9)
        n = len(level)
        if n < 128:
            return False
        level = level - np.convolve(np.pad(level, 8, "edge"), np.full(17, 1 / 17), "valid")
        size = np.abs(np.fft.rfft(level * np.hanning(n)))
        frequency = np.arange(len(size)) / n
        use = frequency > 0.2
        for harmonic in (0.25, 0.375, 0.5):  # of the 8 x 8 grid
            use &= np.abs(frequency - harmonic) > 0.01
        if size[use].max() < _PERIODIC * np.median(size):
            return False
    return True


def _mean_difference(plane: NDArray[np.floating], weights: tuple[int, ...]) -> NDArray[np.float64]:
    """Mean size of the weighted sum of neighbours along the rows, for each column."""
    width = plane.shape[1] - len(weights) + 1
    total = np.zeros(max(0, width))
    for top in range(0, len(plane), _BAND):
        rows = np.ascontiguousarray(plane[top : top + _BAND])
        bend = rows[:, :width] * np.float32(weights[0])
        for shift, weight in enumerate(weights[1:], 1):
            bend += rows[:, shift : shift + width] * np.float32(weight)
        total += np.abs(bend, out=bend).sum(axis=0)
    return total / len(plane)
