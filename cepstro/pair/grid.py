"""A measured kernel seen in frequency: what models are compared with, and how much to believe it.

The measurement's variance at each frequency comes from `measure`; here what no number of pixels
averages away is added to it. What is weak in the blurred photo comes out weaker still where JPEG
rounded it to nothing: the transfer function seen is ``H (1 - b u)`` with u the part of the blurred
photo's power that no kernel explains, and b, the fading, between 0 (noise) and 1.

Tried, JPEG 90, 11 photos, median error of the kernel (relative L2) for a disk of 8.6 px, a hexagon
of 12 and a ring of 27: no fading 2.1, 1.2 and 0.9 %, fading fitted beside the gain 1.0, 0.9 and
0.4 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cepstro.pair.frame import frequencies, phases, place_of, spread
from cepstro.pair.measure import Measured
from cepstro.psf import PSF

_SYSTEMATIC = 0.002  # of H: what no number of pixels averages away (JPEG, registration)
_LOOKS = 30.0  # pixels' worth of precision a frequency is believed at most, likewise


class Grid:
    """The measurement on every second frequency of its grid."""

    def __init__(self, measured: Measured) -> None:
        m = measured.precision.shape[0]
        self.size = measured.kernel.shape[0]
        self.side = m // 2
        self.place = place_of(self.size)
        self.data = np.fft.rfft2(self.spread(measured.kernel))
        self.fy, self.fx = frequencies((self.side, self.side))
        self.precision = believed(measured)[::2, ::2][:, : self.data.shape[1]]
        self.lost = measured.lost[::2, ::2][:, : self.data.shape[1]]

    def spread(self, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
        """Kernel on a plane of the grid's size, its centre at [0, 0]."""
        return np.asarray(spread(kernel, (self.side, self.side), np.float64))

    def back(self, spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        """Inverse transform of a spectrum of the grid's size."""
        plane: NDArray[np.float64] = np.fft.irfft2(spectrum, s=(self.side, self.side))
        return plane


@dataclass(frozen=True, slots=True)
class Raster:
    """A PSF averaged over square pixels, as kernels drawn by area are."""

    psf: PSF

    def transfer(self, fy: NDArray[np.floating], fx: NDArray[np.floating]) -> NDArray[np.inexact]:
        """Transfer function at frequencies in cycles/px."""
        return np.asarray(self.psf.transfer(fy, fx) * np.sinc(fy) * np.sinc(fx))


class Points:
    """The frequencies that models are fitted to: those where H is known at all."""

    def __init__(self, measured: Measured, most: int) -> None:
        grid = Grid(measured)
        self.size = float(grid.size)
        self.freedom = self.size**2
        twice = np.full(grid.data.shape, 2.0)  # the half-plane left out
        twice[:, 0] = 1
        if grid.side % 2 == 0:
            twice[:, -1] = 1
        # Known to better than half of H's whole range; all, should that leave next to nothing.
        known = grid.precision > (2 * self.size / measured.kernel.sum()) ** 2
        if np.count_nonzero(known) < 64:
            known[:] = True
        # Neighbouring frequencies tell nearly the same: evenly thinned, each stands for several.
        stride = -(-np.count_nonzero(known) // most)
        self.looks = np.count_nonzero(known) / 2  # independent ones: the grid is twice as fine
        chosen = np.flatnonzero(known)[::stride]
        self.data = grid.data.ravel()[chosen]
        self.lost = grid.lost.ravel()[chosen]
        self.root = np.sqrt(stride * (grid.precision * twice).ravel()[chosen]) / grid.side
        self.fy = np.broadcast_to(grid.fy, known.shape).ravel()[chosen]
        self.fx = np.broadcast_to(grid.fx, known.shape).ravel()[chosen]

    def model(
        self, psf: PSF | Raster, shift: tuple[float, float] = (0.0, 0.0)
    ) -> NDArray[np.inexact]:
        """Transfer function of a shifted PSF."""
        transfer = np.asarray(psf.transfer(self.fy, self.fx))
        if not any(shift):
            return transfer
        return np.asarray(transfer * phases(self.fy, self.fx, shift))

    def gain(self, model: NDArray[np.inexact]) -> tuple[float, float]:
        """Scale of the model and its fading that fit best."""
        rooted = self.root * model
        power = (rooted * np.conj(rooted)).real
        shared = self.root * (self.data * np.conj(rooted)).real
        faded = np.stack([np.ones_like(self.lost), -self.lost])
        seen, (a, b) = faded * power @ faded.T, faded @ shared
        certain = float(seen[0, 0] * seen[1, 1] - seen[0, 1] ** 2)
        fading = 0.0
        if certain > 1e-6 * seen[0, 0] * seen[1, 1]:
            scale = seen[1, 1] * a - seen[0, 1] * b
            if scale > 0:
                fading = float(np.clip((seen[0, 0] * b - seen[0, 1] * a) / scale, 0, 1))
        one = np.array([1.0, fading])
        return float(one @ (a, b)) / max(float(one @ seen @ one), 1e-30), fading

    def left(self, model: NDArray[np.inexact]) -> NDArray[np.inexact]:
        """Misfit of a model at each frequency, in standard deviations."""
        gain, fading = self.gain(model)
        return np.asarray(self.root * (self.data - gain * (1 - fading * self.lost) * model))

    def cost(self, model: NDArray[np.inexact]) -> float:
        """Chi-square of a model."""
        left = self.left(model)
        return float(np.sum((left * np.conj(left)).real))


def believed(measured: Measured) -> NDArray[np.float64]:
    """Precision, less what no number of pixels averages away."""
    size = measured.kernel.shape[0]
    top = float(measured.kernel.sum()) or 1.0
    precision = measured.precision / (1 + measured.pixels / size**2 / _LOOKS)
    return np.asarray(1 / (1 / precision + (_SYSTEMATIC * top) ** 2 / size**2))
