"""How the two photos of a pair lie on each other, and how large the kernel between them is.

Shift, scale and rotation cannot be told apart from the kernel before the kernel is known, nor it
before they are: one is found with the other held, in turn. Scale and rotation are believed only
where the photos agree better with them than without.

Tried, on 11 photos and a ring of 27 px: scale and rotation of the smoothed photos, refined with the
kernel but not tested against none, turned photos with little detail by up to 1 px at the corners
(kernel off by 6 %, shift by 0.18 px; now 0.5 % and 0.01 px), and the coarse shift alone lost two
pairs of eleven (a ring's hump has no top in the middle).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cepstro.pair.align import overlap
from cepstro.pair.cross_spectrum import cross_spectrum
from cepstro.pair.least_squares import least_squares
from cepstro.pair.measure import Measured, not_one_scene
from cepstro.pair.planes import Plane, cut, levels, noise_of, weights
from cepstro.pair.posterior import glimpse, regularise
from cepstro.pair.shape import Shape, first_shape
from cepstro.pair.similarity import Similarity, covered, find_similarity, refine_similarity, warp
from cepstro.psf import Kernel
from cepstro.synthesis import blur_plane

_FIRST = 65  # side of the first look at a kernel, px
_WIDEST = 161  # and of the largest kernel that scale and rotation are refined with
_VAGUE = 0.97  # of chi-square: less tells little detail, which cross-spectra do not get right
_QUICK = 1 << 20  # pixels that least squares may be asked about then
_NEAR = 2.0  # px: photos that lie further apart are laid anew
_SIDES = 5  # kernel sides a photo side that cross-spectra need
_LARGEST = 401  # side of the largest kernel looked for, px
_ENOUGH = 16  # kernel sides a photo side that tell a kernel's size and centre
_EXPLAINED = 0.9  # of chi-square: a model that explains less does not tell the kernel's centre
_STRETCH = 0.15  # px: scale and rotation that move no corner further are not undone
_BELIEVED = 0.8  # scale and rotation must leave less than this part of what is missed without them


def _laid(sharp: Plane, how: Similarity, shape: tuple[int, ...], *, rough: bool) -> Plane:
    """Resample the sharp plane onto the blurred one's pixels; what it lacks counts as clipped.

    `rough` interpolates linearly and leaves out what only the noise is read from.
    """
    whole, part = split(how.shift)
    if rough and how.scale == 1 and how.rotation == 0 and not any(part):
        return _moved(sharp, whole, shape)
    light = warp(sharp.light, how, shape, order=1 if rough else 5)
    bad = ~covered(sharp.light, how, shape)
    if sharp.clipped.any():
        bad |= warp(sharp.clipped.astype(np.float32), how, shape, order=1) > 0.01
    if rough:
        return Plane(light, bad, light, light)
    encoded, slope = (warp(plane, how, shape, order=1) for plane in (sharp.encoded, sharp.slope))
    return Plane(light, bad, encoded, slope)


def register(
    sharp: Plane, blurred: Plane, shift: tuple[float, float]
) -> tuple[Plane, tuple[float, float], Similarity]:
    """Lay the sharp plane on the blurred one, starting from a coarse shift.

    Returns the sharp plane (resampled where scale or rotation were found), the shift that is left,
    and the similarity that was undone.
    """
    shape = sharp.light.shape
    start = find_similarity(sharp.light, blurred.light, shift)
    plain = _look(sharp, blurred, Similarity((round(start.shift[0]), round(start.shift[1]))))
    if plain.better.stretch(shape) <= _STRETCH:
        return sharp, plain.better.shift, Similarity((0.0, 0.0))
    best = last = _look(sharp, blurred, start)
    missed = best.missed(blurred)
    for _ in range(3):
        if last.moved(shape) < 0.03:
            break
        last = _look(sharp, blurred, last.better, last.side)
        if (now := last.missed(blurred)) >= missed:
            break
        best, missed = last, now
    if missed > _BELIEVED * plain.missed(blurred) or best.better.stretch(shape) <= _STRETCH:
        return sharp, plain.better.shift, Similarity((0.0, 0.0))
    return _laid(sharp, best.better, blurred.light.shape, rough=False), (0.0, 0.0), best.better


def _moved(sharp: Plane, shift: tuple[int, int], shape: tuple[int, ...]) -> Plane:
    """Shift the sharp plane by whole px; what it lacks is mirrored and counts as clipped."""
    first, second = overlap(sharp.light, np.broadcast_to(np.float32(0), shape), shift)
    rim = [(part.start, n - part.stop) for part, n in zip(second, shape, strict=True)]
    light = np.pad(sharp.light[first], rim, mode="symmetric")
    bad = np.pad(sharp.clipped[first], rim, constant_values=True)
    return Plane(light, bad, light, light)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A similarity tried, the kernel measured with it, and what refines the one by the other."""

    tried: Similarity
    better: Similarity
    near: Plane
    weight: NDArray[np.float32]
    kernel: NDArray[np.float64]
    shift: tuple[float, float]

    @property
    def side(self) -> int:
        """Side of the kernel, px."""
        return int(self.kernel.shape[0])

    def moved(self, shape: tuple[int, ...]) -> float:
        """Px by which a corner moves from the one to the other."""
        turned = self.better.rotation - self.tried.rotation
        change = Similarity((0.0, 0.0), self.better.scale / self.tried.scale, turned)
        return change.stretch(shape)

    def missed(self, blurred: Plane) -> float:
        """Part of the blurred photo's detail that the kernel leaves unexplained."""
        seen = levels(self.near.light, blurred.light, self.weight, self.kernel, self.shift)
        return 1 - seen[3]


