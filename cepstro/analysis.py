"""Analysis of one photo: is it out of focus, by how much, how sure is that, and why.

The pipeline of the toolkit: blocks of the photo in linear light, their averaged power spectrum,
its cepstrum and profiles, a race of candidate diameters, the winner fitted again, and what follows
from it: verdict, PSF, noise and the Wiener constant that suits the photo. Where no ring convinces,
a reduced copy of a large photo is tried for larger blur, then stripes of a motion are looked for,
then the roll-off of a Gaussian.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cepstro import reasons
from cepstro.cepstrum import power_cepstrum
from cepstro.condition import conditions
from cepstro.errors import UnsuitableImageError
from cepstro.fit import Fit
from cepstro.gaussian import OF_A_SHARP_PHOTO, SOFT, softness_of
from cepstro.gaussian import chance as chance_without_rings
from cepstro.light import Light, split_alpha
from cepstro.motion import MotionFit, find_motion
from cepstro.noise import noise_sigma
from cepstro.nsr import wiener_constant
from cepstro.photo import Photo, check_finite, unpack
from cepstro.psf import Disk, Gaussian, Motion, Polygon, Ring, scaled
from cepstro.race import DEEPEST, Trial, chance, trials
from cepstro.radial import PolarSpectrum, Profile, polar_spectrum, radial_profile
from cepstro.refine import by_quarter, calibrated_error, fit_alike, refine
from cepstro.result import Analysis, ChannelBlur, RadialSpectrum, Verdict, radial_spectrum
from cepstro.ring import Candidate
from cepstro.spectrum import Spectrum
from cepstro.view import LARGEST_BLOCK, View, luminance_of, quarters, reduced, view_of

__all__ = ["Analysis", "ChannelBlur", "RadialSpectrum", "Verdict", "analyze"]

LARGEST_FINE_BLOCK = 2048  # px; blocks of the last fit
# px: of what was found in crops of 32 to 48 px of 22 photos 100 of 336 were wrong, and 23 of 165
# sharp crops were called defocus; of 64 px 5 of 178, and none of 66.
_SMALLEST_PHOTO = 64
_DARKEST = 1e-12  # power of a flat picture
_CONVINCING = 0.5  # chance from which on a ring is called defocus
_DOUBTFUL = 0.1  # chance from which on the parts of the photo are asked
_FILLED = 2e-3  # relative floor of zeros that other depths have filled
_SURE = 0.9  # chance of a part that is believed
_STRIPES = 2.3  # strength from which on stripes are called motion
_MOTION_BLOCK = 512  # px
_QUARTER_DIAMETERS = 12  # side of a quarter of the photo that can be measured, in diameters
_NO_RING_NSR = 1e-2  # the Wiener constant offered where nothing was fitted
_NAMES = {1: ("grey",), 3: ("red", "green", "blue")}


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One view of the photo, at full size or reduced, with its spectrum and the trials on it."""

    view: View
    spectrum: Spectrum
    data: PolarSpectrum
    cepstrum: NDArray[np.float32]
    profile: Profile
    trials: list[Trial]  # best first
    untried: list[Candidate]  # not fitted, as the best is sure

    @property
    def best(self) -> float:
        """Chance of the best trial."""
        return chance(self.trials[0]) if self.trials else 0.0


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
    channels : "luminance" or "each"
        With "each", the diameter of every colour channel is measured as well.
    progress : callable, optional
        Called with the part done, 0..1.

    Returns
    -------
    Analysis

    Raises
    ------
    UnsuitableImageError
        For pictures that are too small (below 64 px a side), flat or not finite.
    TypeError, ValueError
        For what is no picture, and for regions outside it.

    References
    ----------
    Cannon, IEEE Trans. ASSP 24:58 (1976); Savakis & Trussell, IEEE Trans. Image Process. 2:141
    (1993); see `cepstro.fit` for the model that is fitted.

    Examples
    --------
    >>> import cepstro, numpy as np
    >>> scene = np.random.default_rng(1).random((256, 256)).cumsum(1) % 1.0
    >>> soft = cepstro.blur(scene, cepstro.Disk(9), light="linear")
    >>> found = cepstro.analyze(soft, light="linear")
    >>> found.verdict, round(found.diameter)
    ('defocus', 9)
    """
    if channels not in ("luminance", "each"):
        raise ValueError(f'channels must be "luminance" or "each", got {channels!r}')
    report = progress or (lambda _: None)
    pixels, light = unpack(image, light)
    pixels, _ = split_alpha(pixels)
    if region is not None:
        check_region(region, pixels.shape)
        x, y, width, height = region
        pixels = pixels[y : y + height, x : x + width]
    _check(pixels)
    view = view_of(pixels, light)
    first = look = look_at(view)
    report(0.5)
    if look.best < _CONVINCING and min(view.shape) > 1.2 * LARGEST_BLOCK:
        small = look_at(reduced(view), smallest=LARGEST_BLOCK / 32)
        look = small if small.best > look.best else look
    parts: list[Look] = []
    if _DOUBTFUL < look.best < _CONVINCING and look.trials[0].fit.floor > _FILLED:
        parts = _sure_parts(look)
        look = max(parts, key=lambda part: part.best, default=look)
    motion = None
    if look.best < _CONVINCING:
        motion = _motion(view, first.spectrum)
    report(0.8)
    encoded = _encoded_middle(pixels)
    result = _defocus(look, parts) if look.best >= _CONVINCING else None
    if result is None:
        result = _of_motion(first, motion) if motion is not None else _soft_or_none(first, look)
    others = _others(look, result)
    warnings = (*result.warnings, *conditions(pixels, encoded))
    measured: tuple[ChannelBlur, ...] = ()
    if channels == "each" and isinstance(result.psf, Disk | Ring | Polygon):
        measured = _each_channel(pixels, light, result.psf)
    report(1.0)
    return replace(
        result,
        noise=noise_sigma(encoded),
        candidates=others,
        warnings=warnings,
        channels=measured,
    )


def _check(pixels: NDArray[Any]) -> None:
    height, width = pixels.shape[:2]
    if min(height, width) < _SMALLEST_PHOTO:
        raise UnsuitableImageError(
            f"the picture is {width} x {height} px; at least {_SMALLEST_PHOTO} px a side are needed"
        )
    check_finite(pixels)


def check_region(region: tuple[int, int, int, int], shape: tuple[int, ...]) -> None:
    """Raise unless a region is four whole numbers that lie inside a picture of a shape.

    Raises
    ------
    TypeError, ValueError
        With what is wrong.
    """
    if len(region) != 4 or not all(isinstance(number, int | np.integer) for number in region):
        raise TypeError(f"region must be four whole numbers x, y, width, height, got {region!r}")
    x, y, width, height = region
    if x < 0 or y < 0 or width < 1 or height < 1:
        raise ValueError(f"region must be x, y >= 0 and width, height > 0, got {region}")
    if x + width > shape[1] or y + height > shape[0]:
        raise ValueError(
            f"region {region} reaches outside the picture of {shape[1]} x {shape[0]} px"
        )


def look_at(view: View, *, smallest: float = 0.0, near: float | None = None) -> Look:
    """Spectrum, cepstrum and trials of one view; diameters in px of the view."""
    side = min(LARGEST_BLOCK, *view.shape)
    spectrum = view.spectrum(side)
    if not spectrum.power.max() > _DARKEST:
        raise UnsuitableImageError("the picture is flat: it shows nothing that could be blurred")
    data = polar_spectrum(spectrum)
    cepstrum = power_cepstrum(spectrum)
    # Blocks show diameters up to a quarter of their side; larger ones are looked for reduced.
    profile = radial_profile(cepstrum, longest=int(0.35 * side))
    found, untried = trials(data, profile, largest=side / 4, near=near)
    found = sorted((trial for trial in found if trial.diameter > smallest), key=chance)
    return Look(view, spectrum, data, cepstrum, profile, found[::-1], untried)


def _sure_parts(look: Look) -> list[Look]:
    """Look at the quarters of a doubtful photo: two depths of one blur hide each other's zeros."""
    diameter = look.trials[0].diameter
    if min(look.view.shape) // 2 < _QUARTER_DIAMETERS * diameter:
        return []
    parts: list[Look] = []
    for count, quarter in enumerate(quarters(look.view)):
        if count == 3 and not parts:
            break  # two are needed
        with suppress(UnsuitableImageError):  # a flat part has no say
            part = look_at(quarter, near=diameter)
            if part.best > _SURE:
                parts.append(part)
    sizes = [part.trials[0].diameter for part in parts]
    return parts if len(parts) > 1 and max(sizes) < DEEPEST * min(sizes) else []


