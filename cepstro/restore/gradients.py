"""Gradient of a periodic frame by differences, and its adjoint, the negative divergence."""

from __future__ import annotations

import numpy as np

from cepstro.restore.borders import Plane


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
    out = down + right
    out[:-1] -= down[1:]
    out[-1] -= down[0]
    out[:, :-1] -= right[:, 1:]
    out[:, -1] -= right[:, 0]
    return out
