"""Gradient of a periodic frame by differences, and its adjoint, the negative divergence."""

from __future__ import annotations

import numpy as np

from cepstro.fft import by_rows
from cepstro.restore.borders import Plane

_ROWS = 64  # worked on at a time: they stay in the cache


def gradients(x: Plane) -> tuple[Plane, Plane]:
    """Differences to the pixel above and to the pixel on the left; opposite sides join."""
    down, right = np.empty_like(x), np.empty_like(x)
    np.subtract(x[1:], x[:-1], out=down[1:])
    np.subtract(x[0], x[-1], out=down[0])
    np.subtract(x[:, 1:], x[:, :-1], out=right[:, 1:])
    np.subtract(x[:, 0], x[:, -1], out=right[:, 0])
    return down, right


def divergence(down: Plane, right: Plane) -> Plane:
    """Adjoint of `gradients`."""
    out = np.empty_like(down)

    def work(rows: slice) -> None:
        part, across = out[rows], right[rows]
        np.add(down[rows], across, out=part)
        part[:, :-1] -= across[:, 1:]
        part[:, -1] -= across[:, 0]
        part[:-1] -= down[rows.start + 1 : rows.stop]
        part[-1] -= down[rows.stop % len(down)]

    by_rows(work, len(out), _ROWS)
    return out


def shrink(x: Plane, held: tuple[Plane, Plane], limit: np.float32) -> tuple[Plane, Plane]:
    """Shrink the gradients of a frame, each with what was held back of it before, by `limit`.

    With g = gradient + held, f = min(1, limit / |g|): what is held becomes f g, in place, and
    (1 - 2 f) g is returned: what is left, less what is held.
    """
    held_y, held_x = held
    down, right = np.empty_like(x), np.empty_like(x)

    def work(rows: slice) -> None:
        y, across = down[rows], right[rows]
        part = x[rows]
        np.subtract(part[1:], part[:-1], out=y[1:])
        np.subtract(part[0], x[rows.start - 1], out=y[0])
        np.subtract(part[:, 1:], part[:, :-1], out=across[:, 1:])
        np.subtract(part[:, 0], part[:, -1], out=across[:, 0])
        y += held_y[rows]
        across += held_x[rows]
        share = y * y
        share += across * across
        np.sqrt(share, out=share)
        np.maximum(share, limit, out=share)
        np.divide(limit, share, out=share)
        np.multiply(y, share, out=held_y[rows])
        np.multiply(across, share, out=held_x[rows])
        share *= -2
        share += 1
        y *= share
        across *= share

    by_rows(work, len(x), _ROWS)
    return down, right
