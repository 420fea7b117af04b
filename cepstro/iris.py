"""Polygons in the race: the blades of an iris show as a pattern around the circle.

A regular polygon of equal area reads the same diameter as a disk (within 0.5 %), so the disk is
found first; what tells the polygon is how its zeros move with direction. Its power is tabulated
once over one period of direction and over frequency times diameter, and read from there by the fit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cepstro.fit import Family, Fit, fit_band, fit_model
from cepstro.psf import Polygon
from cepstro.radial import PolarSpectrum

BLADES = (5, 6, 7, 8, 9)
SECTORS = 24  # the pattern of nine blades repeats every 10 degrees in power
RINGS = 6.0
_TURNS = 6  # rotations tried in a period
_FIRST = 0.02  # where the search ends that compares the numbers of blades
_FINE = 3  # directions within a sector
_ANGLES = 48  # of the table, in a period
_STEP, _LONGEST = 0.02, 14.0  # of the table, frequency times diameter


def fit_polygon(data: PolarSpectrum, diameter: float, *, softness: float = 0.0) -> Fit:
    """Fit the polygon, of any number of blades, that explains a polar spectrum best.

    Parameters
    ----------
    data : PolarSpectrum
        In `SECTORS` directions, its step near 1 / (24 diameters).
    diameter : float
        Of the disk fitted before, px.
    softness : float
        Of the disk fitted before, px.
    """
    band = fit_band(data, diameter, rings=RINGS)
    fits = []
    for blades in BLADES:
        turns = np.arange(_TURNS) * (_period(blades) / _TURNS)
        starts = [(diameter, float(turn)) for turn in turns]
        rough = fit_model(data, _family(blades, softness), starts, band, settled=_FIRST)
        fits.append((rough.cost, blades, rough.parameters))
    _, blades, found = min(fits, key=lambda fit: fit[0])
    return fit_model(data, _family(blades, softness), [tuple(found)], band)


def _period(blades: int) -> float:
    """Degrees after which the power repeats: power is the same at opposite frequencies."""
    return 360 / blades if blades % 2 == 0 else 180 / blades


def _family(blades: int, softness: float) -> Family:
    turn = _period(blades)
    return Family(
        "polygon",
        lambda p: Polygon(
            p[0], blades=blades, rotation=float(p[1]) % (360 / blades), softness=softness
        ),
        (1.5, -2 * turn),
        (1e4, 3 * turn),
        (0.05, turn / 8),
        lambda p, data, columns: _power(blades, softness, p, data, columns),
    )


def _power(
    blades: int,
    softness: float,
    parameters: NDArray[np.float64],
    data: PolarSpectrum,
    columns: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Power in the cells of a polar spectrum, smeared along the frequency by its own step."""
    diameter, rotation = parameters
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
    padded = np.pad(power, ((0, 0), (1, 1)), mode="edge")
    smeared = (padded[:, :-2] + 4 * power + padded[:, 2:]) / 6
    mean = np.log(smeared + 1e-9).reshape(sectors, _FINE, len(columns)).mean(axis=1)
    return np.asarray(np.exp(mean - (2 * np.pi * softness * rho) ** 2), np.float64)


@lru_cache(maxsize=len(BLADES))
def _table(blades: int) -> NDArray[np.float64]:
    """Power of the polygon of diameter 1 and rotation 0: (angles in a period, frequencies)."""
    rho = np.arange(0, _LONGEST, _STEP)
    angle = np.radians(np.arange(_ANGLES) * (_period(blades) / _ANGLES))[:, None]
    transfer = Polygon(1.0, blades=blades).transfer(-rho * np.sin(angle), rho * np.cos(angle))
    return np.asarray(np.abs(transfer) ** 2, np.float64)
