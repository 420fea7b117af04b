"""Gradient of a periodic frame by differences, and its adjoint, the negative divergence."""

from __future__ import annotations

import numpy as np

from cepstro.fft import by_rows
from cepstro.restore.borders import Plane

_RELAX = np.float32(1.8)
_ROWS = 128  # worked on at a time: they stay in the cache


def gradients(x: Plane) -> tuple[Plane, Plane]:
    """Differences to the pixel above and to the pixel on the left; opposite sides join."""
    down, right = np.empty_like(x), np.empty_like(x)
    np.subtract(x[1:], x[:-1], out=down[1:])
    np.subtract(x[0], x[-1], out=down[0])
    np.subtract(x[:, 1:], x[:, :-1], out=right[:, 1:])
    np.subtract(x[:, 0], x[:, -1], out=right[:, 0])
    return down, right


def divergence(down: Plane, right: Plane, *, out: Plane | None = None) -> Plane:
    """Adjoint of `gradients`; `out` takes it."""
    made = np.empty_like(down) if out is None else out

    def work(rows: slice) -> None:
        part, across = made[rows], right[rows]
        np.add(down[rows], across, out=part)
        part[:, :-1] -= across[:, 1:]
        part[:, -1] -= across[:, 0]
        part[:-1] -= down[rows.start + 1 : rows.stop]
        part[-1] -= down[rows.stop % len(down)]

    by_rows(work, len(made), _ROWS)
    return made


def shrink(
    x: Plane, left: tuple[Plane, Plane], held: tuple[Plane, Plane], limit: np.float32
) -> None:
    """Shrink the gradients of a frame, each with what was held back of it before, by `limit`.

    With g = a gradient + (1 - a) z + u (a = 1.8: over-relaxed), f = min(1, limit / |g|), it sets
    u = f g and z = g - u, for down and right together. u is `held`, z - u is `left`.
    """

    def work(rows: slice) -> None:
        part = x[rows]
        down, right = np.empty_like(part), np.empty_like(part)
        np.subtract(part[1:], part[:-1], out=down[1:])
        np.subtract(part[0], x[rows.start - 1], out=down[0])
        np.subtract(part[:, 1:], part[:, :-1], out=right[:, 1:])
        np.subtract(part[:, 0], part[:, -1], out=right[:, 0])
        square = np.zeros_like(part)
        for g, rest, old in zip((down, right), left, held, strict=True):
            g *= _RELAX
            g += np.multiply(rest[rows], 1 - _RELAX, out=rest[rows])
            g += np.multiply(old[rows], 2 - _RELAX, out=old[rows])
            square += np.square(g, out=rest[rows])
        size = np.maximum(np.sqrt(square, out=square), limit, out=square)
        share = np.divide(limit, size, out=size)
        for g, old in zip((down, right), held, strict=True):
            np.multiply(g, share, out=old[rows])
        share *= -2
        share += 1
        for g, rest in zip((down, right), left, strict=True):
            np.multiply(g, share, out=rest[rows])

    by_rows(work, len(x), _ROWS)
