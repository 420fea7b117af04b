"""What a pair of aligned planes says about the kernel between them: an estimate and its precision.

Both measures (`least_squares`, `cross_spectrum`) return the kernel of least squares, not yet
regularised, and how precisely each of its frequencies is known (`Measured`). The planes are
high-pass filtered first: slow changes of light between the photos say nothing about the blur.
Both end in normal equations that are solved here, by conjugate gradients on FFTs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import UnsuitableImageError
from cepstro.fft import good_size, irfft2, rfft2

PASS = 0.2  # cycles/px: below it the planes are flattened by a high pass
TRUST = 0.8  # at most this part of a frequency's power is taken for noise
_NOTHING = 1e-15  # power of a photo without detail; one grey step of 16 bit has 2e-10
_STEPS = 40  # of conjugate gradients at most
_HEARD = 6.0  # power of the coherence by which a frequency is trusted
_CONVERGED = 1e-3  # last change, in units of the kernel's top


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A kernel as measured: not regularised, sum not 1.

    Attributes
    ----------
    kernel : n x n float64
        Estimate of least squares.
    precision : m x (m // 2 + 1) float64
        1 / variance of its Fourier transform on the rfft2 grid of m x m, m about 4 n.
    lost : m x (m // 2 + 1) float64
        Part of the blurred photo's power that the kernel does not explain, 0..1.
    pixels : float
        Pixels that took part.
    """

    kernel: NDArray[np.float64]
    precision: NDArray[np.float64]
    lost: NDArray[np.float64]
    pixels: float


def not_one_scene(why: str) -> UnsuitableImageError:
    """Make the refusal of two photos between which there is no kernel."""
    return UnsuitableImageError(f"the photos do not show the same scene: {why}")


def grid_size(size: int) -> int:
    """Side m of the frequency grid for kernels of `size`: even, at least 4 times as large."""
    m = good_size(4 * size)
    while m % 4:
        m = good_size(m + 1)
    return m


def solve(
    left: NDArray[np.float64],
    normal: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    symbol: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Conjugate gradients on the normal equations, preconditioned by the spectrum `symbol`."""
    middle = float(np.median(symbol))
    if not middle > _NOTHING:
        raise UnsuitableImageError("the sharp photo shows no detail where the two photos overlap")
    ridge = 1e-5 * middle
    gain = 1 / (np.maximum(symbol[::2, ::2], 10 * ridge) + ridge)
    kernel = np.zeros_like(left)
    direction = _filter(left, gain)
    norm = float(np.sum(left * direction))
    for _ in range(_STEPS):
        bent = normal(direction) + ridge * direction
        curvature = float(np.sum(direction * bent))
        if curvature <= 0:  # noise taken off beyond what the photo holds: stay where we are
            break
        step = norm / curvature
        kernel += step * direction
        left = left - step * bent
        if np.abs(step * direction).max() < _CONVERGED * np.abs(kernel).max():
            break
        ahead = _filter(left, gain)
        new = float(np.sum(left * ahead))
        direction = ahead + new / norm * direction
        norm = new
    return kernel


def regrid(power: NDArray[np.floating], shape: tuple[int, int], m: int) -> NDArray[np.float64]:
    """Spectrum of `shape` smoothed and sampled on the rfft2 grid of m x m.

    Through its lags: those up to m / 2 are kept, faded by a triangle, which keeps it positive.
    """
    lags = irfft2(power.astype(np.complex64), shape)
    index = np.fft.fftfreq(m, 1 / m).astype(int)
    half = [min(m / 2, n / 2) for n in shape]
    fade = [np.clip(1 - np.abs(index) / h, 0, None) for h in half]
    kept = lags[np.ix_(index % shape[0], index % shape[1])] * fade[0][:, None] * fade[1]
    smooth = np.fft.rfft2(kept).real
    return np.maximum(smooth, 1e-9 * float(smooth.max()))


def lost_part(left: NDArray[np.floating], seen: NDArray[np.floating]) -> NDArray[np.float64]:
    """Part of the power seen that is left unexplained."""
    return np.asarray(np.clip(left / np.maximum(seen, 1e-30), 0, 0.999))


def heard(lost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Trust in frequencies by coherence: JPEG wipes out what is weak, and that is no noise."""
    return np.asarray((1 - lost) ** _HEARD)


def _filter(kernel: NDArray[np.float64], gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply a kernel by `gain` in frequency, cut to its own support."""
    m, n = gain.shape[0], kernel.shape[0]
    plane = np.zeros((m, m))
    plane[:n, :n] = kernel
    return np.asarray(irfft2(rfft2(plane) * gain, (m, m), overwrite=True)[:n, :n])


def radial_mean(
    power: NDArray[np.floating], rho2: NDArray[np.floating], bins: int = 256
) -> NDArray[np.floating]:
    """Mean power at each frequency's distance from 0."""
    index = (np.sqrt(rho2) * (bins / 0.7072)).astype(np.intp)
    total = np.bincount(index.ravel(), power.ravel())
    count = np.maximum(np.bincount(index.ravel()), 1)
    return np.asarray((total / count).astype(power.dtype)[index])
