"""Analysis: what one photo says about its blur, and what the figures draw of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cepstro.fit import Fit
from cepstro.psf import PSF, Motion
from cepstro.radial import PolarSpectrum, Profile
from cepstro.ring import Candidate
from cepstro.spectrum import Spectrum

Verdict = Literal["defocus", "motion", "gaussian", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class RadialSpectrum:
    """The radial log power spectrum and the model fitted to it, for figures.

    Attributes
    ----------
    frequency : (m,) float64
        cycles/px, along the motion for a motion.
    log_power, scatter : (m,) float64
        Mean and standard deviation over the directions of ln power.
    model, trend : (m,) float64 or None
        Fitted ln power, and the part of it that is the scene's; NaN outside the band.
    zeros : tuple of float
        Frequencies at which the model's transfer function is 0, cycles/px.
    band : (float, float)
        Frequencies that took part in the fit.
    noise : float or None
        ln of the fitted noise floor at the end of the band.
    """

    frequency: NDArray[np.float64]
    log_power: NDArray[np.float64]
    scatter: NDArray[np.float64]
    model: NDArray[np.float64] | None
    trend: NDArray[np.float64] | None
    zeros: tuple[float, ...]
    band: tuple[float, float]
    noise: float | None


@dataclass(frozen=True, slots=True)
class ChannelBlur:
    """The diameter of one colour channel, with one standard deviation, px."""

    name: str
    diameter: float
    diameter_error: float


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What one photo says about its blur.

    Attributes
    ----------
    verdict : str
        "defocus", "motion", "gaussian" (soft, but without rings of zeros) or "none".
    diameter, diameter_error : float or None
        Of the defocus disk (the length of a motion), and one standard deviation, px.
    confidence : float
        Chance, 0..1, that verdict and diameter (within 5 % or 0.5 px) are right, calibrated on
        photos with known blur. That of "gaussian" and "none" is low where too little of the scene
        shows to tell; it was counted on crops of which two in five were out of focus and one each
        moved, soft like a Gaussian and sharp.
    model : str or None
        "disk", "ring", "polygon", "gaussian", "motion".
    psf : PSF or None
        Ready for `deblur` and `blur`.
    nsr : float
        Wiener constant that suits this photo.
    noise : float
        Sigma of the noise in encoded units, 0..1.
    candidates : tuple of Candidate
        Other diameters worth trying, best first; the strength is the chance that it is right, all
        of them together at most 1 - `confidence`.
    reason : str
        One sentence: why this verdict.
    warnings : tuple of str
        What a person should know about the photo, a sentence each.
    channels : tuple of ChannelBlur
        The diameter of each colour, where it was asked for.
    spectrum, cepstrum, profile, radial
        What the figures draw; the cepstrum is centred.
    step : float
        px of the photo from one sample of the cepstrum to the next: 1, more where a large blur was
        found on a reduced copy. `profile` and `radial` are in px of the photo in any case.
    """

    verdict: Verdict
    diameter: float | None
    diameter_error: float | None
    confidence: float
    model: str | None
    psf: PSF | None
    nsr: float
    noise: float
    candidates: tuple[Candidate, ...]
    reason: str
    warnings: tuple[str, ...]
    channels: tuple[ChannelBlur, ...]
    spectrum: Spectrum = field(repr=False)
    cepstrum: NDArray[np.float32] = field(repr=False)
    profile: Profile = field(repr=False)
    radial: RadialSpectrum = field(repr=False)
    step: float = field(default=1.0, repr=False)

    @property
    def chromatic_difference(self) -> float | None:
        """Largest less smallest diameter of the channels, px; None where they were not measured."""
        if not self.channels:
            return None
        diameters = [channel.diameter for channel in self.channels]
        return max(diameters) - min(diameters)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and text, ready for JSON."""
        return {
            "verdict": self.verdict,
            "diameter": self.diameter,
            "diameter_error": self.diameter_error,
            "confidence": self.confidence,
            "model": self.model,
            "psf": None if self.psf is None else str(self.psf),
            "nsr": self.nsr,
            "noise": self.noise,
            "candidates": [
                {"diameter": other.diameter, "strength": other.strength, "hole": other.hole}
                for other in self.candidates
            ],
            "reason": self.reason,
            "warnings": list(self.warnings),
            "channels": [
                {
                    "name": channel.name,
                    "diameter": channel.diameter,
                    "diameter_error": channel.diameter_error,
                }
                for channel in self.channels
            ],
            "chromatic_difference": self.chromatic_difference,
        }


def radial_spectrum(
    data: PolarSpectrum, fit: Fit | None, psf: PSF | None, *, scale: float = 1.0
) -> RadialSpectrum:
    """Average data and model over the directions, for figures.

    `scale` is the factor by which the photo was reduced before: frequencies are of the photo.
    """
    weight = data.count if fit is None else np.where(fit.band, data.count, 0.0)
    total = weight.sum(axis=0)
    seen = (total > 0) & (data.frequency > 0)
    weight, total = weight[:, seen], total[seen]

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.sum(weight * values[:, seen], axis=0) / total, np.float64)

    power = mean(data.log_power)
    scatter = np.sqrt(np.sum(weight * (data.log_power[:, seen] - power) ** 2, axis=0) / total)
    frequency = data.frequency[seen] / scale
    band = (float(frequency[0]), float(frequency[-1]))
    return RadialSpectrum(
        frequency=frequency,
        log_power=power,
        scatter=scatter,
        model=None if fit is None else mean(fit.model),
        trend=None if fit is None else mean(fit.trend),
        zeros=() if psf is None else zeros_of(psf, band[1]),
        band=band,
        noise=None if fit is None else float(fit.log_noise[seen][-1]),
    )


def zeros_of(psf: PSF, highest: float) -> tuple[float, ...]:
    """Frequencies up to `highest` at which a PSF's transfer function changes sign.

    Along the motion for a motion; none for a PSF that is not the same in all directions.
    """
    grid = np.linspace(0, highest, 4000)
    if isinstance(psf, Motion):
        value = np.sinc(psf.length * grid)
    elif hasattr(psf, "radial"):
        value = psf.radial(grid)
    else:
        return ()
    index = np.flatnonzero(value[:-1] * value[1:] < 0)
    part = value[index] / (value[index] - value[index + 1])
    return tuple(float(zero) for zero in grid[index] + part * (grid[1] - grid[0]))
