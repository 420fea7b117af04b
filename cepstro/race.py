"""The race of models: which kind of blur explains a photo's spectrum best, and by how much.

First version: disks against a smooth, ringless spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cepstro.fit import Fit, disk_family, fit_band, fit_model, gaussian_family
from cepstro.radial import PolarSpectrum
from cepstro.ring import Candidate


@dataclass(frozen=True, slots=True, eq=False)
class Race:
    """The winner, what it is measured against, and the evidence between them.

    Attributes
    ----------
    winner : Fit
        Best fit of a blur with rings of zeros.
    smooth : Fit
        Best fit without rings, in the winner's band.
    evidence : float
        Natural logarithm of the ratio of their squared residuals.
    """

    winner: Fit
    smooth: Fit
    evidence: float


def race(data: PolarSpectrum, candidates: list[Candidate], *, most: int = 4) -> Race | None:
    """Fit the best candidates and what has no rings, each pair in the candidate's own band."""
    results = []
    tried: list[float] = []
    for candidate in candidates:
        if any(abs(np.log(candidate.diameter / diameter)) < 0.03 for diameter in tried):
            continue
        tried.append(candidate.diameter)
        if len(tried) > most:
            break
        band = fit_band(data, candidate.diameter)
        winner = fit_model(data, disk_family(), (candidate.diameter,), band)
        smooth = min(
            (
                fit_model(data, gaussian_family(), ((scale * candidate.diameter) ** 2,), band)
                for scale in (0.02, 0.25)
            ),
            key=lambda fit: fit.cost,
        )
        results.append(Race(winner, smooth, float(np.log(smooth.cost / winner.cost))))
    return max(results, key=lambda result: result.evidence, default=None)
