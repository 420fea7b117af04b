"""The families of PSF that a kernel is named by, and where to begin the fit of each.

A disk, a ring (wide or thin), a polygon of 5 to 9 blades, a Gaussian; and each of them averaged
over square pixels, as kernels drawn by area are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from cepstro.pair.grid import Points, Raster
from cepstro.psf import PSF, Disk, Gaussian, Kernel, Polygon, Ring, scaled
from cepstro.psf.grids import sampled_kernel

_BLADES = (5, 6, 7, 8, 9)


@dataclass(frozen=True, slots=True)
class Family:
    """A model by its parameters: how to build it, where to start, and its bounds."""

    names: tuple[str, ...]
    build: Callable[..., PSF | Raster]
    start: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def drawn(psf: PSF, size: int) -> Kernel:
    """Draw a PSF by area, as rasterised kernels are: averages over pixels, 9 x 9 points each."""
    fine = 9
    plane = sampled_kernel(scaled(psf, fine).transfer, size * fine // 2)
    return Kernel(plane.reshape(size, fine, size, fine).mean(axis=(1, 3)))


def gaussian_family(points: Points, disk: Disk) -> Family:
    """Build a Gaussian as wide as the disk."""
    sigma = math.hypot(disk.diameter / 4, disk.softness)
    return Family(("sigma",), Gaussian, (sigma,), (0.05,), (points.size,))


def rastered(psf: PSF, names: tuple[str, ...], points: Points) -> Family:
    """Build the same model averaged over pixels."""

    def build(*values: float) -> Raster:
        return Raster(replace(psf, **dict(zip(names, values, strict=True))))  # type: ignore[type-var]

    return Family(
        names,
        build,
        tuple(float(getattr(psf, name)) for name in names),
        tuple({"softness": 0.0, "hole": 0.0, "rotation": -720.0}.get(name, 0.05) for name in names),
        tuple({"hole": 1.0, "rotation": 720.0}.get(name, 2 * points.size) for name in names),
    )


def disk_family(points: Points) -> Family:
    """Build a disk, from the best of a row of diameters."""
    start = _scan(points, Disk)
    return Family(
        ("diameter", "softness"),
        lambda d, s: Disk(d, softness=s),
        (start, 0.6),
        (0.3, 0.0),
        (2.0 * points.size, points.size),
    )


def ring_family(points: Points, hole: float) -> Family:
    """Build a ring, from the best of a row of diameters with this hole."""
    start = _scan(points, lambda d: Ring(d, hole=hole, softness=0.05 * d))
    return Family(
        ("diameter", "hole", "softness"),
        lambda d, h, s: Ring(d, hole=h, softness=s),
        (start, hole, 0.05 * start),
        (0.3, 0.0, 0.0),
        (2.0 * points.size, 1.0, points.size),
    )


def thin_ring_family(points: Points) -> Family:
    """Build a ring without width, from the best of a row of diameters."""
    start = _scan(points, lambda d: Ring(d, hole=1, softness=0.05 * d))
    return Family(
        ("diameter", "softness"),
        lambda d, s: Ring(d, hole=1, softness=s),
        (start, 0.05 * start),
        (0.3, 0.0),
        (2.0 * points.size, points.size),
    )


def polygon_families(points: Points, disk: Disk) -> list[Family]:
    """List the two likeliest numbers of blades, each from its best rotation."""
    trials = []
    soft = max(0.3, disk.softness / 2)
    for blades in _BLADES:
        for part in range(6):
            turn = part / 6 * 360 / blades
            psf = Polygon(disk.diameter, blades=blades, rotation=turn, softness=soft)
            trials.append((points.cost(points.model(psf, (0.0, 0.0))), blades, turn))
    trials.sort()
    families: dict[int, Family] = {}
    for _, blades, turn in trials:
        if blades in families:
            continue
        families[blades] = Family(
            ("diameter", "rotation", "softness"),
            lambda d, r, s, blades=blades: Polygon(d, blades=blades, rotation=r, softness=s),
            (disk.diameter, turn, soft),
            (0.3, -360.0, 0.0),
            (2.0 * points.size, 360.0, points.size),
        )
        if len(families) == 2:
            break
    return list(families.values())


def _scan(points: Points, build: Callable[[float], PSF]) -> float:
    """Diameter of the best of a row of models."""
    diameters = np.geomspace(1.0, points.size * 0.98, 40)
    costs = [points.cost(points.model(build(float(d)), (0.0, 0.0))) for d in diameters]
    return float(diameters[int(np.argmin(costs))])
