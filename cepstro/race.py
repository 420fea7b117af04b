"""The race of models: which defocus explains a photo's spectrum best, and how surely.

Every candidate diameter is fitted as what it was found as, a disk or a ring, over its first three
and its first six rings, each time against what has no rings in the same band. A few numbers tell
how convincing it is (see `Trial`); a logistic function of them, fitted to photos with the truth at
hand, turns them into the chance that it is right. The candidate with the best chance wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cepstro.fit import (
    ROUGHLY,
    Family,
    Fit,
    disk_family,
    fit_band,
    fit_model,
    ring_family,
    smooth_fit,
)
from cepstro.radial import PolarSpectrum, Profile, coarsened
from cepstro.ring import Candidate, ring_candidates, ring_depth
from cepstro.scan import HOLES, INNER, WIDE, match, scan

NEAR, FAR = 3.0, 6.0  # rings in the two bands
SMALLEST_FIT = 2.9  # px; smaller disks have their first zero beyond the band
_PLAIN = 0.8  # far evidence from which on the near band need not be looked at
_PER_RING = 20  # frequencies to a ring in the race's fits
_FEWEST_CELLS = 60
# Below, rings explain no more than a Gaussian; Gaussian blur itself stays within 0.02.
_LEAST_EVIDENCE = 0.03
_MOST = 4  # candidates fitted: the true one was among them in 99.6 % of 600 photos
_SAME = 0.03  # candidates closer than this (relative) are one


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One candidate after its fits.

    Attributes
    ----------
    fit : Fit
        Over the band with the larger evidence.
    near, far : float
        Evidence: ln of the ratio of the squared residuals without and with rings of zeros, over
        the first three and the first six rings.
    ripples, inner : float
        Correlation of the ripples with the data, see `cepstro.scan`.
    depth : float
        Depth of the dark ring in the cepstrum near the diameter, in standard errors.
    misfit : float
        Scatter left over by the fit, in units of what the number of blocks alone would leave.
    """

    fit: Fit
    near: float
    far: float
    ripples: float
    inner: float
    depth: float
    misfit: float

    @property
    def diameter(self) -> float:
        """Px."""
        return float(self.fit.parameters[0])

    @property
    def hole(self) -> float:
        """Hole of the ring, 0 for a disk."""
        return float(self.fit.parameters[1]) if self.fit.family == "ring" else 0.0

    def features(self) -> NDArray[np.float64]:
        """Numbers that the chance of being right depends on."""
        evidence = max(self.near, self.far)
        size = float(np.log(self.diameter / 6))
        large = min(max(0.0, size), 1.2)
        return np.array(
            [
                1.0,
                np.sqrt(np.clip(evidence, 0, 1.5)),
                np.clip(evidence, -0.3, 0.3),
                np.log(self.misfit),
                self.ripples,
                self.inner,
                np.clip(self.depth, 0, 12) / 10,
                np.log(self.fit.floor + 1e-3),
                max(0.0, -size),
                float(self.fit.family == "ring"),
                large,
                large * self.ripples,
            ]
        )


# Of the logistic, in the order of `Trial.features`; from tests/benchmarks/calibrate.py.
WEIGHTS = np.array(
    [-1.736, 0.984, 7.538, -0.956, -0.812, -0.750, 2.366, -0.416, 1.093, -1.019, -4.537, 7.934]
)


def chance(trial: Trial) -> float:
    """Chance that a trial is right, 0..1."""
    if max(trial.near, trial.far) < _LEAST_EVIDENCE:
        return 0.0
    return float(1 / (1 + np.exp(-float(trial.features() @ WEIGHTS))))


def trials(data: PolarSpectrum, profile: Profile, *, largest: float) -> list[Trial]:
    """Fit the most promising diameters."""
    depth = ring_depth(profile)
    chosen = candidates(data, profile, largest=largest)

    def promise(candidate: Candidate) -> float:
        ripples = match(data, candidate.diameter)[_kind(candidate.hole)]
        return float(ripples + 0.02 * min(_depth_at(depth, candidate.diameter), 12))

    chosen = sorted(chosen, key=promise, reverse=True)[:_MOST]
    found = (_try(data, depth, candidate) for candidate in chosen)
    return [trial for trial in found if trial is not None]


def candidates(data: PolarSpectrum, profile: Profile, *, largest: float) -> list[Candidate]:
    """List the diameters worth a fit: matches of disks and of rings, and dark cepstral rings."""
    matches = scan(data, largest=largest)
    disks = [candidate for candidate in matches if candidate.hole == 0]
    rings = [candidate for candidate in matches if candidate.hole > 0]
    # The cepstral ring reads a little low.
    seen = [
        Candidate(1.03 * dark.diameter, 0.0) for dark in ring_candidates(profile, smallest=5)[:2]
    ]
    chosen: list[Candidate] = []
    for group, most in ((disks, 3), (seen, 2), (rings, 3)):
        kept = 0
        for candidate in group:
            if kept < most and not any(_same(candidate, other) for other in chosen):
                chosen.append(candidate)
                kept += 1
    return chosen


def _same(one: Candidate, other: Candidate) -> bool:
    return abs(np.log(one.diameter / other.diameter)) < _SAME and abs(one.hole - other.hole) < 0.25


def _kind(hole: float) -> int:
    """Find which of the templates of `scan` a ring is nearest to."""
    return 0 if hole == 0 else 1 + int(np.argmin(np.abs(np.array(HOLES[1:]) - hole)))


def _depth_at(depth: NDArray[np.float64], diameter: float) -> float:
    """Depth of the darkest ring about as wide as a diameter: the cepstrum reads a little low."""
    dark = depth[int(0.88 * diameter) : int(1.03 * diameter) + 2]
    return float(dark.max()) if len(dark) else 0.0


def _try(data: PolarSpectrum, depth: NDArray[np.float64], candidate: Candidate) -> Trial | None:
    family: Family
    if candidate.hole == 0:
        family = disk_family()
        starts: list[tuple[float, ...]] = [(candidate.diameter,)]
    else:
        family = ring_family()
        holes = np.clip(candidate.hole + np.array([-0.15, 0, 0.15]), 0.15, 1)
        starts = [(candidate.diameter, float(hole)) for hole in holes]
    coarse = coarsened(data, 1 / (_PER_RING * candidate.diameter))
    fits, evidence = [], []
    for rings in (FAR, NEAR):
        band = fit_band(coarse, candidate.diameter, rings=rings)
        if np.count_nonzero(band) < _FEWEST_CELLS:
            return None
        fit = fit_model(coarse, family, starts, band, settled=ROUGHLY)
        smooth = smooth_fit(coarse, candidate.diameter, band)
        fits.append(fit)
        evidence.append(float(np.log(smooth.cost / fit.cost)))
        if evidence[0] > _PLAIN:
            fits, evidence = 2 * fits, 2 * evidence
            break
    # Three rings leave diameter and hole of a ring nearly free: it is read over six.
    best = fits[0] if candidate.hole or evidence[0] >= evidence[1] else fits[1]
    diameter = float(best.parameters[0])
    kind = _kind(float(best.parameters[1]) if candidate.hole else 0.0)
    if diameter < SMALLEST_FIT:
        return None
    return Trial(
        fit=best,
        near=evidence[1],
        far=evidence[0],
        ripples=float(match(data, diameter, look=WIDE)[kind]),
        inner=float(match(data, diameter, look=INNER)[kind]),
        depth=_depth_at(depth, diameter),
        misfit=best.cost / best.cells * data.blocks,
    )
