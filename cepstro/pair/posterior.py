"""The most likely kernel, given what was measured and the model behind it.

What the measurement leaves open is filled from the best model instead of from nothing:
``min_k |K - K_measured|**2 * precision + |k - model|**2 / t``, where the variance t of the true
deviations from the model is the most likely one (empirical Bayes): a kernel that no model describes
keeps its own form. Light is not negative, nor is the kernel, unless the photos refuse that: the
hard edge of an ideal disk rings within the band of the pixels (synthetic blur only).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cepstro.pair.frame import phases
from cepstro.pair.grid import Grid
from cepstro.pair.measure import Measured, not_one_scene
from cepstro.pair.shape import Shape

_ROUNDS = 300  # of the constrained solution at most
_REFUSED = 0.4  # chi-square a pixel that light without negative values may cost


def regularise(measured: Measured, shape: Shape) -> NDArray[np.float64]:
    """Most likely kernel given the measurement and its model: centred, sum 1."""
    grid = Grid(measured)
    back = np.conj(phases(grid.fy, grid.fx, shape.shift))
    heard = 1 - shape.fading * grid.lost
    grid.data *= back / heard
    grid.precision *= heard**2
    prior = np.asarray(shape.gain * shape.expected.transfer(grid.fy, grid.fx), np.complex128)
    stiffness = 1 / _deviation(grid, grid.data - prior)
    kernel = _posterior(grid, prior, stiffness, signed=False)
    free = _posterior(grid, prior, stiffness, signed=True)
    if _price(grid, kernel) - _price(grid, free) > _REFUSED * grid.size**2:
        kernel = free
    total = float(kernel.sum())
    if not total > 0:
        raise not_one_scene("no kernel of positive light makes one of the other")
    return np.asarray(kernel / total)


def _price(grid: Grid, kernel: NDArray[np.float64]) -> float:
    """Chi-square of a kernel against the measurement."""
    error = np.abs(np.fft.rfft2(grid.spread(kernel)) - grid.data) ** 2
    return float(2 * np.sum(grid.precision * error) / grid.side**2)


def glimpse(measured: Measured) -> NDArray[np.float64]:
    """Kernel without any model, noise damped, in closed form: n x n, any sign and sum."""
    grid = Grid(measured)
    stiffness = 1 / _deviation(grid, grid.data)
    damped = grid.data * (grid.precision / (grid.precision + stiffness))
    return np.asarray(grid.back(damped)[grid.place])


def _deviation(grid: Grid, error: NDArray[np.complex128]) -> float:
    """Likeliest variance t a pixel of deviations whose spectrum is `error`, measured with noise."""
    power = np.abs(error) ** 2 / grid.size**2
    noise = 1 / grid.precision
    top = 100 * float(np.median(power[noise <= np.quantile(noise, 0.5)])) + 1e-18
    trials = top * np.geomspace(1e-12, 1, 60)
    cost = [float(np.sum(np.log(noise + t) + power / (noise + t))) for t in trials]
    return float(trials[int(np.argmin(cost))])


def _posterior(
    grid: Grid,
    prior: NDArray[np.complex128],
    stiffness: float,
    *,
    signed: bool,
) -> NDArray[np.float64]:
    """``min_k |K - data|**2 precision + |K - prior|**2 stiffness``, k >= 0 on its support: ADMM."""
    total = grid.precision + stiffness
    pull = grid.precision * grid.data + stiffness * prior
    penalty = float(np.sqrt(np.median(total) * np.quantile(total, 0.02)))
    kept = grid.spread(grid.back(pull / total)[grid.place])
    dual = np.zeros((grid.side, grid.side))
    for _ in range(_ROUNDS):
        free = grid.back((pull + penalty * np.fft.rfft2(kept - dual)) / (total + penalty))
        free = 1.6 * free - 0.6 * kept
        inner = (free + dual)[grid.place]
        new = grid.spread(inner if signed else np.maximum(inner, 0))
        dual += free - new
        change = float(np.abs(new - kept).max())
        kept = new
        if change < 1e-6 * float(np.abs(kept).max()):
            break
    return np.asarray(kept[grid.place])