def _look(sharp: Plane, blurred: Plane, how: Similarity, side: int = _FIRST) -> _Look:
    """Measure the kernel with the photos laid so, then how they lie with that kernel."""
    exact = False
    for turns_left in reversed(range(5)):
        near = _laid(sharp, how, blurred.light.shape, rough=True)
        limit = min(_WIDEST, min(near.light.shape) // 4 * 2 - 1)
        side = min(side, limit)
        weight, _ = weights(near, blurred, side)
        measured = _measured(near, blurred, weight, side, (0.0, 0.0), 0.0, exact)
        first = first_shape(measured)
        shift = _centre(measured, first)
        off = max(abs(shift[0]), abs(shift[1]))
        cramped = first.explained > _EXPLAINED and 2 * first.psf.halfwidth >= side < limit
        vague = not exact and first.explained < _VAGUE and near.light.size <= _QUICK
        if not turns_left or not (cramped or vague or off >= _NEAR):
            break
        exact = exact or vague
        if cramped:
            side = 2 * side + 1
        whole, _ = split(shift)
        how = replace(how, shift=(how.shift[0] + whole[0], how.shift[1] + whole[1]))
    kernel = regularise(measured, first)
    again = blur_plane(near.light, Kernel(kernel))
    better = refine_similarity(again, blurred.light, how, first.shift, reach=side // 2)
    return _Look(how, better, near, weight, kernel, first.shift)


def _measured(
    sharp: Plane,
    blurred: Plane,
    weight: NDArray[np.float32],
    size: int,
    shift: tuple[float, float],
    noise: float,
    exact: bool = False,
) -> Measured:
    """Measure a kernel quickly; by least squares where cross-spectra had too few blocks."""
    few = min(sharp.light.shape) < _SIDES * size
    measure = least_squares if few or exact else cross_spectrum
    return measure(sharp.light, blurred.light, weight, size=size, shift=shift, noise=noise)


def support(
    sharp: Plane, blurred: Plane, size: int | None, shift: tuple[float, float]
) -> tuple[int, tuple[float, float], bool]:
    """Side of the kernel, the shift below a pixel, and whether the side hit its limit."""
    side = _FIRST if size is None else max(size + 8, 17)
    for _ in range(6):
        whole, part = split(shift)
        here, there = cut(sharp, blurred, whole, (_ENOUGH * max(side, _FIRST)) ** 2)
        limit = min(_LARGEST, min(here.light.shape) // 4 * 2 - 1)
        if size is not None and size > limit:
            raise ValueError(f"size may be at most {limit} px for these photos, got {size}")
        side = min(side, limit)
        weight, _ = weights(here, there, side)
        noise = noise_of(here, there, weight)
        measured = _measured(here, there, weight, side, part, noise)
        shape = first_shape(measured)
        moved = _centre(measured, shape)
        shift = (shift[0] + moved[0], shift[1] + moved[1])
        reach = _reach(measured, shape) + max(abs(moved[0]), abs(moved[1]))
        wanted = 2 * int(np.ceil(reach)) + 5
        settled = max(abs(moved[0]), abs(moved[1])) < 0.25
        if size is None and wanted > side < limit:
            side = max(side, wanted) if shape.explained > _EXPLAINED else 2 * side + 1
        elif settled:
            break
    if size is not None:
        return size, shift, False
    return min(wanted, limit), shift, wanted > limit


def _centre(measured: Measured, shape: Shape) -> tuple[float, float]:
    """Centre of a kernel, from its middle: its model's, or of what stands out of its noise."""
    if shape.explained > _EXPLAINED:
        return shape.shift
    kernel = _significant(measured)
    half = kernel.shape[0] // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    return float(np.sum(kernel * y)), float(np.sum(kernel * x))


def _significant(measured: Measured) -> NDArray[np.float64]:
    """Smoothed kernel without what lies below 4 sigmas of its noise or 3 % of its top; sum 1."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(glimpse(measured), 1.0, mode="constant")
    noise = 1.4826 * float(np.median(np.abs(smooth)))
    top = float(smooth.max())
    kept = np.where(smooth > max(min(4 * noise, 0.5 * top), 0.03 * top), smooth, 0.0)
    if not top > 0:
        raise not_one_scene("no kernel of positive light makes one of the other")
    return np.asarray(kept / kept.sum())


def _reach(measured: Measured, shape: Shape) -> float:
    """Half side of the box that holds the kernel."""
    half = measured.kernel.shape[0] // 2
    rows, columns = np.nonzero(_significant(measured))
    seen = max(np.abs(rows - half).max(), np.abs(columns - half).max())
    return float(shape.psf.halfwidth if shape.explained > _EXPLAINED else seen)


def split(shift: tuple[float, float]) -> tuple[tuple[int, int], tuple[float, float]]:
    """Whole pixels and the rest."""
    whole = round(shift[0]), round(shift[1])
    return whole, (shift[0] - whole[0], shift[1] - whole[1])
