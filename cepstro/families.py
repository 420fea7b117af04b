"""Kinds of PSF as the fits see them: free shape parameters, bounds, and the power they leave.

Each gives the power of its transfer function for many shapes at once in the cells of a polar
spectrum, smeared as the Hann window smears the spectrum (`smeared_power` is the same for any one
PSF). Polygons have a room of their own (`cepstro.iris`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cepstro.psf import PSF, Disk, Gaussian, Motion, Ring
from cepstro.psf.base import jinc
from cepstro.radial import PolarSpectrum, lock

_THINNEST = 1 - 1e-6  # hole; thinner rings look the same, and a ring of hole 1 divides 0 by 0


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of PSF with its free shape parameters, as the fit sees them.

    `build` takes the parameters in the fit's own units (softness and Gaussian sigma squared, so
    that the derivative at 0 does not vanish); `lower` and `upper` are their bounds and `widest`
    the largest change in one step (of the first, relative to its size). `power`, where given,
    computes the model's power in the cells for many shapes at once, (k, 1 or sectors, columns),
    instead of `smeared_power` for one after the other. `merge` neighbouring cells may be taken
    for one while the minimum is looked for.
    """

    name: str
    build: Callable[[NDArray[np.float64]], PSF]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    widest: tuple[float, ...]
    power: Callable[[NDArray[np.float64], PolarSpectrum], NDArray[np.float64]] | None = None
    merge: int = 2


def disk_family(*, soft: bool = False) -> Family:
    """Disks: (diameter[, softness ** 2])."""
    if not soft:
        return Family("disk", lambda p: Disk(p[0]), (1.5,), (1e4,), (0.05,), _disk_power)
    return Family(
        "disk",
        lambda p: Disk(p[0], softness=float(np.sqrt(p[1]))),
        (1.5, 0.0),
        (1e4, 400.0),
        (0.05, 0.5),
        _disk_power,
    )


def ring_family(*, soft: bool = False) -> Family:
    """Rings: (outer diameter, hole[, softness ** 2])."""
    if not soft:
        return Family(
            "ring",
            lambda p: Ring(p[0], hole=p[1]),
            (1.5, 0.1),
            (1e4, 1.0),
            (0.05, 0.1),
            _ring_power,
        )
    return Family(
        "ring",
        lambda p: Ring(p[0], hole=p[1], softness=float(np.sqrt(p[2]))),
        (1.5, 0.1, 0.0),
        (1e4, 1.0, 400.0),
        (0.05, 0.1, 0.5),
        _ring_power,
    )


def thin_ring_family() -> Family:
    """Rings without thickness, their edge soft: (diameter, softness ** 2)."""
    return Family(
        "ring",
        lambda p: Ring(p[0], hole=1.0, softness=float(np.sqrt(p[1]))),
        (1.5, 0.0),
        (1e4, 400.0),
        (0.05, 0.5),
        _thin_ring_power,
    )


def gaussian_family() -> Family:
    """Gaussians: (sigma ** 2,)."""
    return Family(
        "gaussian",
        lambda p: Gaussian(float(np.sqrt(p[0]))),
        (1e-4,),
        (1e4,),
        (0.5,),
        _gaussian_power,
        merge=4,
    )


def motion_family(length: float, reach: tuple[float, float]) -> Family:
    """Motions: (length,), within `reach` times a length; for strips along the motion."""
    lower, upper = (part * length for part in reach)
    return Family("motion", lambda p: Motion(p[0]), (lower,), (upper,), (0.05,), _motion_power)


def smeared_power(psf: PSF, data: PolarSpectrum) -> NDArray[np.float64]:
    """Power of a transfer function in the cells of a polar spectrum, as the Hann window smears it.

    Returns
    -------
    (1, k) float64
    """
    around = _around(data)
    # Along x: the same in every direction, or for a motion (fitted in strips) along it.
    power = np.abs(psf.transfer(np.zeros_like(around), around)) ** 2
    return np.asarray(_smeared(power[None])[0], np.float64)


def _disk_power(shapes: NDArray[np.float64], data: PolarSpectrum) -> NDArray[np.float64]:
    around = _around(data)
    power = jinc(np.pi * shapes[:, :1, None] * around) ** 2
    return _smeared(power if shapes.shape[1] == 1 else power * _softened(shapes[:, 1:], around))


def _ring_power(shapes: NDArray[np.float64], data: PolarSpectrum) -> NDArray[np.float64]:
    around = _around(data)
    z, hole = np.pi * shapes[:, :1, None] * around, np.minimum(shapes[:, 1:2, None], _THINNEST)
    power = ((jinc(z) - hole**2 * jinc(hole * z)) / (1 - hole**2)) ** 2
    return _smeared(power if shapes.shape[1] == 2 else power * _softened(shapes[:, 2:], around))


def _thin_ring_power(shapes: NDArray[np.float64], data: PolarSpectrum) -> NDArray[np.float64]:
    return _ring_power(np.insert(shapes, 1, 1.0, axis=1), data)


def _gaussian_power(shapes: NDArray[np.float64], data: PolarSpectrum) -> NDArray[np.float64]:
    return _smeared(_softened(shapes, _around(data)))


def _motion_power(shapes: NDArray[np.float64], data: PolarSpectrum) -> NDArray[np.float64]:
    return _smeared(np.sinc(shapes[:, :, None] * _around(data)) ** 2)


def _softened(variance: NDArray[np.float64], rho: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power of Gaussians of these variances, (k, 1), at frequencies (3, columns)."""
    return np.asarray(np.exp(-((2 * np.pi * rho) ** 2) * variance[:, :, None]), np.float64)


@lru_cache(maxsize=8)
def _around(data: PolarSpectrum) -> NDArray[np.float64]:
    """Frequencies of the cells and their neighbours at the spectrum's own step: (3, columns)."""
    around = data.frequency + data.resolution * np.array([[-1.0], [0.0], [1.0]])
    lock(around)
    return around


def _smeared(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smear as the Hann window does: its own spectrum has the power 1/6, 4/6, 1/6 in the middle."""
    mean: NDArray[np.float64] = (power[:, :1] + 4 * power[:, 1:2] + power[:, 2:]) / 6
    return mean
