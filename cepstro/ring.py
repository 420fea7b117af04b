"""The defocus ring in a cepstral profile: candidates with their strength.

The dark ring of a disk of diameter D lies at quefrency D. Its depth is measured against the running
median of the profile around it, in units of the standard error of a mean around the circle; the
lowest sample and its neighbours give the radius by a parabola. The peak reads 0.2 to 0.7 px low, as
the first gap between zeros is wider than the others, so this is the bare ring that people measured
by eye; `scan` and `fit` do better.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cepstro.radial import Profile, lock

SMALLEST = 2.5  # px; below, the disk's first zero lies outside the band


@dataclass(frozen=True, slots=True)
class Candidate:
    """A diameter worth trying.

    Attributes
    ----------
    diameter : float
        px.
    strength : float
        How clearly it shows, larger is clearer; of `ring_candidates` the depth of the dark ring in
        standard errors, of `scan` the correlation (0..1) with the ripples of the spectrum, of an
        `Analysis` the chance (0..1) that this is the diameter.
    hole : float
        Hole of the ring whose ripples these are, 0 for a disk.
    """

    diameter: float
    strength: float
    hole: float = 0.0


def ring_candidates(
    profile: Profile, *, smallest: float = SMALLEST, count: int = 5
) -> list[Candidate]:
    """Dark rings of a radial cepstral profile, most clearly visible first.

    Parameters
    ----------
    profile : Profile
        From `radial_profile`.
    smallest : float
        Smallest diameter considered, px.
    count : int
        Longest list wanted.
    """
    first = max(2, int(np.ceil(smallest)))
    depth = ring_depth(profile)
    inner = np.arange(first, len(depth) - 1)
    dips = inner[(depth[inner] > 0) & (depth[inner] >= depth[inner - 1])]
    dips = dips[depth[dips] > depth[dips + 1]]
    best = dips[np.argsort(-depth[dips], kind="stable")][:count]
    return [Candidate(_vertex(profile, int(index)), float(depth[index])) for index in best]


@lru_cache(maxsize=4)
def ring_depth(profile: Profile) -> NDArray[np.float64]:
    """How far the profile lies below its surroundings, in standard errors, at each quefrency."""
    # Samples of a real cepstrum come in equal pairs: half of them are independent.
    error = profile.scatter / np.sqrt(np.maximum(profile.count / 2, 1))
    depth = np.zeros(len(profile.mean))
    for index in range(len(profile.mean)):
        reach = max(3, index // 4)
        low = max(1, index - reach)
        around = _median(profile.mean[low : index + reach + 1])
        floor = _median(error[low : index + reach + 1])
        depth[index] = (around - profile.mean[index]) / max(floor, 1e-12)
    lock(depth)
    return depth


def _median(values: NDArray[np.float64]) -> float:
    """Median of a short row, in a fifth of the time of `numpy.median`."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _vertex(profile: Profile, index: int) -> float:
    """Quefrency of the dip's vertex: a parabola through the lowest sample and its neighbours."""
    left, middle, right = profile.mean[index - 1 : index + 2]
    bend = left - 2 * middle + right
    shift = 0.0 if bend <= 0 else float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))
    near = profile.quefrency[index - 1 : index + 2]
    return float(near[1] + shift * (near[2] - near[0]) / 2)
