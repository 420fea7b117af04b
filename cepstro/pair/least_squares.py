"""The kernel by least squares on the valid region: exact at borders.

``min_k sum_x w(x) (F b - F s * k)(x)**2`` over the pixels whose whole neighbourhood lies inside the
photo and is not clipped: nothing makes a cross along the axes. Conjugate gradients on FFTs,
preconditioned by the spectrum of s; the weights w are those of noise of one size on encoded values,
F is the high pass.

Reference: Joshi, Szeliski & Kriegman 2008 (CVPR).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import irfft2, rfft2
from cepstro.pair.frame import framed, frequencies, inside, place_of, spread
from cepstro.pair.measure import (
    PASS,
    TRUST,
    Measured,
    grid_size,
    heard,
    lost_part,
    radial_mean,
    regrid,
    solve,
)


def least_squares(
    sharp: NDArray[np.float32],
    blurred: NDArray[np.float32],
    weight: NDArray[np.float32],
    *,
    size: int,
    shift: tuple[float, float],
    noise: float,
) -> Measured:
    """Kernel of `size` by weighted least squares on the valid region.

    Parameters
    ----------
    sharp, blurred : H x W float32
        Planes of light, aligned to the pixel.
    weight : H x W float32
        0 for pixels to leave out (all within half a kernel of a clipped one included), >= 0.
    size : int
        Side of the kernel, odd.
    shift : (float, float)
        What is left of the shift, px: the kernel comes out centred.
    noise : float
        Variance of the noise of the sharp plane.
    """
    problem = _Problem(sharp, blurred, weight, size, shift, noise)
    m = grid_size(size)
    symbol = problem.symbol(m)
    kernel = solve(problem.right_side(), problem.normal, symbol)
    left, seen = problem.powers(kernel, m)
    lost = lost_part(left, seen)
    return Measured(kernel, symbol / left * heard(lost), lost, problem.pixels)


class _Problem:
    """The filtered planes, and the normal equations' products by FFT."""

    def __init__(
        self,
        sharp: NDArray[np.float32],
        blurred: NDArray[np.float32],
        weight: NDArray[np.float32],
        size: int,
        shift: tuple[float, float],
        noise: float,
    ) -> None:
        self.source, self.shape = framed(sharp - sharp.mean(), shift)
        fy, fx = frequencies(self.shape)
        rho2 = (fy * fy + fx * fx).astype(np.float32)
        high = np.sqrt(rho2 / (rho2 + np.float32(PASS**2)))
        self.source *= high
        target, _ = framed(blurred - blurred.mean())
        target *= high
        self.target = irfft2(target, self.shape, overwrite=True)
        self.weight = np.zeros(self.shape, np.float32)
        part = inside(sharp.shape, size // 2)
        self.weight[part] = weight[part]
        self.pixels = float(np.count_nonzero(self.weight))
        total = float(self.weight.sum(dtype=np.float64))
        self.weight *= np.float32(self.pixels / max(total, 1e-30))
        # Noise of the sharp plane in the normal equations, never more than it can be.
        self.noise: NDArray[np.float32] | None = None
        if noise > 0:
            level = radial_mean(np.abs(self.source) ** 2, rho2) / sharp.size
            self.noise = np.float32(self.pixels) * np.minimum(
                np.float32(noise) * high**2, np.float32(TRUST) * level
            )
        self.place = place_of(size)

    def right_side(self) -> NDArray[np.float64]:
        return self._gather(self.weight * self.target)

    def normal(self, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
        spectrum = rfft2(spread(kernel, self.shape))
        product = self._gather(self.weight * irfft2(self.source * spectrum, self.shape))
        if self.noise is not None:
            product -= irfft2(self.noise * spectrum, self.shape)[self.place]
        return product

    def symbol(self, m: int) -> NDArray[np.float64]:
        """Spectrum of the normal matrix on the rfft2 grid of m x m."""
        power = np.abs(rfft2(np.sqrt(self.weight) * irfft2(self.source, self.shape))) ** 2
        if self.noise is not None:
            power = np.maximum(power - self.noise, 0.1 * power)
        return regrid(power, self.shape, m)

    def powers(
        self, kernel: NDArray[np.float64], m: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Power a pixel of the weighted residual (its radial mean at least) and of the blur.

        Both on the rfft2 grid of m x m.
        """
        left = self.target - irfft2(self.source * rfft2(spread(kernel, self.shape)), self.shape)
        root = np.sqrt(self.weight)
        residual, seen = (
            regrid(np.abs(rfft2(root * plane)) ** 2 / np.float32(self.pixels), self.shape, m)
            for plane in (left, self.target)
        )
        fy, fx = frequencies((m, m))
        smooth = np.maximum(radial_mean(residual, fy * fy + fx * fx, bins=32), residual)
        return np.maximum(smooth, 1e-3 * float(smooth.mean()) + 1e-30), seen

    def _gather(self, plane: NDArray[np.floating]) -> NDArray[np.float64]:
        lags = irfft2(np.conj(self.source) * rfft2(plane), self.shape)
        return lags[self.place].astype(np.float64)
