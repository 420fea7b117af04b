"""The power cepstrum: the inverse Fourier transform of the logarithm of the power spectrum.

A blur multiplies the spectrum, so its logarithm adds, and the evenly spaced zeros of a defocus
disk's transfer function turn into a dark ring whose *radius* is the disk's diameter (a motion
blur's stripes of zeros into two dark spots). Source: Bogert, Healy & Tukey 1963; for images
Rom 1975 and Cannon 1976 (IEEE Trans. ASSP 24:58).

The bins next to either frequency axis hold borders, horizons and the 8 x 8 grid of JPEG; they take
the mean of their circle instead, which halves the bias of what is measured on the ring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import irfft2
from cepstro.radial import AXIS_BINS, on_circle
from cepstro.spectrum import Spectrum


def power_cepstrum(spectrum: Spectrum) -> NDArray[np.float32]:
    """Power cepstrum of an averaged spectrum, its origin in the middle.

    Returns
    -------
    (n, n) float32
        Sample ``[n // 2 + dy, n // 2 + dx]`` is the cepstrum at quefrency (dy, dx) px; dark
        (negative) where the spectrum's zeros are evenly spaced. The mean log power is removed.
    """
    log_power = np.log(np.maximum(spectrum.power, np.float32(1e-30)))
    n = spectrum.side
    rows = np.abs(np.fft.fftfreq(n) * n)[:, None]
    columns = np.arange(n // 2 + 1)[None, :]
    axes = (rows <= AXIS_BINS) | (columns <= AXIS_BINS)
    radius = np.rint(np.hypot(rows, columns)).astype(np.intp)
    mean = on_circle(log_power[~axes], radius[~axes], int(radius.max()) + 1)
    log_power[axes] = mean[radius[axes]]
    log_power -= log_power.mean()
    cepstrum: NDArray[np.float32] = np.fft.fftshift(irfft2(log_power.astype(np.complex64), (n, n)))
    return cepstrum
