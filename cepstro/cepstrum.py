"""The power cepstrum: the inverse Fourier transform of the logarithm of the power spectrum.

A blur multiplies the spectrum, so its logarithm adds, and the evenly spaced zeros of a defocus
disk's transfer function turn into a dark ring whose *radius* is the disk's diameter (a motion
blur's stripes of zeros into two dark spots). Source: Bogert, Healy & Tukey 1963; for images
Rom 1975 and Cannon 1976 (IEEE Trans. ASSP 24:58).

The bins next to either frequency axis hold borders, horizons and the 8 x 8 grid of JPEG; they take
the mean of their circle instead, which halves the bias of what is measured on the ring.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import irfft, rfft
from cepstro.radial import AXIS_BINS, on_circle
from cepstro.spectrum import Spectrum

_SMOOTHED, _REACH = 3, 12  # bins: sigma of the mean of circles made smooth, and where that ends


def power_cepstrum(spectrum: Spectrum) -> NDArray[np.float32]:
    """Power cepstrum of an averaged spectrum, its origin in the middle.

    Returns
    -------
    (n, n) float32
        Sample ``[n // 2 + dy, n // 2 + dx]`` is the cepstrum at quefrency (dy, dx) px; dark
        (negative) where the spectrum's zeros are evenly spaced. The mean log power is removed.
    """
    log_power, _, _ = _levelled(spectrum)
    log_power -= log_power.mean()
    return _transformed(log_power)


def whitened_cepstrum(spectrum: Spectrum) -> NDArray[np.float32]:
    """Cepstrum of what lies above or below the mean of its circle, where there is signal.

    Frequencies count by the square of the share of their power that is not noise, so that the
    spots of a motion blur stand out that noise hides in the plain cepstrum. Same layout.
    """
    log_power, radius, mean = _levelled(spectrum)
    bell = np.exp(-0.5 * (np.arange(-_REACH, _REACH + 1) / _SMOOTHED) ** 2)
    mean = np.convolve(np.pad(mean, _REACH, "symmetric"), bell / bell.sum(), "valid")
    power = np.exp(mean)
    noise = np.exp(np.percentile(mean[len(mean) // 4 :], 5))
    signal = np.clip(1 - 1.3 * noise / power, 0, 1) ** 2
    white = np.clip(log_power - mean[radius], -4, 4) * signal[radius]
    return _transformed(white)


def _levelled(
    spectrum: Spectrum,
) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.float64]]:
    """Log power with its axes filled in, the whole radius of each bin, the mean on each circle."""
    log_power = np.log(np.maximum(spectrum.power, np.float32(1e-30)))
    axes, radius, used, count = _circles(spectrum.side)
    mean = on_circle(log_power.ravel(), used, count)
    log_power[axes] = mean[radius[axes]]
    return log_power, radius, mean


@lru_cache(maxsize=2)
def _circles(
    n: int,
) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Which bins of an n x n rfft2 lie next to an axis, and the whole radius of each.

    Then, flat, the same radius where a bin counts (one more than the largest where it lies next to
    an axis), and how many bins have each.
    """
    rows = np.abs(np.fft.fftfreq(n) * n)[:, None]
    columns = np.arange(n // 2 + 1)[None, :]
    axes = (rows <= AXIS_BINS) | (columns <= AXIS_BINS)
    radius = np.rint(np.hypot(rows, columns)).astype(np.intp)
    used = np.where(axes, radius.max() + 1, radius).ravel()
    return axes, radius, used, np.bincount(used)[:-1]


def _transformed(log_power: NDArray[np.floating]) -> NDArray[np.float32]:
    """Inverse transform of a real half plane, centred.

    It is real and the same at opposite quefrencies: real transforms of the columns, whose
    conjugates are the inverse ones, and of the rows below the origin tell all.
    """
    n = log_power.shape[0]
    columns = rfft(np.ascontiguousarray(log_power.T, np.float32))
    below = irfft(np.ascontiguousarray(columns.T).conj(), n) * np.float32(1 / n)
    below = np.fft.fftshift(below, axes=1)  # (n // 2 + 1, n), the origin at [0, n // 2]
    made = np.empty((n, n), np.float32)
    half, odd = n // 2, n % 2
    made[half:] = below[: n - half]
    # Opposite of column c is 2 * half - c; for even n the first column is its own opposite.
    opposite = below[half:0:-1, ::-1]
    if odd:
        made[:half] = opposite
    else:
        made[:half, 1:], made[:half, 0] = opposite[:, :-1], below[half:0:-1, 0]
    return made
