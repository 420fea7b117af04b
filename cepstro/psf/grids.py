"""Transfer functions on the grids of real FFTs, and the kernels sampled from them.

A radial transfer function is computed once along a line, finely enough for linear interpolation,
and looked up on a quarter of the plane; the mirror gives the rest. Every other one is computed by
bands of rows on all cores. Kernels are the inverse transform of the transfer function on a grid
more than twice as wide, cut to their support: no box of a pixel widens them, as it does a
rasterised disk, whose diameter grows to about sqrt(D**2 + 4/3).

Linear interpolation with step h errs by up to ``h**2 / 8`` times the curvature, at most
``(pi D)**2 / 4`` for a disk: the step keeps it below 1e-7.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import by_rows, good_size, irfft2

Radial = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Transfer = Callable[[NDArray[np.floating], NDArray[np.floating]], NDArray[np.inexact]]

_TABLE_STEPS = 1240  # entries a cycle/px and px of diameter: error of linear interpolation < 1e-7
_REACH = 0.5**0.5  # cycles/px: the corner of the plane
_BAND = 1 << 16  # frequencies worked on at a time: stays in cache


def radial_otf(radial: Radial, extent: float, shape: tuple[int, int]) -> NDArray[np.float32]:
    """OTF on the rfft2 grid of `shape` from its radial profile: float32, H x (W // 2 + 1).

    Parameters
    ----------
    radial : callable
        The transfer function by frequency, cycles/px.
    extent : float
        Diameter of the PSF, px: how fast `radial` can change.
    shape : (int, int)
        Height and width of the planes.
    """
    height, width = check_shape(shape)
    fx2 = np.fft.rfftfreq(width) ** 2
    half = height // 2 + 1
    fy2 = (np.arange(half) / height) ** 2
    out = np.empty((height, fx2.size), np.float32)
    steps = int(_TABLE_STEPS * max(extent, 4.0)) + 1
    if steps * 4 > out.size:  # a small plane: the function itself is cheaper than its table
        out[:half] = radial(np.sqrt(fy2[:, None] + fx2))
    else:
        table, slope = _table(radial, steps)
        density = steps / _REACH

        def look_up(rows: slice) -> None:
            place = np.sqrt(fy2[rows, None] + fx2)
            place *= density
            index = place.astype(np.intp)  # as `take` likes it, which is twice as quick as []
            place -= index
            part = slope.take(index, out=out[rows], mode="clip")
            part *= place
            part += table.take(index, mode="clip")

        by_rows(look_up, half, _band(fx2.size))
    out[half:] = out[1 : (height + 1) // 2][::-1]
    return out


@lru_cache(maxsize=4)
def _table(radial: Radial, steps: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Values and differences of a radial profile from 0 to the corner of the plane."""
    line = radial(np.linspace(0, _REACH, steps + 1))
    return line.astype(np.float32), np.append(np.diff(line), 0).astype(np.float32)


def transfer_otf(
    transfer: Transfer, shape: tuple[int, int]
) -> NDArray[np.float32] | NDArray[np.complex64]:
    """OTF on the rfft2 grid of `shape`: float32 where `transfer` is real, complex64 otherwise."""
    height, width = check_shape(shape)
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    real = transfer(fy[:1], fx[:, :1]).dtype.kind == "f"
    grid = (height, fx.size)
    out: NDArray[np.float32] | NDArray[np.complex64]
    out = np.empty(grid, np.float32) if real else np.empty(grid, np.complex64)

    def work(rows: slice) -> None:
        out[rows] = transfer(fy[rows], fx)

    by_rows(work, height, _band(fx.size))
    return out


def sampled_kernel(transfer: Transfer, halfwidth: int) -> NDArray[np.float64]:
    """Kernel sampled from a transfer function: float64, ``2 * halfwidth + 1`` a side, sum 1."""
    side = 2 * halfwidth + 1
    size = good_size(2 * side + 64)
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    spectrum = np.empty((size, fx.size), np.complex128)

    def work(rows: slice) -> None:
        spectrum[rows] = transfer(fy[rows], fx)

    by_rows(work, size, _band(fx.size))
    plane = np.roll(irfft2(spectrum, (size, size)), (halfwidth, halfwidth), (0, 1))
    kernel = plane[:side, :side].astype(np.float64)
    if transfer(fy[:1], fx[:, :1]).dtype.kind == "f":
        kernel = (kernel + kernel[::-1, ::-1]) / 2  # symmetric to the last bit
    kernel /= kernel.sum()
    return kernel


def _band(columns: int) -> int:
    """Rows worked on at a time."""
    return max(1, _BAND // columns)


def check_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width, or a TypeError or ValueError."""
    if not isinstance(shape, tuple | list) or not all(
        isinstance(n, int | np.integer) for n in shape
    ):
        raise TypeError(f"shape must be two whole numbers of px, got {shape!r:.50}")
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"shape must be two sizes of at least 1 px, got {tuple(shape)}")
    return int(shape[0]), int(shape[1])
