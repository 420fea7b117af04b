"""Planes of a pair in frequency: mirrored beyond their borders, shifted by phases.

Frequencies are cycles/px, fy down a column and fx along a row, in rfft2 layout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import good_size, rfft2

MARGIN = 24  # px of mirror image around the planes, so that sub-pixel shifts do not ring
_RIM = 2  # px beyond the reach of a kernel that are left out too


def frequencies(shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies of the spectrum of a plane: (H, 1) and (1, W // 2 + 1)."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    return np.asarray(fy, np.float64), np.asarray(fx, np.float64)


def phases(
    fy: NDArray[np.float64], fx: NDArray[np.float64], shift: tuple[float, float]
) -> NDArray[np.complex128]:
    """Factor of a spectrum whose plane moves by (dy, dx) px, down and to the right."""
    return np.asarray(np.exp(-2j * np.pi * (fy * shift[0] + fx * shift[1])), np.complex128)


def framed(
    plane: NDArray[np.float32], shift: tuple[float, float] = (0.0, 0.0), *, margin: int = MARGIN
) -> tuple[NDArray[np.complexfloating], tuple[int, int]]:
    """Spectrum of a plane continued by its mirror image and shifted, and the size of the frame.

    `margin` px at least lie on each side.
    """
    shape = good_size(plane.shape[0] + 2 * margin), good_size(plane.shape[1] + 2 * margin)
    pad = [(0, wide - n) for wide, n in zip(shape, plane.shape, strict=True)]
    spectrum = rfft2(np.pad(plane, pad, mode="symmetric"))
    if any(shift):
        fy, fx = frequencies(shape)
        spectrum *= phases(fy, np.zeros((1, 1)), shift).astype(spectrum.dtype)
        spectrum *= phases(np.zeros((1, 1)), fx, shift).astype(spectrum.dtype)
    return spectrum, shape


def inside(shape: tuple[int, ...], half: int) -> tuple[slice, slice]:
    """Part of a plane whose neighbourhood of `half` px lies within it."""
    rim = half + _RIM
    return slice(rim, shape[0] - rim), slice(rim, shape[1] - rim)


def place_of(size: int) -> tuple[NDArray[np.intp], ...]:
    """Where a kernel of `size` lies on a plane whose origin is its centre."""
    reach = np.arange(-(size // 2), size // 2 + 1)
    return np.ix_(reach, reach)


def spread(
    kernel: NDArray[np.float64], shape: tuple[int, int], dtype: type[np.floating] = np.float32
) -> NDArray[np.floating]:
    """Kernel on a plane of zeros, its centre at [0, 0]."""
    plane = np.zeros(shape, dtype)
    plane[place_of(kernel.shape[0])] = kernel
    return plane
