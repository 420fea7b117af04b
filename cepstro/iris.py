"""Polygons in the race: the blades of an iris show as a pattern around the circle.

A regular polygon of equal area reads the same diameter as a disk (within 0.5 %), so the disk is
found first; what tells the polygon is how its zeros move with direction. Its power is tabulated
once over one period of direction and over frequency times diameter, and read from there by the fit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cepstro.fit import Family, Fit, fit_model
from cepstro.psf import Polygon
from cepstro.radial import PolarSpectrum

BLADES = (5, 6, 7, 8, 9)
SECTORS = 24  # the pattern of nine blades repeats every 10 degrees in power
_TURNS = 8  # rotations compared in a period
_FAR_OFF = 1.6  # polygons that start with a larger cost, in that of the disk, never win
_FIRST = 0.02  # where the search ends that compares the numbers of blades
_FINE = 3  # directions within a sector
_ANGLES = 48  # of the table, in a period
_STEP, _LONGEST = 0.02, 14.0  # of the table, frequency times diameter


def fit_polygon(data: PolarSpectrum, disk: Fit) -> Fit:
    """Fit the polygon, of any number of blades, that explains a polar spectrum best.

    Parameters
    ----------
    data : PolarSpectrum
        In `SECTORS` directions, its step near 1 / (24 diameters).
    disk : Fit
        The disk that explains `data` best: rotations are compared in its place, with the scene and
        the noise found for it.
    """
    diameter = float(disk.parameters[0])
    columns = np.flatnonzero(disk.band.any(axis=0))
    y = data.log_power[:, columns]
    weight = np.where(disk.band, data.count, 0.0)[:, columns]
    scene, noise = np.exp(disk.trend[:, columns]), np.exp(disk.log_noise[columns])

    def misfit(blades: int, turn: float) -> float:
        power = _power(blades, np.array([diameter, turn]), data, columns)
        left = y - np.log(scene * (power + disk.floor) + noise)
        return float(np.sum(weight * left**2))

    compared = []
    for blades in BLADES:
        turns = np.arange(_TURNS) * (_period(blades) / _TURNS)
        compared.append(min((misfit(blades, float(turn)), blades, float(turn)) for turn in turns))
    rough = []
    for cost, blades, turn in compared:
        if cost < _FAR_OFF * disk.cost or cost == min(compared)[0]:
            family = polygon_family(blades)
            fit = fit_model(data, family, [(diameter, turn)], disk.band, settled=_FIRST)
            rough.append((fit.cost, blades, fit.parameters))
    _, blades, found = min(rough, key=lambda one: one[0])
    return fit_model(data, polygon_family(blades), [tuple(found)], disk.band)


def polygon_family(blades: int, *, soft: bool = False) -> Family:
    """Polygons of a number of blades: (diameter, rotation in degrees[, softness ** 2])."""
    turn = _period(blades)

    def build(shape: NDArray[np.float64]) -> Polygon:
        rotation = float(shape[1]) % (360 / blades)
        softness = float(np.sqrt(shape[2])) if soft else 0.0
        return Polygon(shape[0], blades=blades, rotation=rotation, softness=softness)

    def power(
        shapes: NDArray[np.float64], data: PolarSpectrum, columns: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        return np.stack([_power(blades, shape, data, columns) for shape in shapes])

    return Family(
        "polygon",
        build,
        (1.5, -2 * turn, 0.0) if soft else (1.5, -2 * turn),
        (1e4, 3 * turn, 400.0) if soft else (1e4, 3 * turn),
        (0.05, turn / 8, 0.5) if soft else (0.05, turn / 8),
        power,
    )


def _period(blades: int) -> float:
    """Degrees after which the power repeats: power is the same at opposite frequencies."""
    return 360 / blades if blades % 2 == 0 else 180 / blades


def _power(
    blades: int,
    shape: NDArray[np.float64],
    data: PolarSpectrum,
    columns: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Power in the cells of a polar spectrum, smeared along the frequency by its own step."""
    diameter, rotation = shape[:2]
    softness_squared = shape[2] if len(shape) > 2 else 0.0
    table = _table(blades)
    sectors = data.count.shape[0]
    angle = (np.arange(sectors * _FINE) + 0.5) * (180 / (sectors * _FINE)) - rotation
    row = (angle / _period(blades) % 1) * _ANGLES
    rho = data.frequency[columns]
    column = np.minimum(rho * diameter / _STEP, table.shape[1] - 2.001)
    low, left = row.astype(np.intp), column.astype(np.intp)
    down, right = (row - low)[:, None], (column - left)[None, :]
    upper = table[low % _ANGLES]
    lower = table[(low + 1) % _ANGLES]
    both = upper * (1 - down) + lower * down
    power = both[:, left] * (1 - right) + both[:, left + 1] * right
    smeared = power.copy()
    smeared[:, 1:-1] = (power[:, :-2] + 4 * power[:, 1:-1] + power[:, 2:]) / 6
    mean = np.log(smeared + 1e-9).reshape(sectors, _FINE, len(columns)).mean(axis=1)
    return np.asarray(np.exp(mean - (2 * np.pi * rho) ** 2 * softness_squared), np.float64)


@lru_cache(maxsize=len(BLADES))
def _table(blades: int) -> NDArray[np.float64]:
    """Power of the polygon of diameter 1 and rotation 0: (angles in a period, frequencies)."""
    rho = np.arange(0, _LONGEST, _STEP)
    angle = np.radians(np.arange(_ANGLES) * (_period(blades) / _ANGLES))[:, None]
    transfer = Polygon(1.0, blades=blades).transfer(-rho * np.sin(angle), rho * np.cos(angle))
    return np.asarray(np.abs(transfer) ** 2, np.float64)
