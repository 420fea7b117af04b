"""Tone curves of ICC profiles: how a photo's own profile turns encoded values into light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ToneCurve:
    """A sampled tone curve: `samples` are light at equally spaced encoded values from 0 to 1."""

    samples: tuple[float, ...]

    def decode(self, encoded: NDArray[np.floating]) -> NDArray[np.floating]:
        """Light of encoded values; beyond 0..1 by odd symmetry and a straight line."""
        raise ValueError("not written yet")

    def encode(self, linear: NDArray[np.floating]) -> NDArray[np.floating]:
        """Encoded values of light; the inverse of `decode`."""
        raise ValueError("not written yet")
