"""The race of models: which defocus explains a photo's spectrum best, and how surely.

Every candidate diameter is fitted as what it was found as, a disk or a ring, over its first three
and its first six rings, each time against what has no rings in the same band. A few numbers tell
how convincing it is (see `Trial`); a logistic function of them, fitted to photos with the truth at
hand, turns them into the chance that it is right. The candidate with the best chance wins.

Tried, fitted on half of 1600 photos and counted on the others, wrongly called defocus / missed
disks from 5 px: the numbers alone 10 of 372 / 20 of 355; with their products 0 / 12; with the share
of directions in which the rings help, the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cepstro.families import Family, disk_family, ring_family
from cepstro.fit import ROUGHLY, Fit, fit_band, fit_model, smooth_fit
from cepstro.radial import PolarSpectrum, Profile, coarsened
from cepstro.ring import Candidate, ring_candidates, ring_depth
from cepstro.scan import INNER, WIDE, kind_of, match, scan

NEAR, FAR = 3.0, 6.0  # rings in the two bands
SMALLEST_FIT = 2.9  # px; smaller disks have their first zero beyond the band
_PLAIN = 0.8  # far evidence from which on the near band need not be looked at
# Evidence of a ring's fits over six rings, in both bands, below which the near band is not fitted:
# none of 112 such candidates (of 369) was ever believed. Disks may show in the near band alone.
_LOST = -0.1
# Diameters closer than this (ln) share what is fitted without rings: of 155 fits from there none
# was 0.05 less deep than from five starts, and 5 were deeper.
_ALIKE = 0.1
_PER_RING = 20  # frequencies to a ring in the race's fits
_FEWEST_CELLS = 60
# Below, rings explain no more than a Gaussian; Gaussian blur itself stays within 0.02.
_LEAST_EVIDENCE = 0.03
_MOST = 4  # candidates fitted: the true one was among them in 99.6 % of 600 photos
# Candidates that show less were never right: 254 of 1931 on 266 photos.
_NO_RIPPLES, _NOT_DARK = 0.25, 4.0
DEEPEST = 1.4  # ratio of the diameters of parts that are depths of one blurred photo
_DARK = 5.0  # depth of a dark ring, in standard errors, that nobody could overlook
_SURE = 0.95  # chance at which no further candidate is fitted: of 1600 photos none was decided else
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
    share : float
        Part of the power between the first two zeros that is the photo's and not noise, 0..1:
        noise that ends a Gaussian's fall looks like a zero, but nothing rises again behind it.
    """

    fit: Fit
    near: float
    far: float
    ripples: float
    inner: float
    depth: float
    share: float

    @property
    def diameter(self) -> float:
        """Px."""
        return float(self.fit.parameters[0])

    @property
    def hole(self) -> float:
        """Hole of the ring, 0 for a disk."""
        return float(self.fit.parameters[1]) if self.fit.family == "ring" else 0.0

    def features(self) -> NDArray[np.float64]:
        """Numbers that the chance of being right depends on: eleven and their products."""
        more, less = max(self.near, self.far), min(self.near, self.far)
        numbers = np.array(
            [
                1.0,
                np.log(self.diameter / 6) / 2,
                np.clip(more, -0.3, 0.6),
                np.clip(less, -0.3, 0.5),
                np.log(self.fit.misfit) / 3,
                self.ripples,
                self.inner,
                np.clip(self.depth, 0, 12) / 10,
                np.log(self.fit.floor + 1e-3) / 5,
                np.log(np.clip(self.share, 0.02, 1)) / 2,
                float(self.fit.family == "ring"),
            ]
        )
        return np.outer(numbers, numbers)[np.triu_indices(len(numbers))]


# Of the logistic, in the order of `Trial.features`; from tests/benchmarks/calibrate.py.
# fmt: off
WEIGHTS = np.array(
    [
        -4.789, -1.149, 0.946, 1.517, -0.484, 1.920, 1.581, 0.791, -1.770, 0.200, 0.281,
        -1.046, 1.719, 2.892, -0.997, 0.930, -0.384, 1.177, 1.028, 1.525, -0.547,
        1.589, 0.842, -1.586, -0.821, 2.952, 0.345, 0.175, 4.332, 1.646,
        -3.936, 0.074, -1.894, 2.693, -0.727, 0.050, -5.029, 1.347,
        -1.566, 1.952, -0.109, 0.808, 0.488, 2.414, 0.791,
        -0.929, 0.128, 0.235, -2.229, 0.420, -5.527,
        -1.053, 0.323, -0.532, -0.399, -2.167,
        0.170, -0.157, 2.655, 1.047,
        0.241, 2.585, -0.338,
        -0.551, -0.010,
        0.281,
    ]
)
# fmt: on


def chance(trial: Trial) -> float:
    """Chance that a trial is right, 0..1."""
    if max(trial.near, trial.far) < _LEAST_EVIDENCE:
        return 0.0
    return float(1 / (1 + np.exp(-float(trial.features() @ WEIGHTS))))


def trials(
    data: PolarSpectrum, profile: Profile, *, largest: float, near: float | None = None
) -> tuple[list[Trial], list[Candidate]]:
    """Fit the most promising diameters, until one is sure; also those that were not fitted.

    With `near`, only diameters that may be another depth of the same blur run.
    """
    depth = ring_depth(profile)
    chosen = candidates(data, profile, largest=largest)
    if near is not None:
        chosen = [one for one in chosen if abs(np.log(one.diameter / near)) < np.log(DEEPEST)]
    chosen = _promising(data, depth, chosen)
    # A plain dark ring runs in any case: several depths leave no ripples to match.
    dark = [one for one in chosen[_MOST:] if _depth_at(depth, one.diameter) > _DARK]
    chosen = chosen[:_MOST] + dark[:1]
    found: list[Trial] = []
    smooth: list[_Smooth] = []
    for index, candidate in enumerate(chosen):
        trial = _try(data, depth, candidate, smooth)
        if trial is not None:
            found.append(trial)
            if chance(trial) > _SURE:
                return found, chosen[index + 1 :]
    return found, []


