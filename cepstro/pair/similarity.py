"""Scale and rotation between two photos of a scene: focus breathing, another camera, a nudge.

Both planes are smoothed until blur no longer tells them apart, then laid on each other by
Gauss-Newton steps over shift, scale, rotation, gain and offset: ``b(x) = g s(x - u(x)) + o`` with
``u = t + (m - 1) p + theta J p`` and p counted from the middle. Coarse smoothing first, finer last;
where the blur is known already, the sharp plane is blurred by it and no smoothing is needed.
Measured on three photos (500 x 700, disk 8.6 or ring 27): scale right to 1e-5, rotation to 0.001
degrees; smoothing alone, without the blur, leaves corners up to 7 px off when the blur is large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_FOGS = (16.0, 8.0, 4.0)  # px of the reduced planes: sigma of the smoothing
_WORK = 640  # px: longer sides are reduced
_STEPS = 6  # of Gauss-Newton at each smoothing
_FARTHEST = 0.2  # scale beyond 1 and rotation (radians) that are looked for


@dataclass(frozen=True, slots=True)
class Similarity:
    """Shift (dy, dx) px of the middle, scale and rotation (radians, counter-clockwise)."""

    shift: tuple[float, float]
    scale: float = 1.0
    rotation: float = 0.0

    def stretch(self, shape: tuple[int, ...]) -> float:
        """Displacement of a corner, px, by scale and rotation alone."""
        corner = math.hypot(shape[0], shape[1]) / 2
        return corner * math.hypot(self.scale - 1, self.rotation)


def find_similarity(
    sharp: NDArray[np.float32], blurred: NDArray[np.float32], shift: tuple[float, float]
) -> Similarity:
    """Lay `sharp` on `blurred`, starting from a coarse shift of their top left corners."""
    from scipy.ndimage import gaussian_filter

    factor = _factor(sharp, blurred)
    small, target = _reduced(sharp, factor), _reduced(blurred, factor)
    found = Similarity((shift[0] / factor, shift[1] / factor))
    for fog in _FOGS:
        if fog <= min(small.shape) / 24 or fog == _FOGS[-1]:
            found = _descend(
                gaussian_filter(small, fog), gaussian_filter(target, fog), found, reach=2 * fog
            )
    return _enlarged(found, factor)


def refine_similarity(
    again: NDArray[np.float32],
    blurred: NDArray[np.float32],
    start: Similarity,
    shift: tuple[float, float],
    *,
    reach: float,
) -> Similarity:
    """Improve on `start`: `again` is the sharp plane laid by it and blurred as the other one is.

    `shift` is what is known to be left between them, `reach` half the side of the kernel.
    """
    factor = _factor(again, blurred)
    more = _enlarged(
        _descend(
            _reduced(again, factor),
            _reduced(blurred, factor),
            Similarity((shift[0] / factor, shift[1] / factor)),
            steps=4,
            lost=(start.shift[0] / factor, start.shift[1] / factor),
            reach=reach / factor,
        ),
        factor,
    )
    turned = complex(start.shift[1], -start.shift[0])  # x to the right, y up: turns the right way
    turned *= more.scale * complex(math.cos(more.rotation), math.sin(more.rotation))
    return Similarity(
        (more.shift[0] - turned.imag, more.shift[1] + turned.real),
        start.scale * more.scale,
        start.rotation + more.rotation,
    )


def covered(
    plane: NDArray[np.generic], how: Similarity, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Where `warp` had pixels of the sharp photo to take."""
    ones = np.ones(plane.shape, np.float32)
    return np.asarray(warp(ones, how, shape, order=1, mode="constant") > 0.999)


def warp(
    plane: NDArray[np.float32],
    how: Similarity,
    shape: tuple[int, ...],
    *,
    order: int,
    mode: Literal["mirror", "constant"] = "mirror",
) -> NDArray[np.float32]:
    """Resample a plane of the sharp photo onto the blurred one's pixels, by splines."""
    from scipy.ndimage import affine_transform

    cos, sin = math.cos(how.rotation), math.sin(how.rotation)
    back = np.array([[cos, sin], [-sin, cos]]) / how.scale
    middle = (np.array(plane.shape) - 1) / 2
    offset = middle - back @ (middle + np.array(how.shift))
    size = (shape[0], shape[1])
    # Typed loosely: the stubs of SciPy know only one form of this call.
    transform: Any = affine_transform
    warped = transform(plane, back, offset, output_shape=size, order=order, mode=mode)
    return np.asarray(warped, np.float32)


def _descend(
    source: NDArray[np.float32],
    target: NDArray[np.float32],
    start: Similarity,
    *,
    steps: int = _STEPS,
    lost: tuple[float, float] = (0.0, 0.0),
    reach: float,
) -> Similarity:
    """Gauss-Newton steps; what lies outside the sharp plane takes no part.

    `lost` is a shift that `source` went through before, `reach` how far the borders were smeared.
    """
    found = start
    rows, columns = target.shape
    middle = (np.array(source.shape) - 1) / 2
    y = (np.arange(rows) - middle[0]).astype(np.float32)[:, None]
    x = (np.arange(columns) - middle[1]).astype(np.float32)[None]
    for _ in range(steps):
        moved = warp(source, found, target.shape, order=1)
        margin = [
            math.ceil(abs(d) + abs(e) + reach) + max(8, n // 32)
            for d, e, n in zip(found.shift, lost, (rows, columns), strict=True)
        ]
        if 2 * margin[0] >= rows - 8 or 2 * margin[1] >= columns - 8:
            return start
        inside = (slice(margin[0], rows - margin[0]), slice(margin[1], columns - margin[1]))
        down, right = (np.asarray(np.gradient(moved, axis=axis)) for axis in (0, 1))
        terms = np.stack(
            [
                -down[inside],
                -right[inside],
                -(down * y + right * x)[inside],
                (down * x - right * y)[inside],
                moved[inside],
                np.ones_like(moved[inside]),
            ]
        ).reshape(6, -1)
        scale = np.sqrt(np.mean(terms.astype(np.float64) ** 2, axis=1)) + 1e-12
        terms /= scale[:, None].astype(np.float32)
        normal = (terms @ terms.T).astype(np.float64)
        pull = (terms @ target[inside].ravel()).astype(np.float64)
        solved = np.linalg.lstsq(normal, pull, rcond=1e-10)[0] / scale
        gain = solved[4] if abs(solved[4]) > 1e-3 else 1.0
        step = solved[:4] / gain
        found = Similarity(
            (found.shift[0] + float(step[0]), found.shift[1] + float(step[1])),
            found.scale * (1 + float(step[2])),
            found.rotation + float(step[3]),
        )
        if not abs(found.scale - 1) < _FARTHEST or not abs(found.rotation) < _FARTHEST:
            return start
        if np.abs(step[:2]).max() < 2e-3 and np.abs(step[2:]).max() * max(rows, columns) < 2e-3:
            break
    return found


def _factor(*planes: NDArray[np.float32]) -> int:
    """Reduction that brings the longest side down to `_WORK`."""
    longest = max(max(plane.shape) for plane in planes)
    return int(max(1, -(-longest // _WORK)))


def _enlarged(small: Similarity, factor: int) -> Similarity:
    """Turn a similarity of reduced planes into that of the whole ones."""
    return Similarity(
        (small.shift[0] * factor, small.shift[1] * factor), small.scale, small.rotation
    )


def _reduced(plane: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Mean over squares of `factor` px."""
    if factor == 1:
        return plane
    rows, columns = plane.shape[0] // factor, plane.shape[1] // factor
    blocks = plane[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)
