"""The unseen surroundings of a photo, so that deconvolution does not ring at its borders.

A transform joins left to right and top to bottom. The photo is therefore laid in a larger periodic
frame, and the gap is filled with what a restored picture x, blurred again, would show there:

    y_ext = y where seen, H x elsewhere,   x = W y_ext,   W = conj(H) / (|H|^2 + NSR)

This "iterated border" (Simoes et al. 2016, Almeida & Figueiredo 2013) has the fixed point
(I - U A U) u = U A y, with A = |H|^2 / (|H|^2 + NSR) and U the choice of unseen pixels; A is
symmetric, so conjugate gradients reach it in a few steps where the plain iteration needs dozens.
The same equation fills clipped highlights. On large photos only the bands along the seams are
solved, as what lies deep inside the picture says nothing about its surroundings.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import good_size, irfft2, multiply, rfft2

Plane = NDArray[np.float32]
_BAND_STEPS = 3  # the rim of a large photo is a small part of it, but not of the time
_SMALL = 0.6  # share of the frame up to which bands are solved: they converge more slowly
Gain = Callable[[tuple[int, int]], Plane]  # shape of a frame -> A at its frequencies (rfft2 layout)


def frame_shape(shape: tuple[int, int], halfwidth: int) -> tuple[int, int]:
    """Sides of a frame with fast transforms and a gap in which the picture fades out."""
    gap = max(8, 4 * halfwidth)
    return good_size(shape[0] + gap), good_size(shape[1] + gap)


def embed(plane: Plane, frame: tuple[int, int]) -> Plane:
    """Lay a plane in the corner of a frame; the mirrored sides cross-fade in the gap."""
    out = np.empty(frame, np.float32)
    out[: plane.shape[0], : plane.shape[1]] = plane
    mirror(out, plane.shape)
    return out


def mirror(frame: Plane, size: tuple[int, ...]) -> None:
    """Fill the gap around a picture of `size` in the corner of its frame, as `embed` does."""
    height, width = size
    _cross_fade(frame[:, :width].T, height)
    _cross_fade(frame, width)


def _cross_fade(rows: Plane, size: int) -> None:
    """Fill the columns from `size` on with the mirrored ends, faded into each other."""
    gap = rows.shape[1] - size
    if gap == 0:
        return
    at = np.arange(gap)
    weight = (0.5 + 0.5 * np.cos(np.pi * (at + 1) / (gap + 1))).astype(np.float32)
    after = rows[:, _mirror(size + at, size)]
    before = rows[:, _mirror(at - gap, size)]
    rows[:, size:] = before + weight * (after - before)


def _mirror(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Reflect indices into 0..size-1, the edge counted twice."""
    index = np.mod(index, 2 * size)
    return np.where(index < size, index, 2 * size - 1 - index)


def fill(frame: Plane, unseen: NDArray[np.bool_], gain: Plane, *, steps: int) -> None:
    """Fill the unseen pixels of a frame, in place, by `steps` of conjugate gradients.

    Parameters
    ----------
    frame : H x W float32
        Seen pixels hold data, unseen ones a first guess.
    unseen : H x W bool
        Which pixels to fill.
    gain : H x (W//2 + 1) float32
        A = |H|^2 / (|H|^2 + NSR), 0..1.
    steps : int
        Each costs one transform and its inverse.
    """

    def apply(plane: Plane) -> Plane:
        spectrum = rfft2(plane)
        multiply(spectrum, gain)
        return irfft2(spectrum, plane.shape, overwrite=True)[unseen]

    residual = apply(frame) - frame[unseen]
    direction = residual.copy()
    canvas = np.zeros_like(frame)
    square = _dot(residual, residual)
    total = np.zeros_like(residual)
    for _ in range(steps):
        if square <= 1e-14 * residual.size:
            break
        canvas[unseen] = direction
        image = direction - apply(canvas)
        curvature = _dot(direction, image)
        if curvature <= 0:
            break
        step = square / curvature
        total += step * direction
        residual -= step * image
        square, before = _dot(residual, residual), square
        direction *= square / before
        direction += residual
    frame[unseen] += total


def _dot(a: Plane, b: Plane) -> np.float32:
    return np.float32(np.vdot(a, b))


def fill_gap(frame: Plane, size: tuple[int, int], gain: Gain, *, depth: int, steps: int) -> None:
    """Fill the gap around a picture of `size` in the corner of its frame, in place.

    Where bands of `depth` px along the seams are cheaper than the whole frame, only they are
    solved: one along the horizontal seam, with the corners, and one along the vertical seam, in
    fewer steps.
    """
    (height, width), (rows, columns) = frame.shape, size
    # Beyond the gap a band holds another one, that joins its own two ends.
    band = tuple(good_size(2 * depth + 2 * gap) for gap in (height - rows, width - columns))
    if band[0] * width + band[1] * height > _SMALL * height * width:
        unseen = np.ones(frame.shape, bool)
        unseen[:rows, :columns] = False
        fill(frame, unseen, gain((height, width)), steps=steps)
        return
    _fill_seam(frame, size, gain, 0, depth, band[0], min(steps, _BAND_STEPS))
    _fill_seam(frame, size, gain, 1, depth, band[1], min(steps, _BAND_STEPS))


def _fill_seam(
    frame: Plane, size: tuple[int, int], gain: Gain, axis: int, depth: int, band: int, steps: int
) -> None:
    """Fill the gap below (axis 0) or right of the picture from `depth` px on either side of it."""
    along = frame if axis == 0 else frame.T
    rows, columns = size if axis == 0 else size[::-1]
    gap = len(along) - rows
    part = np.empty((band, along.shape[1]), np.float32)
    part[: depth + gap] = along[rows - depth :]
    part[depth + gap : 2 * depth + gap] = along[:depth]
    _cross_fade(part.T, 2 * depth + gap)
    unseen = np.ones(part.shape, bool)
    unseen[:depth, :columns] = False
    unseen[depth + gap : 2 * depth + gap, :columns] = False
    if axis == 1:
        part, unseen = np.ascontiguousarray(part.T), np.ascontiguousarray(unseen.T)
    fill(part, unseen, gain(part.shape), steps=steps)
    if axis == 0:
        frame[rows:] = part[depth : depth + gap]
    else:
        frame[:columns, rows:] = part[:columns, depth : depth + gap]
