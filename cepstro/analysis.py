"""Analysis of one photo: is it out of focus, by how much, how sure is that, and why.

The pipeline of the toolkit: blocks of the photo in linear light, their averaged power spectrum, its
cepstrum and profiles, candidates for the diameter, a fit of the blur models to the polar log
spectrum, and what follows from it: verdict, PSF, noise and the Wiener constant that suits the photo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cepstro.cepstrum import power_cepstrum
from cepstro.errors import UnsuitableImageError
from cepstro.fft import good_size
from cepstro.fit import Fit, disk_family, fit_band, fit_model, ring_family
from cepstro.light import Light, luminance, split_alpha, to_linear
from cepstro.noise import noise_sigma
from cepstro.photo import Photo, check_finite, unpack
from cepstro.psf import PSF
from cepstro.race import FAR, NEAR, chance, trials
from cepstro.radial import PolarSpectrum, Profile, polar_spectrum, radial_profile
from cepstro.ring import Candidate
from cepstro.spectrum import Spectrum, corners, power_spectrum

Verdict = Literal["defocus", "motion", "gaussian", "none"]

LARGEST_BLOCK = 1024  # px; blocks of the first look
_MOST_BLOCKS = 16
_SMALLEST_PHOTO = 32  # px
_BLOCK_DIAMETERS = 24  # side of the blocks of the fine fit, in diameters


@dataclass(frozen=True, slots=True, eq=False)
class RadialSpectrum:
    """The radial log power spectrum and the model fitted to it, for figures.

    Attributes
    ----------
    frequency : (m,) float64
        cycles/px.
    log_power, scatter : (m,) float64
        Mean and standard deviation over the directions of ln power.
    model, trend : (m,) float64 or None
        Fitted ln power, and the part of it that is the scene's; NaN outside the band.
    zeros : tuple of float
        Frequencies at which the model's transfer function is 0, cycles/px.
    band : (float, float)
        Frequencies that took part in the fit.
    noise : float or None
        ln of the fitted white floor.
    """

    frequency: NDArray[np.float64]
    log_power: NDArray[np.float64]
    scatter: NDArray[np.float64]
    model: NDArray[np.float64] | None
    trend: NDArray[np.float64] | None
    zeros: tuple[float, ...]
    band: tuple[float, float]
    noise: float | None


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
        Chance, 0..1, that verdict and diameter (within 5 % or 0.5 px) are right.
    model : str or None
        "disk", "ring", "polygon", "gaussian", "motion".
    psf : PSF or None
        Ready for `deblur` and `blur`.
    nsr : float
        Wiener constant that suits this photo.
    noise : float
        Sigma of the noise in encoded units, 0..1.
    candidates : tuple of Candidate
        Other diameters worth trying, best first.
    reason : str
        One sentence: why this verdict.
    warnings : tuple of str
        What a person should know about the photo, a sentence each.
    spectrum, cepstrum, profile, radial
        What the figures draw; the cepstrum is centred, 1 px a sample.
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
    spectrum: Spectrum = field(repr=False)
    cepstrum: NDArray[np.float32] = field(repr=False)
    profile: Profile = field(repr=False)
    radial: RadialSpectrum = field(repr=False)

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
                {"diameter": c.diameter, "strength": c.strength, "hole": c.hole}
                for c in self.candidates
            ],
            "reason": self.reason,
            "warnings": list(self.warnings),
        }


def analyze(
    image: Photo | NDArray[Any],
    *,
    light: Light | None = None,
    region: tuple[int, int, int, int] | None = None,
    channels: Literal["luminance", "each"] = "luminance",
    progress: Callable[[float], None] | None = None,
) -> Analysis:
    """Find the blur of one photo.

    Parameters
    ----------
    image : Photo or array
        H x W or H x W x C; unsigned integers span their range, floats 0..1.
    light : "srgb", "linear" or ToneCurve, optional
        How the values encode light; default the Photo's own, "srgb" for arrays.
    region : (x, y, width, height), optional
        Look at this part only, px.
    progress : callable, optional
        Called with the part done, 0..1.

    Raises
    ------
    UnsuitableImageError
        For pictures that are too small, flat or not finite.

    References
    ----------
    Cannon 1976; Savakis & Trussell 1993 (see `cepstro.fit` for the model fitted here).
    """
    pixels, light = unpack(image, light)
    pixels, _ = split_alpha(pixels)
    if region is not None:
        pixels = _cut_region(pixels, region)
    height, width = pixels.shape[:2]
    if min(height, width) < _SMALLEST_PHOTO:
        raise UnsuitableImageError(
            f"the picture is {width} x {height} px; at least {_SMALLEST_PHOTO} px a side are needed"
        )
    check_finite(pixels)
    side = min(LARGEST_BLOCK, height, width)
    spectrum = power_spectrum(_blocks(pixels, side, light))
    if not spectrum.power.max() > 1e-12:
        raise UnsuitableImageError("the picture is flat: it shows nothing that could be blurred")
    data = polar_spectrum(spectrum)
    noise = noise_sigma(_encoded_sample(pixels))
    cepstrum = power_cepstrum(spectrum)
    profile = radial_profile(cepstrum)
    tried = sorted(trials(data, profile, largest=min(height, width) / 4), key=chance, reverse=True)
    others = tuple(Candidate(trial.diameter, chance(trial), trial.hole) for trial in tried[1:5])
    if not tried or chance(tried[0]) < 0.5:
        confidence = 1 - (chance(tried[0]) if tried else 0.0)
        return Analysis(
            "none",
            None,
            None,
            confidence,
            None,
            None,
            1e-2,
            noise,
            others,
            "the spectrum shows no rings of zeros: the photo is sharp or its blur of another kind",
            (),
            spectrum,
            cepstrum,
            profile,
            _radial(data, None, None),
        )
    fine = _fine(pixels, light, tried[0].fit)
    diameter, error = float(fine[1].parameters[0]), float(2.5 * fine[1].errors[0])
    return Analysis(
        "defocus",
        diameter,
        error,
        chance(tried[0]),
        fine[1].family,
        fine[1].psf,
        wiener_constant(fine[0], fine[1]),
        noise,
        others,
        f"the spectrum shows the rings of zeros of a disk {diameter:.1f} px across",
        (),
        spectrum,
        cepstrum,
        profile,
        _radial(fine[0], fine[1], diameter),
    )


def _fine(pixels: NDArray[Any], light: Light, found: Fit) -> tuple[PolarSpectrum, Fit]:
    """Fit the winner again, to blocks of the size that suits it."""
    diameter = float(found.parameters[0])
    longest = min(pixels.shape[:2])
    side = min(good_size(int(max(128, _BLOCK_DIAMETERS * diameter))), longest, 2 * LARGEST_BLOCK)
    spectrum = power_spectrum(_blocks(pixels, side, light))
    data = polar_spectrum(spectrum, step=1 / (_BLOCK_DIAMETERS * diameter))
    family = ring_family() if found.family == "ring" else disk_family()
    start = tuple(float(value) for value in found.parameters)
    bands = [fit_band(data, diameter, rings=rings) for rings in (NEAR, FAR)]
    fits = [fit_model(data, family, [start], band) for band in bands]
    return data, min(fits, key=lambda fit: float(fit.errors[0]))


def wiener_constant(data: PolarSpectrum, fit: Fit) -> float:
    """The constant K of a Wiener filter with the least expected error under a fit.

    The scene's power is the fit's trend around the circle, continued as a power law; the noise is
    its white floor.
    """
    frequency = data.frequency
    inside = np.flatnonzero(fit.band.any(axis=0))
    weight = np.where(fit.band, data.count, 0)[:, inside]
    scene = np.sum(weight * fit.trend[:, inside], axis=0) / np.sum(weight, axis=0)
    log_rho = np.log(frequency[inside])
    slope = float(np.clip(np.polyfit(log_rho, scene, 1)[0], -4, -1.5))
    grid = np.geomspace(max(frequency[1], 1e-3), 0.5, 400)
    power = np.interp(np.log(grid), log_rho, scene)
    power += slope * np.maximum(np.log(grid) - log_rho[-1], 0)
    transfer = np.asarray(fit.psf.transfer(np.zeros_like(grid), grid)).real
    constants = np.geomspace(1e-6, 1, 61)[:, None]
    filter_ = transfer / (transfer**2 + constants)
    error = np.exp(power) * (1 - filter_ * transfer) ** 2 + fit.noise * filter_**2
    cost = np.sum(error * grid**2, axis=1)  # rings of equal ratio: area grows as rho squared
    return float(constants[int(np.argmin(cost)), 0])


def _blocks(pixels: NDArray[Any], side: int, light: Light) -> Iterator[NDArray[np.float32]]:
    """Luminance in linear light of square blocks spread over the photo."""
    height, width = pixels.shape[:2]
    area = LARGEST_BLOCK**2 * _MOST_BLOCKS
    for top, left in corners((height, width), side, limit=max(1, area // side**2)):
        yield luminance(to_linear(pixels[top : top + side, left : left + side], light=light))


def _encoded_sample(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Luminance of the encoded values in the middle of the photo, at most 1024 px a side."""
    top, left = (max(0, (length - 1024) // 2) for length in pixels.shape[:2])
    middle = pixels[top : top + 1024, left : left + 1024]
    return luminance(to_linear(middle, light="linear"))


def _cut_region(pixels: NDArray[Any], region: tuple[int, int, int, int]) -> NDArray[Any]:
    x, y, width, height = region
    if x < 0 or y < 0 or width < 1 or height < 1:
        raise ValueError(f"region must be x, y >= 0 and width, height > 0, got {region}")
    if x + width > pixels.shape[1] or y + height > pixels.shape[0]:
        raise ValueError(
            f"region {region} reaches outside the picture of {pixels.shape[1]} x {pixels.shape[0]} px"
        )
    return pixels[y : y + height, x : x + width]


def _radial(data: PolarSpectrum, fit: Fit | None, diameter: float | None) -> RadialSpectrum:
    """Mean over the directions of the data and of the model."""
    weight = data.count
    total = np.maximum(weight.sum(axis=0), 1e-9)
    seen = weight.sum(axis=0) > 0
    mean = np.sum(weight * data.log_power, axis=0) / total
    scatter = np.sqrt(np.sum(weight * (data.log_power - mean) ** 2, axis=0) / total)
    if fit is None or diameter is None:
        edge = (float(data.frequency[seen][0]), float(data.frequency[seen][-1]))
        return RadialSpectrum(
            data.frequency[seen], mean[seen], scatter[seen], None, None, (), edge, None
        )
    inside = np.where(fit.band, weight, 0)
    band_total = inside.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        model = np.sum(inside * fit.model, axis=0) / band_total
        trend = np.sum(inside * fit.trend, axis=0) / band_total
        mean = np.where(band_total > 0, np.sum(inside * data.log_power, axis=0) / band_total, mean)
    columns = np.flatnonzero(band_total)
    edge = (float(data.frequency[columns[0]]), float(data.frequency[columns[-1]]))
    return RadialSpectrum(
        data.frequency[seen],
        mean[seen],
        scatter[seen],
        model[seen],
        trend[seen],
        zeros_of(fit.psf, edge[1]),
        edge,
        float(np.log(fit.noise)),
    )


def zeros_of(psf: PSF, highest: float) -> tuple[float, ...]:
    """Frequencies up to `highest` at which a circular PSF's transfer function changes sign."""
    radial = getattr(psf, "radial", None)
    if radial is None:
        return ()
    grid = np.linspace(0, highest, 4000)
    value = radial(grid)
    index = np.flatnonzero(value[:-1] * value[1:] < 0)
    part = value[index] / (value[index] - value[index + 1])
    return tuple(float(zero) for zero in grid[index] + part * (grid[1] - grid[0]))
