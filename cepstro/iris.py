"""Polygons in the race: the blades of an iris show as a pattern around the circle.

A regular polygon of equal area reads the same diameter as a disk (within 0.5 %), so the disk is
found first; what tells the polygon is how its zeros move with direction. Its power is tabulated
once over one period of direction and over frequency times diameter, and read from there by the fit.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from cepstro.families import Family, disk_family
from cepstro.fit import ROUGHLY, Fit, fit_band, fit_model
from cepstro.psf import Polygon
from cepstro.radial import PolarSpectrum, lock, merged

BLADES = (5, 6, 7, 8, 9)
SECTORS = 24  # the pattern of nine blades repeats every 10 degrees in power
_TURNS = 8  # rotations compared in a period
# Likeness that is worth a fit: polygons that a fit then named reach 0.28 to 0.60, disks from 15 px
# stay below 0.14, smaller ones below 0.29 (58 photos).
_SHOWS = 0.2
_NEAR = 0.8  # of the best likeness, that is worth one too
_HOPEFUL = 0.05  # ln of the ratio of squared residuals, disk to polygon, that is polished
_STRAIGHT = 2 * ROUGHLY  # where the searches end that compare: their noise stays straight
_FINE = 3  # directions within a sector
_ANGLES = 48  # of the table, in a period
_STEP, _LONGEST = 0.01, 9.0  # of the table, frequency times diameter


def fit_polygon(data: PolarSpectrum, found: Fit) -> Fit | None:
    """Fit the polygon that explains a polar spectrum best, or None where directions look alike.

    Parameters
    ----------
    data : PolarSpectrum
        In `SECTORS` directions, its step near 1 / (24 diameters).
    found : Fit
        The disk that explains the photo best. Polygons are first compared in its place, on
        cells of twice the size, with the scene and the noise found for it.
    """
    diameter = float(found.parameters[0])
    coarse = merged(data, 2)
    band = fit_band(coarse, diameter)
    disk = fit_model(coarse, disk_family(), [(diameter,)], band, like=found, settled=_STRAIGHT)
    smear = data.resolution * diameter
    compared = [_likeness(blades, smear, disk, coarse) for blades in BLADES]
    best = max(compared)[0]
    if best < _SHOWS:
        return None
    rough = []
    for like, blades, turn in compared:
        if like > _NEAR * best:
            family = polygon_family(blades, smear)
            start = (float(disk.parameters[0]), turn)
            fit = fit_model(coarse, family, [start], band, like=disk, settled=_STRAIGHT)
            rough.append((blades, fit))
    blades, fit = min(rough, key=lambda one: one[1].cost)
    if np.log(disk.cost / fit.cost) < _HOPEFUL:
        return None
    family, start = polygon_family(blades, smear), tuple(fit.parameters)
    return fit_model(data, family, [start], fit_band(data, diameter), like=fit)


def _likeness(
    blades: int, smear: float, disk: Fit, data: PolarSpectrum
) -> tuple[float, int, float]:
    """Correlate what a disk leaves with what a polygon would change, the trends taken out.

    Returns
    -------
    The best correlation, the number of blades and the rotation in degrees.
    """
    columns = np.flatnonzero(disk.band.any(axis=0))
    inside = replace(data, frequency=data.frequency[columns])
    root = np.sqrt(np.where(disk.band, data.count, 0.0)[:, columns])
    scene, noise = np.exp(disk.trend[:, columns]), np.exp(disk.log_noise[columns])
    turns = np.arange(_TURNS) * (_period(blades) / _TURNS)
    shapes = np.stack([np.full(_TURNS, disk.parameters[0]), turns], axis=1)
    model = np.log(scene * (_power(blades, smear, shapes, inside) + disk.floor) + noise)
    both = np.concatenate([data.log_power[None, :, columns], model])
    both = ((both - disk.model[:, columns]) * root).transpose(1, 2, 0)
    log_rho = np.log(inside.frequency) - np.log(inside.frequency).mean()
    basis, _ = np.linalg.qr(root[..., None] * np.stack([log_rho**0, log_rho, log_rho**2], axis=1))
    both -= basis @ (basis.transpose(0, 2, 1) @ both)
    product = np.einsum("sca,scb->ab", both[..., :1], both)[0]
    size = np.sqrt(np.einsum("sca,sca->a", both, both))
    like = product[1:] / np.maximum(size[0] * size[1:], 1e-12)
    return float(like.max()), blades, float(turns[np.argmax(like)])


def polygon_family(blades: int, smear: float, *, soft: bool = False) -> Family:
    """Polygons of a number of blades: (diameter, rotation in degrees[, softness ** 2]).

    `smear` is the resolution of the data in units of 1 / diameter.
    """
    turn = _period(blades)

    def build(shape: NDArray[np.float64]) -> Polygon:
        rotation = float(shape[1]) % (360 / blades)
        softness = float(np.sqrt(shape[2])) if soft else 0.0
        return Polygon(shape[0], blades=blades, rotation=rotation, softness=softness)

    return Family(
        "polygon",
        build,
        (1.5, -2 * turn, 0.0) if soft else (1.5, -2 * turn),
        (1e4, 3 * turn, 400.0) if soft else (1e4, 3 * turn),
        (0.05, turn / 8, 0.5) if soft else (0.05, turn / 8),
        partial(_power, blades, smear),
    )


def _period(blades: int) -> float:
    """Degrees after which the power repeats: power is the same at opposite frequencies."""
    return 360 / blades if blades % 2 == 0 else 180 / blades


def _power(
    blades: int, smear: float, shapes: NDArray[np.float64], data: PolarSpectrum
) -> NDArray[np.float64]:
    """Power in the cells of a polar spectrum, (k, sectors, columns)."""
    table = _sector_table(blades, round(smear, 4))
    angle = (np.arange(SECTORS) + 0.5) * (180 / SECTORS) - shapes[:, 1:2]
    row = (angle / _period(blades) % 1) * _ANGLES
    column = np.minimum(shapes[:, :1] * data.frequency / _STEP, table.shape[1] - 2.001)
    low, left = row.astype(np.intp), column.astype(np.intp)
    down, right = (row - low)[:, :, None], (column - left)[:, None, :]
    low, left = low[:, :, None], left[:, None, :]
    upper = table[low, left] * (1 - right) + table[low, left + 1] * right
    lower = table[low + 1, left] * (1 - right) + table[low + 1, left + 1] * right
    level = upper * (1 - down) + lower * down
    if shapes.shape[1] > 2:
        level -= (2 * np.pi * data.frequency) ** 2 * shapes[:, 2:, None]
    return np.asarray(np.exp(level), np.float64)


@lru_cache(maxsize=4 * len(BLADES))
def _sector_table(blades: int, smear: float) -> NDArray[np.float64]:
    """Mean of ln power over a sector for diameter 1 and rotation 0: (angles + 1, frequencies).

    Smeared along the frequency as the Hann window smears the data.
    """
    table = _table(blades)
    rho = np.arange(0, _LONGEST, _STEP)
    shift = smear / _STEP
    whole = int(shift)
    part, last = shift - whole, len(rho)
    mirrored = np.concatenate([table[:, whole + 1 : 0 : -1], table], axis=1)  # below 0 as above
    above = (1 - part) * table[:, whole : whole + last] + part * table[:, whole + 1 :][:, :last]
    below = part * mirrored[:, :last] + (1 - part) * mirrored[:, 1 : last + 1]
    level = np.log((below + 4 * table[:, :last] + above) / 6 + 1e-9)
    within = (np.arange(_FINE) - (_FINE - 1) / 2) * (180 / SECTORS / _FINE)
    turned = np.arange(_ANGLES) + within[:, None] * (_ANGLES / _period(blades))
    low = np.floor(turned).astype(np.intp)
    down = (turned - low)[..., None]
    mean = (level[low % _ANGLES] * (1 - down) + level[(low + 1) % _ANGLES] * down).mean(axis=0)
    table = np.concatenate([mean, mean[:1]])
    lock(table)
    return table


@lru_cache(maxsize=len(BLADES))
def _table(blades: int) -> NDArray[np.float64]:
    """Power of the polygon of diameter 1 and rotation 0: (angles in a period, frequencies)."""
    rho = np.arange(0, _LONGEST + 1, _STEP)
    angle = np.radians(np.arange(_ANGLES) * (_period(blades) / _ANGLES))[:, None]
    transfer = Polygon(1.0, blades=blades).transfer(-rho * np.sin(angle), rho * np.cos(angle))
    power = np.asarray(np.abs(transfer) ** 2, np.float64)
    lock(power)
    return power
