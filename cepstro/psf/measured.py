"""Kernel: a point spread function given as an array of numbers, as measured on a pair of photos.

Its transfer function is the discrete Fourier transform of the array, centred on the middle pixel:
``H(fy, fx) = sum_yx k[y, x] exp(-2 pi i (fy y + fx x))``. Evaluated at free frequencies by Horner's
rule, on a grid by one FFT.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import rfft2
from cepstro.psf.grids import check_shape

MOST_SIDE = 4097  # px; a kernel larger than this is a mistake, not a blur


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A PSF given as an array; equal to another when all values are.

    Parameters
    ----------
    array : array_like
        2-D, odd sides, finite, sum > 0; made square by zeros around it and scaled to sum 1. The
        centre is its middle pixel. Negative values are kept.

    Examples
    --------
    >>> from cepstro.psf import Disk, Kernel
    >>> Kernel(Disk(5).kernel()).otf((64, 64)).dtype
    dtype('float32')
    """

    array: NDArray[np.float64]

    def __post_init__(self) -> None:
        try:
            if np.iscomplexobj(self.array):
                raise TypeError
            array = np.array(self.array, np.float64)
        except (TypeError, ValueError, OverflowError):
            raise TypeError("kernel must be a 2-D array of real numbers") from None
        if array.ndim != 2 or array.shape[0] % 2 == 0 or array.shape[1] % 2 == 0:
            raise ValueError(
                f"kernel must be 2-D with odd sides (so that it has a middle), got {array.shape}"
            )
        if max(array.shape) > MOST_SIDE:
            raise ValueError(f"kernel must be at most {MOST_SIDE} px a side, got {array.shape}")
        total = array.sum()
        if not np.isfinite(array).all() or not np.isfinite(total):
            raise ValueError("kernel must be finite, but has NaN or infinite values")
        if total <= 1e-6 * np.abs(array).sum():
            raise ValueError(f"kernel must have a sum > 0, got {total:g}")
        side = max(array.shape)
        rows, columns = (side - array.shape[0]) // 2, (side - array.shape[1]) // 2
        array = np.pad(array, ((rows, rows), (columns, columns)))
        # An array that sums to 1 stays as it is, to the last bit.
        if abs(total - 1) > 1e-12 * max(1.0, float(np.abs(array).sum())):
            array /= total
            array /= array.sum()
        array.flags.writeable = False
        object.__setattr__(self, "array", array)

    @property
    def halfwidth(self) -> int:
        """Reach of the kernel, px."""
        return int(self.array.shape[0] // 2)

    @property
    def symmetric(self) -> bool:
        """Whether the kernel is its own mirror image through the centre: then H is real."""
        return bool(np.array_equal(self.array, self.array[::-1, ::-1]))

    def transfer(
        self, fy: NDArray[np.floating], fx: NDArray[np.floating]
    ) -> NDArray[np.float64] | NDArray[np.complex128]:
        """Transfer function at frequencies in cycles/px; real for symmetric kernels."""
        h = self.halfwidth
        step_y = np.exp(-2j * np.pi * np.asarray(fy, np.float64))
        step_x = np.exp(-2j * np.pi * np.asarray(fx, np.float64))
        total = np.zeros(np.broadcast(step_y, step_x).shape, np.complex128)
        for row in self.array[::-1]:
            line = np.zeros(step_x.shape, np.complex128)
            for value in row[::-1]:
                line *= step_x
                line += value
            total *= step_y
            total += line
        total *= np.exp(2j * np.pi * h * (np.asarray(fy) + np.asarray(fx)))
        return total.real if self.symmetric else total

    def otf(self, shape: tuple[int, int]) -> NDArray[np.float32] | NDArray[np.complex64]:
        """Transfer function in rfft2 layout; a kernel larger than `shape` wraps round."""
        height, width = check_shape(shape)
        side, h = self.array.shape[0], self.halfwidth
        rows, columns = (np.arange(side) - h) % height, (np.arange(side) - h) % width
        plane = np.zeros((height, width), np.float32 if max(shape) > 256 else np.float64)
        if side <= min(height, width):
            plane[np.ix_(rows, columns)] = self.array
        else:
            np.add.at(plane, np.ix_(rows, columns), self.array)
        spectrum = rfft2(plane)
        if self.symmetric:
            return spectrum.real.astype(np.float32)
        return spectrum.astype(np.complex64)

    def kernel(self) -> NDArray[np.float64]:
        """Copy the array: odd square, sum 1."""
        return self.array.copy()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Kernel):
            return NotImplemented
        return bool(np.array_equal(self.array, other.array))

    def __hash__(self) -> int:
        return hash((self.array.shape, (self.array + 0.0).tobytes()))

    def __str__(self) -> str:
        side = self.array.shape[0]
        packed = zlib.compress(self.array.astype("<f8").tobytes(), 9)
        return f"kernel:{side}x{side},{base64.urlsafe_b64encode(packed).decode()}"


def unpacked(side: int, packed: str) -> Kernel:
    """Return the Kernel of `side` whose text form ends in `packed`.

    Raises
    ------
    ValueError
        With one sentence; nothing larger than `side` says is unpacked.
    """
    if side > MOST_SIDE:
        raise ValueError(f"kernel must be at most {MOST_SIDE} px a side, got {side}")
    size = 8 * side * side
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(packed, b"-_", validate=True), size + 1)
    except (ValueError, zlib.error):
        raise ValueError("kernel's values are damaged: copy the whole text") from None
    if len(data) != size or not unpacker.eof:
        raise ValueError(f"kernel's values are not {side} x {side}: copy the whole text")
    return Kernel(np.frombuffer(data, "<f8").reshape(side, side))