def _motion(view: View, spectrum: Spectrum) -> MotionFit | None:
    """Stripes of a motion, where they convince."""
    side = min(_MOTION_BLOCK, *view.shape)
    if side < spectrum.side:
        spectrum = view.spectrum(side)
    motion = find_motion(spectrum, longest=side / 4)
    if motion is None or motion.strength < _STRIPES:
        return None
    return motion


def _defocus(look: Look, parts: list[Look]) -> Analysis:
    """Refine the winner and say what it is; with parts, `look` is the surest of them."""
    winner, view = look.trials[0], look.view
    longest = min(LARGEST_FINE_BLOCK, *view.shape)
    refined = refine(view.spectrum, winner.fit, longest=longest)
    fit = refined.fit
    psf = scaled(fit.psf, view.scale)
    diameter = float(fit.parameters[0]) * view.scale
    error = float(np.hypot(calibrated_error(fit), refined.spread)) * view.scale
    thin: tuple[Candidate, ...] = ()
    ambiguous: list[str] = []
    if refined.other is not None and refined.doubt > _DOUBTFUL:
        other = scaled(refined.other.psf, view.scale)
        width = float(refined.other.parameters[0]) * view.scale
        thin = (Candidate(width, look.best * refined.doubt, 1.0),)
        ambiguous = reasons.of_thin_ring(other)
    return Analysis(
        verdict="defocus",
        diameter=diameter,
        diameter_error=error,
        confidence=look.best * (1 - refined.doubt),
        model=fit.family,
        psf=psf,
        nsr=wiener_constant(refined.data, fit),
        noise=0.0,
        candidates=thin,
        reason=reasons.of_defocus(psf, diameter),
        warnings=(
            *ambiguous,
            *_varying(look, fit, parts),
            *reasons.of_large_blur(diameter, min(view.shape) * view.scale / 4),
        ),
        channels=(),
        spectrum=look.spectrum,
        cepstrum=look.cepstrum,
        profile=replace(look.profile, quefrency=look.profile.quefrency * view.scale),
        radial=radial_spectrum(refined.data, fit, psf, scale=view.scale),
        step=view.scale,
    )


