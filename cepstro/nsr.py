"""The Wiener constant that suits a photo: the one with the least expected error under a fit.

For a scene of power S, noise of power n and the filter ``G = H / (H**2 + K)``, the expected squared
error at one frequency is ``S (1 - G H)**2 + n G**2``; K minimises its sum over the frequency plane.
S is the fit's trend, continued as a power law; what fills the zeros of the model (its relative
floor) counts as noise too.
"""

from __future__ import annotations

import numpy as np

from cepstro.fit import Fit
from cepstro.radial import PolarSpectrum

_CONSTANTS = np.geomspace(1e-5, 0.3, 61)
_SLOPES = (-4.0, -1.5)  # of natural scenes' power, with a margin


def wiener_constant(data: PolarSpectrum, fit: Fit) -> float:
    """NSR constant K of `conj(H) / (abs(H)**2 + K)` for the photo that was fitted."""
    inside = np.flatnonzero(fit.band.any(axis=0))
    weight = np.where(fit.band, data.count, 0)[:, inside]
    log_scene = np.sum(weight * fit.trend[:, inside], axis=0) / np.sum(weight, axis=0)
    log_rho = np.log(data.frequency[inside])
    slope = float(np.clip(np.polyfit(log_rho, log_scene, 1)[0], *_SLOPES))
    grid = np.geomspace(data.resolution, 0.5, 400)
    log_grid = np.log(grid)
    scene = np.interp(log_grid, log_rho, log_scene)
    scene += slope * np.maximum(log_grid - log_rho[-1], 0)
    power = np.exp(scene)
    noise = np.exp(np.interp(log_grid, log_rho, fit.log_noise[inside])) + fit.floor * power
    transfer = np.asarray(fit.psf.transfer(np.zeros_like(grid), grid)).real
    gain = transfer / (transfer**2 + _CONSTANTS[:, None])
    error = power * (1 - gain * transfer) ** 2 + noise * gain**2
    # Rings of equal ratio: their area grows as the square of the frequency.
    return float(_CONSTANTS[int(np.argmin(error @ grid**2))])
