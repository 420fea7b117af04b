"""What happened to a photo before it came here: clipped highlights, resampling, recompression.

Each of these weakens what the spectrum can tell; a person should know. None of them changes the
numbers of the analysis.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.light import clipped
from cepstro.radial import PolarSpectrum

_CLIPPED = 0.02  # share of the photo
_GRID = 1.5  # steps at the borders of 8 x 8 blocks against those inside them
_EMPTY = 2.5  # ln power that a resampler's cut-off lies above what is beyond it
_SAMPLE = 1024  # px


def conditions(
    pixels: NDArray[Any], encoded: NDArray[np.floating], data: PolarSpectrum
) -> list[str]:
    """Sentences on what weakens the analysis, each with what to do.

    Parameters
    ----------
    pixels : H x W or H x W x C array
        The photo as stored, without alpha.
    encoded : h x w float array
        Luminance of the encoded values of its middle, 0..1.
    data : PolarSpectrum
        Of the photo in linear light.
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
    cut = _cut_off(data)
    if cut is not None:
        found.append(
            f"nothing is left above {cut:.2f} cycles/px, as in an enlarged photo; use the file in "
            "its original size if you can"
        )
    return found


def _grid_strength(encoded: NDArray[np.floating]) -> float:
    """Compare steps across the borders of 8 x 8 blocks with the steps within: about 1 without."""
    ratios = []
    for plane in (encoded, encoded.T):
        # Curvature rather than slope: a scene's own gradients are smooth, a block's border is not.
        bend = np.abs(plane[:, 3:] - 3 * plane[:, 2:-1] + 3 * plane[:, 1:-2] - plane[:, :-3])
        by_column = bend.mean(axis=0, dtype=np.float64)
        length = len(by_column) // 8 * 8
        if length < 32:
            continue
        phases = by_column[:length].reshape(-1, 8).mean(axis=0)
        ratios.append(float(phases.max() / max(np.median(phases), 1e-9)))
    return min(ratios, default=1.0)


def _cut_off(data: PolarSpectrum) -> float | None:
    """Frequency above which a resampler left nothing, or None."""
    count = data.count.sum(axis=0)
    use = (count > 0) & (data.frequency > 0.1) & (data.frequency < 0.5)
    if np.count_nonzero(use) < 40:
        return None
    rho = data.frequency[use]
    mean = np.sum(data.count * data.log_power, axis=0)[use] / count[use]
    width = max(4, len(mean) // 25)
    level = np.convolve(mean, np.ones(width) / width, mode="valid")
    fall = level[:-width] - level[width:]
    edge = int(np.argmax(fall))
    inside, beyond = level[: edge + 1], level[edge + width :]
    flat_before = float(np.ptp(inside[-2 * width :])) if len(inside) > 2 * width else np.inf
    if fall[edge] > _EMPTY and flat_before < 1 and float(np.ptp(beyond)) < 2:
        return float(rho[edge + width])
    return None
