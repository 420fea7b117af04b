"""Soft without rings: the Gaussian that a photo's spectrum falls off by.

The mean log power on each circle is modelled as a power law of the scene, a Gaussian's transfer
function and a white floor, with the scenes' usual slope of -2.5 +- 0.5 as prior knowledge: without
it slope and sigma could not be told apart. Sharp photos read 0 to 0.6 px, their lens and sensor.
Measured on 11 photos each at noise 1/255, JPEG 90: sigma 1, 2, 4, 8 reads 0.92, 1.79, 3.6, 7.5 px
in the median; the photo poorest in detail reads near 0.

Out of focus without rings to be seen looks the same, so how sure "gaussian" and "none" are depends
on whether rings would have shown: on how far the second ring of a disk as soft stands above the
floor, and on how much of the scene was seen. On 1,079 crops of 160 to 500 px of photos that did
not calibrate it, the mean log loss of the confidence fell from 1.3 (the chance of no ring alone) to
0.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cepstro.radial import PolarSpectrum

OF_A_SHARP_PHOTO = 0.4  # px, the median sigma of sharp photos
SOFT = 0.7  # px, from here on a photo counts as soft
_SLOPE, _SLOPE_SCATTER = -2.5, 0.25  # the latter in units of the weighted residuals
_STARTS = (0.3, 1.0, 3.0)
_LEAST_CONTRAST = 1.0  # ln power of the scene over the floor at the lowest frequencies
_HIGHEST = 0.7  # cycles/px
_STEPS, _SETTLED = 60, 1e-6  # at most, and the relative fall where the search ends
_DISK = 4.0  # diameter of a disk that is as soft as a Gaussian, in sigmas
_SMALLEST_DISK = 3.0  # px
_RING, _RING_POWER = 1.635, 0.0175  # of a disk's second ring: frequency times diameter, and power
_ROOM = (-4.0, 6.0)  # beyond, rings are lost, or could not be overlooked
_SIDES = (64, 1500)  # px: smaller photos are not looked at, of larger ones no more is told
# Of the logistics for "gaussian" and for "none", in the order of `features`; fitted to crops of
# photos in the way of tests/benchmarks/calibrate.py.
WEIGHTS = {
    True: np.array([-1.33, -0.28, 0.40, 0.67]),
    False: np.array([1.11, -0.07, 0.21, 1.27]),
}


@dataclass(frozen=True, slots=True)
class Softness:
    """How soft a spectrum is, and whether it could show rings at all.

    Attributes
    ----------
    sigma : float
        Of the Gaussian roll-off, px.
    room : float
        ln of the power, over the floor, that the second ring of a disk as soft would have.
    """

    sigma: float
    room: float


def features(softness: Softness, best: float, side: float) -> NDArray[np.float64]:
    """Numbers that the chance of being right without rings depends on.

    Parameters
    ----------
    softness : Softness
    best : float
        Chance, 0..1, of the best ring after all.
    side : float
        Root of the number of pixels looked at.
    """
    seen = np.log(np.clip(side, *_SIDES) / 300)
    return np.array([1.0, np.log(best + 1e-4), np.clip(softness.room, *_ROOM), seen])


def chance(softness: Softness, best: float, side: float) -> float:
    """Chance, 0..1, that a photo without rings is what its softness says: "gaussian" or "none"."""
    weights = WEIGHTS[softness.sigma > SOFT]
    seen = float(1 / (1 + np.exp(-float(features(softness, best, side) @ weights))))
    return min(1 - best, seen)  # what the best ring leaves


def softness_of(data: PolarSpectrum) -> Softness:
    """Fit the Gaussian roll-off of a spectrum."""
    count = data.count.sum(axis=0)
    use = (count > 0) & (data.frequency > 4 * data.resolution) & (data.frequency < _HIGHEST)
    rho = data.frequency[use]
    y = np.sum(data.count * data.log_power, axis=0)[use] / count[use]
    log_rho = np.log(rho / 0.05)
    weight = np.sqrt(rho[0] / rho)  # every octave counts alike

    bend = (2 * np.pi * rho) ** 2

    def residuals(p: NDArray[np.float64]) -> NDArray[np.float64]:
        level, slope, sigma, floor = p.T[..., None]
        scene = level + slope * log_rho - sigma**2 * bend
        difference = weight * (np.logaddexp(scene, floor) - y)
        return np.concatenate([difference, (slope - _SLOPE) / _SLOPE_SCATTER], axis=1)

    def slopes(p: NDArray[np.float64]) -> NDArray[np.float64]:
        level, slope, sigma, floor = p.T[..., None]
        over = floor - level - slope * log_rho + sigma**2 * bend
        part = 1 / (1 + np.exp(np.minimum(over, 500)))
        rows = np.zeros((len(p), 4, len(rho) + 1))
        rows[:, 0, :-1], rows[:, 1, :-1] = weight * part, weight * part * log_rho
        rows[:, 2, :-1], rows[:, 3, :-1] = -2 * sigma * bend * weight * part, weight * (1 - part)
        rows[:, 1, -1] = 1 / _SLOPE_SCATTER
        return rows

    level, floor = y[np.argmin(np.abs(log_rho))], np.percentile(y, 3)
    starts = np.array([[level, _SLOPE, sigma, floor] for sigma in _STARTS])
    best = _least_squares(residuals, slopes, starts)
    level, slope, sigma, floor = (float(value) for value in best)
    diameter = max(_DISK * abs(sigma), _SMALLEST_DISK)
    ring = np.log(_RING_POWER) + level + slope * np.log(_RING / diameter / 0.05)
    # Where the scene hardly rises above the floor, noise is all there is.
    scene = level + slope * log_rho - (2 * np.pi * sigma * rho) ** 2
    shows = np.mean(scene[: max(8, len(scene) // 20)]) - floor >= _LEAST_CONTRAST
    return Softness(abs(sigma) if shows else 0.0, float(ring - floor))


def _least_squares(
    residuals: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    slopes: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    starts: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Levenberg-Marquardt from all starts side by side; the deepest point.

    `scipy.optimize` takes 0.2 s to be imported, and three times as long here.
    """
    point, left = starts, residuals(starts)
    cost, damping = np.sum(left**2, axis=1), np.full(len(starts), 1e-3)
    for _ in range(_STEPS):
        rows = slopes(point)
        normal = rows @ rows.transpose(0, 2, 1)
        stiff = damping[:, None] * np.einsum("kii->ki", normal) + 1e-12
        normal += stiff[:, :, None] * np.eye(point.shape[1])
        step = np.linalg.solve(normal, -rows @ left[..., None])[..., 0]
        trial = point + step
        new = residuals(trial)
        fall = cost - np.sum(new**2, axis=1)
        better = (fall >= 0)[:, None]
        point, left = np.where(better, trial, point), np.where(better, new, left)
        cost = cost - np.maximum(fall, 0)
        damping = np.clip(damping * np.where(better[:, 0], 0.3, 8.0), 1e-7, 1e9)
        if np.all(np.abs(fall) < _SETTLED * cost):
            break
    return np.asarray(point[np.argmin(cost)], np.float64)
