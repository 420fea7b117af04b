"""The winner of the race fitted again: blocks of the size that suits it, its shape, its error bar.

Blocks of 24 diameters resolve every ring in 24 frequencies and leave the most blocks to average.
The shape is decided here: a ring or a polygon must explain the spectrum better than a disk by a
margin, and is fitted only where the ripples or what the disk leaves look like one. The diameter is
read over three or over six rings, whichever gives the smaller error.

Tried on 22 photos a condition (8 bit / BSNR 20 / JPEG 75, median error in px): blocks of 16, 24, 40
diameters over six rings 0.006 / 0.103 / 0.069, 0.006 / 0.078 / 0.073, 0.006 / 0.089 / 0.098; over
three 0.011 / 0.077 / 0.112; the smaller error of the two 0.006 / 0.077 / 0.047.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cepstro.families import Family, disk_family, ring_family, thin_ring_family
from cepstro.fft import good_size
from cepstro.fit import ROUGHLY, Fit, fit_band, fit_model
from cepstro.iris import SECTORS as POLYGON_SECTORS
from cepstro.iris import fit_polygon, polygon_family
from cepstro.psf import Disk, Polygon, Ring
from cepstro.race import FAR, NEAR
from cepstro.radial import SECTORS, PolarSpectrum, polar_spectrum
from cepstro.scan import kind_of, match
from cepstro.spectrum import Spectrum

_BLOCK_DIAMETERS = 24
_SMALLEST_BLOCK = 128  # px
_RING_GAIN = 0.25  # ln of the ratio of squared residuals that makes a disk a ring
_POLYGON_GAIN = 0.1  # at 0.09 one more polygon of 22 is seen, and one more disk of 44 is called one
_SMALLEST_POLYGON = 10.0  # px; corners of smaller ones are lost between the pixels
_SMALLEST_HOLE = 0.2
_RING_RINGS = 9.0
# From tests/benchmarks/calibrate.py, so that 2 in 3 truths lie within one error bar: powers of the
# curvature's error, the diameter, the relative floor (+ 1e-4) and the misfit, and the factors.
_ERROR_POWERS = (0.91, -0.14, 0.15, 0.16)
_ERROR_FACTOR = {"disk": 6.0, "polygon": 6.0, "ring": 13.0}
# Rings of holes from 0.7 on and thin soft rings, 11 photos a kind: the gain (ln of the ratio of
# squared residuals over nine rings, thick to thin) was at 8 bit -1.5 to 0.2 for a hole of 0.7,
# -0.06 to 0.31 for 0.8, and 0 to 0.12 for thin ones of softness 0.07 diameters; at noise 1/255,
# JPEG 90 -0.12 to 0.10, -0.12 to 0.04 and -0.08 to 0.12. So the gain decides nothing but a doubt.
# Where the hole reads above 0.93 both have nearly one diameter, and the thin ring's is steadier.
_LEAST_THIN, _THIN, _MOST_THICK = 0.55, 0.7, 0.93  # holes; thin soft rings read 0.6 to 1
_HALF = 0.5  # nothing tells them apart: each has half the chance
_THICK = 0.08  # of the diameter, the thickness that may hide in a softness and matters
_AS_WELL, _EQUAL = 0.12, 0.04
_SOFT_GAIN = 0.6  # hard disks on real photos reach 0.51: a scene's own fall looks like softness
_SOFTEST = 1 / 8  # of the diameter; more would be a Gaussian
_SHOWS = 0.3  # correlation of the ripples from which on a part of the photo has a say
# Correlation of a disk's ripples less that of the best ring's: disks reach 0.20 to 0.63, rings of
# holes from 0.3 -0.74 to -0.34 (126 photos).
_PLAINLY_A_DISK = 0.15
_HOLES = (0.3, 0.45, 0.6, 0.75, 0.9)


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """The final fit, and the polar spectrum it was made on.

    Attributes
    ----------
    fit : Fit
    data : PolarSpectrum
    doubt : float
        Chance, 0..1, that a ring of another thickness is the true one.
    spread : float
        What that adds to the standard deviation of the diameter, px.
    other : Fit or None
        A thin soft ring that explains the photo about as well as the thick one of `fit`.
    """

    fit: Fit
    data: PolarSpectrum
    doubt: float = 0.0
    spread: float = 0.0
    other: Fit | None = None


def by_quarter(views: Sequence[Callable[[int], Spectrum]], fit: Fit, *, longest: int) -> list[Fit]:
    """Fit the same kind of blur to parts of the photo; those in which rings show at all.

    Parameters
    ----------
    views : sequence of callables
        Give each part's averaged spectrum for blocks of a side in px.
    fit : Fit
        Of the whole photo.
    longest : int
        Largest side there is in a part, px.
    """
    diameter = float(fit.parameters[0])
    hole = fit.psf.hole if isinstance(fit.psf, Ring) else 0.0
    family = ring_family() if 0 < hole < 1 else thin_ring_family() if hole else disk_family()
    start = tuple(float(value) for value in fit.parameters[: len(family.lower)])
    found = []
    for spectrum_of in views:
        spectrum = spectrum_of(block_side(diameter, longest))
        data = polar_spectrum(spectrum, step=2 / (_BLOCK_DIAMETERS * diameter))
        if match(data, diameter)[kind_of(hole)] > _SHOWS:
            band = fit_band(data, diameter, rings=NEAR)
            found.append(fit_model(data, family, [start], band, like=fit, settled=2 * ROUGHLY))
    return found


def block_side(diameter: float, longest: int) -> int:
    """Side of the blocks that suit a diameter, px; at most `longest`."""
    return min(longest, good_size(max(_SMALLEST_BLOCK, int(_BLOCK_DIAMETERS * diameter))))


def refine(spectrum_of: Callable[[int], Spectrum], found: Fit, *, longest: int) -> Refined:
    """Fit disk, ring and polygon around a first fit and keep the one that is justified.

    Parameters
    ----------
    spectrum_of : callable
        Gives the photo's averaged spectrum for blocks of a side in px.
    found : Fit
        A disk or a ring.
    longest : int
        Largest side there is, px.
    """
    diameter = float(found.parameters[0])
    spectrum = spectrum_of(block_side(diameter, longest))
    step = 1 / (_BLOCK_DIAMETERS * diameter)
    data = polar_spectrum(spectrum, step=step)
    ring = _fit_ring(data, diameter, found)
    if ring is not None:
        return _thick_or_thin(data, ring)
    near, far = _disks(data, diameter, like=found)
    disk = _surer(near, far)
    width = float(disk.parameters[0])
    if width < _SMALLEST_POLYGON:
        return Refined(_softened(data, disk), data)
    fine = polar_spectrum(spectrum, step=step, sectors=POLYGON_SECTORS)
    polygon = fit_polygon(fine, far)
    if polygon is not None:
        round_one = fit_model(fine, disk_family(), [(width,)], polygon.band, like=far)
        if np.log(round_one.cost / polygon.cost) > _POLYGON_GAIN:
            return Refined(_softened(fine, polygon), fine)
    return Refined(_softened(data, disk), data)


def _thick_or_thin(data: PolarSpectrum, ring: Fit) -> Refined:
    """Compare a ring of little thickness with a thin soft one: they leave nearly the same zeros."""
    width, hole = (float(value) for value in ring.parameters[:2])
    if hole < _LEAST_THIN:
        return Refined(_softened(data, ring), data)
    wide = fit_band(data, width, rings=_RING_RINGS)
    thick = fit_model(data, ring_family(), [(width, hole)], wide, like=ring)
    middle, softness = 0.5 * width * (1 + hole), 0.15 * width * (1 - hole)
    start = (middle, softness**2 + 0.01)
    thin = fit_model(data, thin_ring_family(), [start], wide, like=thick)
    gain = float(np.log(max(thick.cost, 1e-12) / max(thin.cost, 1e-12)))
    if hole > _MOST_THICK and gain > -_EQUAL:
        # A thickness t leaves the zeros that a softness of t / sqrt(12) does.
        wider = calibrated_error(thin) / max(float(thin.errors[0]), 1e-12)
        thickness = float(np.sqrt(12 * (thin.parameters[1] + wider * thin.errors[1])))
        doubt = _HALF if thickness > _THICK * width else 0.0
        return Refined(thin, data, doubt, float(np.sqrt(_HALF)) * thickness)
    likely = min(1.0, (hole - _LEAST_THIN) / (_THIN - _LEAST_THIN))
    doubt = float(_HALF * likely / (1 + np.exp(-max(gain + _AS_WELL, -1) / _EQUAL)))
    spread = np.sqrt(doubt) * abs(width - float(thin.parameters[0]))
    return Refined(_softened(data, ring), data, doubt, float(spread), thin)


def calibrated_error(fit: Fit) -> float:
    """One standard deviation of the first parameter, px, as photos with known blur show it.

    The curvature's error takes the cells for independent and the model for true. Where a fit leaves
    more scatter than chance would, or zeros that are filled, the truth is further away.
    """
    width = float(fit.parameters[0])
    measures = (float(fit.errors[0]), width, fit.floor + 1e-4, fit.misfit)
    spread = float(np.prod(np.power(measures, _ERROR_POWERS)))
    return _ERROR_FACTOR[fit.family] * spread


def fit_alike(
    spectrum_of: Callable[[int], Spectrum], psf: Disk | Ring | Polygon, *, longest: int
) -> Fit:
    """Fit a blur of the same kind near a known one, as to one colour of a photo.

    Disks are read over three and over six rings, rings over six and nine, polygons over six; the
    fit with the smaller error is kept.
    """
    diameter = psf.diameter
    spectrum = spectrum_of(block_side(diameter, longest))
    sectors = POLYGON_SECTORS if isinstance(psf, Polygon) else SECTORS
    data = polar_spectrum(spectrum, step=1 / (_BLOCK_DIAMETERS * diameter), sectors=sectors)
    family, start, rings = _kind(psf, data.resolution)
    fits = [fit_model(data, family, [start], fit_band(data, diameter, rings=r)) for r in rings]
    return min(fits, key=lambda fit: float(fit.errors[0]))


def _kind(
    psf: Disk | Ring | Polygon, resolution: float
) -> tuple[Family, tuple[float, ...], tuple[float, ...]]:
    """Family of a PSF, its parameters there, and over how many rings it may be read."""
    soft = psf.softness > 0
    last = (psf.softness**2,) if soft else ()
    if isinstance(psf, Polygon):
        family = polygon_family(psf.blades, resolution * psf.diameter, soft=soft)
        return family, (psf.diameter, psf.rotation, *last), (FAR,)
    if isinstance(psf, Ring) and psf.hole == 1:
        return thin_ring_family(), (psf.diameter, psf.softness**2), (FAR, _RING_RINGS)
    if isinstance(psf, Ring):
        return ring_family(soft=soft), (psf.diameter, psf.hole, *last), (FAR, _RING_RINGS)
    return disk_family(soft=soft), (psf.diameter, *last), (NEAR, FAR)


def _disks(data: PolarSpectrum, diameter: float, *, like: Fit | None = None) -> tuple[Fit, Fit]:
    """Fit a disk over three and over six rings."""
    near, far = (
        fit_model(data, disk_family(), [(diameter,)], fit_band(data, diameter, rings=r), like=like)
        for r in (NEAR, FAR)
    )
    return near, far


def _surer(one: Fit, other: Fit) -> Fit:
    return min((one, other), key=lambda fit: float(fit.errors[0]))


def _softened(data: PolarSpectrum, hard: Fit) -> Fit:
    """Fit the same shape with a soft edge, kept where that explains its band clearly better."""
    width = float(hard.parameters[0])
    if isinstance(hard.psf, Polygon):
        family = polygon_family(hard.psf.blades, data.resolution * width, soft=True)
    else:
        family = (ring_family if hard.family == "ring" else disk_family)(soft=True)
    start = (*hard.parameters, (width / 30) ** 2)
    soft = fit_model(data, family, [start], hard.band, like=hard, settled=ROUGHLY)
    if np.log(hard.cost / soft.cost) < 0.9 * _SOFT_GAIN:
        return hard
    soft = fit_model(data, family, [tuple(soft.parameters)], hard.band, like=soft)
    gain = float(np.log(hard.cost / soft.cost))
    near = abs(soft.parameters[0] - width) < 0.02 * width
    if gain > _SOFT_GAIN and near and np.sqrt(soft.parameters[-1]) < _SOFTEST * width:
        return soft
    return hard


def _fit_ring(data: PolarSpectrum, diameter: float, found: Fit) -> Fit | None:
    """Fit a ring, or None where a disk explains the first six rings about as well."""
    matched = match(data, diameter)
    if matched[0] - matched[1:].max() > _PLAINLY_A_DISK:
        return None
    holes = {float(found.parameters[1])} if found.family == "ring" else set()
    starts = [(diameter, hole) for hole in sorted(holes | set(_HOLES))]
    band = fit_band(data, diameter, rings=FAR)
    ring = fit_model(data, ring_family(), starts, band, like=found)
    disk = fit_model(data, disk_family(), [(diameter,), (float(ring.parameters[0]),)], band)
    if ring.parameters[1] < _SMALLEST_HOLE or np.log(disk.cost / ring.cost) < _RING_GAIN:
        return None
    wide = fit_band(data, diameter, rings=_RING_RINGS)
    further = fit_model(data, ring_family(), [tuple(ring.parameters)], wide, like=ring)
    return _surer(ring, further)