def _promising(
    data: PolarSpectrum, depth: NDArray[np.float64], chosen: list[Candidate]
) -> list[Candidate]:
    """Sort candidates by what they show before any fit, without those that show nothing."""
    if not chosen:
        return []
    sizes = np.array([one.diameter for one in chosen])
    kinds = [kind_of(one.hole) for one in chosen]
    wide, inner = (
        match(data, sizes, look=look)[np.arange(len(chosen)), kinds] for look in (WIDE, INNER)
    )
    dark = np.array([_depth_at(depth, size) for size in sizes])
    shown = (np.maximum(wide, inner) > _NO_RIPPLES) | (dark > _NOT_DARK)
    best = np.argsort(-(wide + 0.02 * np.minimum(dark, 12)), kind="stable")
    return [chosen[index] for index in best if shown[index]]


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
            if candidate.diameter < (1 - _SAME) * SMALLEST_FIT:
                continue
            if kept < most and not any(_same(candidate, other) for other in chosen):
                chosen.append(candidate)
                kept += 1
    return chosen


def _same(one: Candidate, other: Candidate) -> bool:
    return abs(np.log(one.diameter / other.diameter)) < _SAME and abs(one.hole - other.hole) < 0.25


def _depth_at(depth: NDArray[np.float64], diameter: float) -> float:
    """Depth of the darkest ring about as wide as a diameter: the cepstrum reads a little low."""
    dark = depth[int(0.88 * diameter) : int(1.03 * diameter) + 2]
    return float(dark.max()) if len(dark) else 0.0


def _try(
    data: PolarSpectrum, depth: NDArray[np.float64], candidate: Candidate, smooth: list[_Smooth]
) -> Trial | None:
    """Fit a candidate; `smooth` are the fits without rings made so far, to which it adds."""
    family: Family
    if candidate.hole == 0:
        family = disk_family()
        starts: list[tuple[float, ...]] = [(candidate.diameter,)]
        below: tuple[float, ...] = ()
    else:
        family = ring_family()
        holes = np.clip(candidate.hole + np.array([-0.15, -0.15, 0.15]), 0.15, 1)
        starts = [(candidate.diameter, float(hole)) for hole in holes]
        below = (0.3, 8.0, 1.0)
    coarse = coarsened(data, 1 / (_PER_RING * candidate.diameter))
    near, far = (fit_band(coarse, candidate.diameter, rings=rings) for rings in (NEAR, FAR))
    if np.count_nonzero(near) < _FEWEST_CELLS:
        return None

    def compared(rings: float, band: NDArray[np.bool_]) -> tuple[Fit, Fit]:
        fit = fit_model(coarse, family, starts, band, below=below, settled=ROUGHLY)
        like = _nearest(smooth, rings, candidate.diameter)
        without = smooth_fit(coarse, candidate.diameter, band, like=like)
        smooth.append(_Smooth(rings, candidate.diameter, without))
        return fit, without

    wide, without = compared(FAR, far)
    over_six = over_three = _evidence(coarse, wide, without, far)
    narrow = wide
    if over_six < _PLAIN:
        over_three = _evidence(coarse, wide, without, near)
        if candidate.hole == 0 or max(over_six, over_three) > _LOST:
            narrow, without = compared(NEAR, near)
            over_three = _evidence(coarse, narrow, without, near)
    # Three rings leave diameter and hole of a ring nearly free: it is read over six.
    best = wide if candidate.hole or over_six >= over_three else narrow
    diameter = float(best.parameters[0])
    kind = kind_of(float(best.parameters[1]) if candidate.hole else 0.0)
    if diameter < SMALLEST_FIT:
        return None
    return Trial(
        fit=best,
        near=over_three,
        far=over_six,
        ripples=float(match(data, diameter, look=WIDE)[kind]),
        inner=float(match(data, diameter, look=INNER)[kind]),
        depth=_depth_at(depth, diameter),
        share=_share(coarse, best),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Smooth:
    """A fit without rings over the first rings of a diameter."""

    rings: float
    diameter: float
    fit: Fit


def _nearest(smooth: list[_Smooth], rings: float, diameter: float) -> Fit | None:
    """Find the fit without rings over nearly the same band, if there is one."""
    away = [abs(np.log(one.diameter / diameter)) for one in smooth if one.rings == rings]
    if not away or min(away) > _ALIKE:
        return None
    return [one for one in smooth if one.rings == rings][int(np.argmin(away))].fit


def _evidence(data: PolarSpectrum, fit: Fit, smooth: Fit, band: NDArray[np.bool_]) -> float:
    """Ln of the ratio of the squared residuals without and with rings over a band."""
    weight = np.where(band, data.count, 0.0)
    with_rings, without = (
        float(np.sum(weight * (data.log_power - one.model) ** 2)) for one in (fit, smooth)
    )
    return float(np.log(max(without, 1e-12) / max(with_rings, 1e-12)))


def _share(data: PolarSpectrum, fit: Fit) -> float:
    """Part of the power between the first two zeros of a disk that a fit does not call noise."""
    rings = data.frequency * fit.parameters[0]
    between = np.where(fit.band, data.count, 0.0) * ((rings > 1.25) & (rings < 2.2))
    if not between.any():
        return 0.0
    signal = 1 - np.exp(np.minimum(fit.log_noise - fit.model, 0))
    return float(np.average(signal, weights=between))
