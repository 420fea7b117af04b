"""Radial profiles: what a spectrum or a cepstrum shows at each distance from its origin.

A defocus blur is the same in all directions, the scene is not; means around circles keep the one
and average the other. The mean of *logarithms* is taken, so that a few bright directions do not
rule. Spectra are also kept in sectors, each with its own trend, so that directions in which the
scene is rich count for more: at JPEG 75 the median error of the diameter fell from 0.08 px (one
sector) to 0.07 px (12), gross failures from 1 in 22 to none; 6 and 18 sectors measure like 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.spectrum import Spectrum

AXIS_BINS = 2.5  # bins this close to a frequency axis are left out: see SCIENCE, section 2
SECTORS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """A radial profile of a cepstrum.

    Attributes
    ----------
    quefrency : (m,) float64
        Distance from the origin, px.
    mean, scatter : (m,) float64
        Mean and standard deviation of the cepstrum around the circle.
    count : (m,) int64
        Samples on the circle.
    """

    quefrency: NDArray[np.float64]
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]
    count: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PolarSpectrum:
    """A log power spectrum averaged in cells of direction and distance.

    Attributes
    ----------
    log_power : (sectors, m) float64
        Mean natural logarithm of the power in the cell; 0 where the cell is empty.
    count : (sectors, m) float64
        Independent frequencies in the cell.
    frequency : (m,) float64
        Distance from the origin, cycles/px; in strips, the distance along the motion.
    distance : (sectors, m) float64
        Distance of each cell from the origin, cycles/px: what the scene's trend depends on.
    resolution : float
        Frequency step of the spectrum it was made from, cycles/px: 1 / block side.
    blocks : int
        How many blocks the spectrum is the mean of.
    """

    log_power: NDArray[np.float64]
    count: NDArray[np.float64]
    frequency: NDArray[np.float64]
    distance: NDArray[np.float64]
    resolution: float
    blocks: int


def radial_profile(cepstrum: NDArray[np.floating], *, longest: int | None = None) -> Profile:
    """Mean and scatter of a centred cepstrum around circles one pixel apart.

    Parameters
    ----------
    cepstrum : (n, n) float array
        Origin at ``[n // 2, n // 2]``.
    longest : int, optional
        Longest quefrency wanted, px; default n // 2 - 1.
    """
    n = cepstrum.shape[0]
    longest = min(n // 2 - 1, longest or n)
    middle = cepstrum[
        n // 2 - longest : n // 2 + longest + 1, n // 2 - longest : n // 2 + longest + 1
    ]
    ring, count, quefrency = _rings(longest)
    values = middle.astype(np.float64).ravel()
    mean = np.bincount(ring, values, minlength=longest + 2)[: longest + 1] / count
    square = np.bincount(ring, values**2, minlength=longest + 2)[: longest + 1] / count
    scatter = np.sqrt(np.maximum(square - mean**2, 0))
    return Profile(quefrency, mean, scatter, count)


@lru_cache(maxsize=2)
def _rings(
    longest: int,
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.float64]]:
    """For each sample up to a quefrency its circle, the circles' samples and mean quefrencies."""
    axis = np.arange(-longest, longest + 1)
    distance = np.hypot(axis[:, None], axis[None, :])
    ring = np.minimum(np.rint(distance), longest + 1).astype(np.intp).ravel()
    count = np.bincount(ring, minlength=longest + 2)[: longest + 1]
    quefrency = np.bincount(ring, distance.ravel(), minlength=longest + 2)[: longest + 1] / count
    lock(ring, count, quefrency)
    return ring, count, quefrency


def polar_spectrum(
    spectrum: Spectrum, *, step: float | None = None, sectors: int = SECTORS
) -> PolarSpectrum:
    """Average a log power spectrum in cells of direction and distance, without its axes.

    Parameters
    ----------
    spectrum : Spectrum
    step : float, optional
        Width of the cells in distance, cycles/px; at least (and by default) 1 / side.
    sectors : int
        Number of directions in the half circle.
    """
    n = spectrum.side
    step = max(1 / n, step or 0)
    cell, count, frequency = _cells(n, step, sectors)
    log_power = np.log(np.maximum(spectrum.power, np.float32(1e-30)))
    total = np.bincount(cell, log_power.ravel(), minlength=count.size + 1)[:-1].reshape(count.shape)
    distance = np.broadcast_to(np.maximum(frequency, 1 / n), count.shape)
    return PolarSpectrum(
        total / np.maximum(count, 1), count, frequency, distance, 1 / n, spectrum.blocks
    )


def coarsened(data: PolarSpectrum, step: float) -> PolarSpectrum:
    """Merge neighbouring cells of a polar spectrum to a step of at least `step` cycles/px."""
    return merged(data, int(step / (data.frequency[1] - data.frequency[0])))


def merged(data: PolarSpectrum, count: int) -> PolarSpectrum:
    """Merge every `count` neighbouring cells along the frequency into one."""
    if count < 2:
        return data
    first = np.arange(0, len(data.frequency), count)
    weight = np.add.reduceat(data.count, first, axis=1)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(data.count * values, first, axis=1) / np.maximum(weight, 1e-9)

    # Cells without data (next to the origin) keep a distance of their own.
    in_all = np.add.reduceat(data.count.sum(axis=0) * data.frequency, first) / np.maximum(
        weight.sum(axis=0), 1e-9
    )
    frequency = np.where(in_all > 0, in_all, data.frequency[first])
    distance = np.where(weight > 0, mean(data.distance), data.distance[:, first])
    return PolarSpectrum(
        mean(data.log_power), weight, frequency, distance, data.resolution, data.blocks
    )


def on_circle(
    values: NDArray[np.floating], radius: NDArray[np.intp], count: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Mean of `values` at each whole `radius` below that of `count`, how many have it.

    Gaps take their neighbours' mean.
    """
    total = np.bincount(radius, values, minlength=len(count))
    known = np.flatnonzero(count)
    return np.interp(np.arange(len(count)), known, total[known] / count[known])


@lru_cache(maxsize=8)
def _cells(
    n: int, step: float, sectors: int
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """For each bin of an n x n rfft2 its cell (the last: none), the cells' counts and distances."""
    fy = np.fft.fftfreq(n)[:, None]
    fx = np.fft.rfftfreq(n)[None, :]
    distance = np.hypot(fy, fx)
    # Angles counter-clockwise from +x, as the picture is seen: rows count downwards.
    angle = np.mod(np.arctan2(-fy, fx), np.pi)
    ring = np.rint(distance / step).astype(np.intp)
    rings = int(ring.max()) + 1
    sector = np.minimum((angle * (sectors / np.pi)).astype(np.intp), sectors - 1)
    inside = (np.abs(fy) * n > AXIS_BINS) & (np.abs(fx) * n > AXIS_BINS)
    cell = np.where(inside, sector * rings + ring, sectors * rings).ravel()
    count = np.bincount(cell, minlength=sectors * rings + 1)[:-1].reshape(sectors, rings)
    total = np.bincount(cell, distance.ravel(), minlength=sectors * rings + 1)[:-1]
    nominal = np.arange(rings) * step
    per_ring = count.sum(axis=0)
    mean = np.where(
        per_ring > 0,
        total.reshape(sectors, rings).sum(axis=0) / np.maximum(per_ring, 1),
        nominal,
    )
    each = count.astype(np.float64)
    lock(cell, each, mean)
    return cell, each, mean


def lock(*arrays: NDArray[Any]) -> None:
    """Make arrays read-only that a cache keeps: results hand them out."""
    for array in arrays:
        array.flags.writeable = False