def _varying(look: Look, fit: Fit, parts: list[Look]) -> list[str]:
    """Compare the quarters of the photo where they are large enough to be measured."""
    view = look.view
    found = [part.trials[0].fit for part in parts]
    half = min(view.shape) // 2
    if not parts and half >= _QUARTER_DIAMETERS * float(fit.parameters[0]):
        views = [partial(quarter.spectrum, overlap=0.0) for quarter in quarters(view)]
        found = by_quarter(views, fit, longest=min(half, LARGEST_BLOCK))
    return reasons.of_varying_blur(
        [float(part.parameters[0]) * view.scale for part in found],
        [calibrated_error(part) * view.scale for part in found],
    )


def _of_motion(look: Look, motion: MotionFit) -> Analysis:
    psf = Motion(motion.length, angle=motion.angle)
    return Analysis(
        verdict="motion",
        diameter=motion.length,
        diameter_error=motion.length_error,
        confidence=float(np.clip(0.6 + 0.5 * (motion.strength - _STRIPES), 0, 0.97)),
        model="motion",
        psf=psf,
        nsr=wiener_constant(motion.data, motion.fit),
        noise=0.0,
        candidates=(),
        reason=reasons.of_motion(psf),
        warnings=(),
        channels=(),
        spectrum=look.spectrum,
        cepstrum=look.cepstrum,
        profile=look.profile,
        radial=radial_spectrum(motion.data, motion.fit, psf),
    )


