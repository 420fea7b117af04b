"""What a PSF does to each frequency when its diameter is known only within an error bar.

With the diameter d a Gaussian variable the Wiener filter becomes conj(E H) / (E|H|^2 + NSR): where
the rings of zeros may lie, E|H|^2 stays above |E H|^2 and the filter does not open up. The
expectations are taken by three-point Gauss-Hermite quadrature (d, d +- sqrt(3) error). For other
methods var H times the scene's power is noise, on top of the photo's own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cepstro.psf import PSF, Disk, Polygon, Ring, scaled


def squared(otf: NDArray[np.inexact]) -> NDArray[np.float32]:
    """|H|^2 as float32."""
    if np.iscomplexobj(otf):
        return np.asarray(otf.real**2 + otf.imag**2, np.float32)
    return np.asarray(otf * otf, np.float32)


def response(
    psf: PSF, error: float, shape: tuple[int, int]
) -> tuple[NDArray[np.inexact], NDArray[np.float32]]:
    """E H (float32 or complex64) and E|H|^2 (float32) at the frequencies of a frame, rfft2 layout.

    `error` is one standard deviation of the PSF's diameter, px; 0 or a PSF without a diameter gives
    H and |H|^2.
    """
    otf, variance = expected(psf, error, shape)
    power = squared(otf)
    if variance is not None:
        power += variance
    return otf, power


def expected(
    psf: PSF, error: float, shape: tuple[int, int]
) -> tuple[NDArray[np.inexact], NDArray[np.float32] | None]:
    """E H and var H, as `response`, None for 0; E|H|^2 - |E H|^2 would be lost in rounding.

    Where the scene is a billion times the noise, at the lowest frequencies, the rounding of that
    difference was worth more than the noise, and now and then negative: results burst.
    """
    otf: NDArray[np.inexact] = psf.otf(shape)
    diameter = getattr(psf, "diameter", None)
    if error <= 0 or diameter is None:
        return otf, None
    reach = min(3**0.5 * error, 0.5 * diameter)
    below, above = (
        _across(psf, diameter, other).otf(shape) for other in (diameter - reach, diameter + reach)
    )
    mean = otf * np.float32(2 / 3) + (below + above) * np.float32(1 / 6)
    variance = squared(otf - mean) * np.float32(2 / 3)
    for node in (below, above):
        variance += squared(node - mean) * np.float32(1 / 6)
    return mean, variance


def _across(psf: PSF, diameter: float, other: float) -> PSF:
    """Give a PSF of one diameter another."""
    if isinstance(psf, Disk | Ring | Polygon):
        return replace(psf, diameter=other)
    return scaled(psf, other / diameter)
