"""Wiener deconvolution: the linear filter with the least mean square error.

    X = conj(H) / (|H|^2 + NSR) * Y

with a constant NSR (Wiener 1949; the ``-n`` of the command line) or with NSR(f) from the photo's
own power law (`prior`). The photo lies in a larger frame whose gap is filled first (`borders`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import by_rows, irfft, multiply, one_thread, rfft2, unroll
from cepstro.psf import PSF
from cepstro.restore.borders import Gain, Plane, depth, fill_gap, frame_shape, mirror
from cepstro.restore.prior import Prior
from cepstro.restore.response import response

NSR = float | Prior

_BAND = 1 << 18  # pixels of a band


def at(nsr: NSR, power: Plane, shape: tuple[int, int]) -> np.float32 | Plane:
    """NSR at the frequencies of a frame, where |H|^2 is `power`."""
    if isinstance(nsr, Prior):
        return nsr.nsr(power, shape)
    return np.float32(min(max(nsr, 1e-12), 1e12))


def inverse(
    psf: PSF, nsr: NSR, shape: tuple[int, int], *, error: float = 0.0
) -> NDArray[np.inexact]:
    """Return the filter conj(H) / (|H|^2 + NSR) in rfft2 layout, float32 or complex64."""
    otf, power = response(psf, error, shape)
    power += at(nsr, power, shape)
    out: NDArray[np.inexact] = np.divide(np.conj(otf, out=otf), power, out=otf)
    return out


def extend(plane: Plane, psf: PSF, nsr: NSR, *, error: float = 0.0) -> Plane:
    """Lay a blurred plane (its mean removed) in a periodic frame that continues it."""
    frame = np.empty(frame_shape(plane.shape, psf.halfwidth), np.float32)
    frame[: plane.shape[0], : plane.shape[1]] = plane
    surround(frame, plane.shape, psf.halfwidth, border_gain(psf, nsr, error=error))
    return frame


def border_gain(psf: PSF, nsr: NSR, *, error: float = 0.0) -> Gain:
    """Return A = |H|^2 / (|H|^2 + NSR) by shape of frame; it is kept for the next plane."""

    @cache
    def gain(shape: tuple[int, int]) -> Plane:
        _, power = response(psf, error, shape)
        noise = at(nsr, power, shape)
        if not isinstance(nsr, Prior):  # a constant would pull the surroundings to the mean
            noise = noise * (1 - power)
        gain: Plane = power / (power + noise)
        return gain

    return gain


def surround(frame: Plane, size: tuple[int, int], halfwidth: int, gain: Gain) -> None:
    """Continue a plane (its mean removed) in the corner of its frame over the frame's gap."""
    deep = depth(halfwidth)
    mirror(frame, size, deep)
    fill_gap(frame, size, gain, deep)


def restore(frame: Plane, size: tuple[int, int], filter: NDArray[np.inexact]) -> Plane:
    """Filter an extended plane and cut the picture of `size` out of it."""
    out = np.empty(size, np.float32)

    def store(rows: slice, band: Plane) -> None:
        out[rows] = band

    restore_bands(frame, (slice(0, size[0]), slice(0, size[1])), filter, store)
    return out


def restore_bands(
    frame: Plane,
    part: tuple[slice, slice],
    filter: NDArray[np.inexact],
    store: Callable[[slice, Plane], None],
    *,
    spectrum: NDArray[np.complexfloating] | None = None,
) -> None:
    """Filter an extended plane; `store` gets a part of it in bands of rows, on all cores.

    What `store` makes of a band finds it in the cache, and the whole plane is never in memory.
    Its rows count from the first of the part. `spectrum` is memory from the plane before.
    """
    found = rfft2(frame, out=spectrum)
    multiply(found, filter)
    half = unroll(found, overwrite=True)
    rows, columns = part
    half = half[rows]

    def work(band: slice) -> None:
        with one_thread():
            store(band, irfft(half[band], frame.shape[1])[:, columns])

    by_rows(work, len(half), max(1, _BAND // frame.shape[1]))
