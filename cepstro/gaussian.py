"""Soft without rings: the Gaussian that a photo's spectrum falls off by.

The mean log power on each circle is modelled as a power law of the scene, a Gaussian's transfer
function and a white floor, with the scenes' usual slope of -2.5 +- 0.5 as prior knowledge: without
it slope and sigma could not be told apart. Sharp photos read 0 to 0.6 px, their lens and sensor.
Measured on 11 photos each at noise 1/255, JPEG 90: sigma 1, 2, 4, 8 reads 0.92, 1.79, 3.6, 7.5 px
in the median; the photo poorest in detail reads near 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cepstro.radial import PolarSpectrum

OF_A_SHARP_PHOTO = 0.4  # px, the median sigma of sharp photos
SOFT = 0.7  # px, from here on a photo counts as soft
_SLOPE, _SLOPE_SCATTER = -2.5, 0.25  # the latter in units of the weighted residuals
_STARTS = (0.3, 1.0, 3.0)
_LEAST_CONTRAST = 1.0  # ln power of the scene over the floor at the lowest frequencies
_HIGHEST = 0.7  # cycles/px


def find_sigma(data: PolarSpectrum) -> float:
    """Sigma of the Gaussian roll-off of a spectrum, px."""
    from scipy.optimize import least_squares

    count = data.count.sum(axis=0)
    use = (count > 0) & (data.frequency > 4 * data.resolution) & (data.frequency < _HIGHEST)
    rho = data.frequency[use]
    y = np.sum(data.count * data.log_power, axis=0)[use] / count[use]
    log_rho = np.log(rho / 0.05)
    weight = np.sqrt(rho[0] / rho)  # every octave counts alike

    def residuals(p: NDArray[np.float64]) -> NDArray[np.float64]:
        scene = p[0] + p[1] * log_rho - (2 * np.pi * p[2] * rho) ** 2
        difference = weight * (np.logaddexp(scene, p[3]) - y)
        return np.append(difference, (p[1] - _SLOPE) / _SLOPE_SCATTER)

    def slopes(p: NDArray[np.float64]) -> NDArray[np.float64]:
        bend = (2 * np.pi * rho) ** 2
        part = 1 / (1 + np.exp(np.minimum(p[3] - p[0] - p[1] * log_rho + p[2] ** 2 * bend, 500)))
        rows = weight * np.stack([part, part * log_rho, -2 * p[2] * bend * part, 1 - part])
        return np.vstack([rows.T, [0, 1 / _SLOPE_SCATTER, 0, 0]])

    level, floor = y[np.argmin(np.abs(log_rho))], np.percentile(y, 3)
    fits = [
        least_squares(residuals, [level, _SLOPE, start, floor], slopes, max_nfev=60)
        for start in _STARTS
    ]
    best = min(fits, key=lambda fit: fit.cost).x
    # Where the scene hardly rises above the floor, noise is all there is.
    scene = best[0] + best[1] * log_rho - (2 * np.pi * best[2] * rho) ** 2
    if np.mean(scene[: max(8, len(scene) // 20)]) - best[3] < _LEAST_CONTRAST:
        return 0.0
    return float(abs(best[2]))