def _soft_or_none(first: Look, look: Look) -> Analysis:
    """Without rings and stripes: soft like a Gaussian, or nothing that can be named.

    The softness is read at full size, as a reduced copy lacks the frequencies that tell sharp
    photos; the reason speaks of `look`, which came nearest to rings.
    """
    softness = softness_of(first.data)
    soft = softness.sigma > SOFT
    excess = float(np.sqrt(max(softness.sigma**2 - OF_A_SHARP_PHOTO**2, 0)))
    side = float(np.sqrt(first.view.shape[0] * first.view.shape[1]))
    confidence = chance_without_rings(softness, look.best, side)
    best = look.trials[0].diameter * look.view.scale if look.trials else None
    return Analysis(
        verdict="gaussian" if soft else "none",
        diameter=None,
        diameter_error=None,
        confidence=confidence,
        model="gaussian" if soft else None,
        psf=Gaussian(excess) if soft else None,
        nsr=_NO_RING_NSR,
        noise=0.0,
        candidates=(),
        reason=(
            reasons.of_gaussian(excess, confidence) if soft else reasons.of_none(look.best, best)
        ),
        warnings=(),
        channels=(),
        spectrum=first.spectrum,
        cepstrum=first.cepstrum,
        profile=first.profile,
        radial=radial_spectrum(first.data, None, None),
    )


def _others(look: Look, result: Analysis) -> tuple[Candidate, ...]:
    """List the runners-up, in px of the photo, without the winner and without doubles.

    Their chances, each taken for itself, add up to no more than what the verdict leaves.
    """
    found = [] if result.verdict != "defocus" or result.diameter is None else [result.diameter]
    rest = 1 - result.confidence
    listed = [Candidate(trial.diameter, chance(trial), trial.hole) for trial in look.trials]
    # Those that were not fitted share the chance that the best is wrong.
    each = (1 - look.best) / max(1, len(look.untried))
    listed += [replace(other, strength=each) for other in look.untried]
    kept = list(result.candidates)
    for candidate in listed:
        size = candidate.diameter * look.view.scale
        known = [other.diameter for other in kept] + found
        if not any(abs(np.log(size / other)) < 0.04 for other in known):
            kept.append(replace(candidate, diameter=size))
    kept = sorted(kept, key=lambda candidate: -candidate.strength)[:5]
    share = min(1.0, rest / max(1e-12, sum(candidate.strength for candidate in kept)))
    return tuple(replace(one, strength=share * one.strength) for one in kept)


def _each_channel(
    pixels: NDArray[Any], light: Light, psf: Disk | Ring | Polygon
) -> tuple[ChannelBlur, ...]:
    """Fit the blur of every colour near that of the luminance, and of the same kind."""
    planes = pixels if pixels.ndim == 3 else pixels[..., None]
    longest = min(LARGEST_FINE_BLOCK, *pixels.shape[:2])
    measured = []
    for index, name in enumerate(_NAMES[planes.shape[2]]):
        channel = View(planes[..., index], light)
        fit = fit_alike(channel.spectrum, psf, longest=longest)
        measured.append(ChannelBlur(name, float(fit.parameters[0]), calibrated_error(fit)))
    return tuple(measured)


def _encoded_middle(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Luminance of the encoded values in the middle of the photo, at most 1024 px a side."""
    top, left = (max(0, (length - LARGEST_BLOCK) // 2) for length in pixels.shape[:2])
    middle = pixels[top : top + LARGEST_BLOCK, left : left + LARGEST_BLOCK]
    return luminance_of(middle, "linear")
