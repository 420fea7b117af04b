"""PSFs for another resolution: the same blur with more or fewer px across the scene."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cepstro.psf.base import PSF
from cepstro.psf.bornwolf import BornWolf
from cepstro.psf.grids import sampled_kernel
from cepstro.psf.measured import MOST_SIDE, Kernel
from cepstro.psf.models import Disk, Gaussian, Motion, Polygon, Ring


def scaled(psf: PSF, factor: float) -> PSF:
    """Enlarge a PSF by `factor`, as it looks in a picture of so many times the resolution.

    Raises
    ------
    ValueError
        For factors that are not above 0, or that make a PSF too large.

    Examples
    --------
    >>> from cepstro.psf import Disk, scaled
    >>> scaled(Disk(10, softness=0.5), 2)
    Disk(diameter=20.0, softness=1.0)
    """
    if not (math.isfinite(factor) and factor > 0):
        raise ValueError(f"factor must be finite and > 0, got {factor}")
    if factor == 1:
        return psf
    if isinstance(psf, Disk | Ring | Polygon):
        return replace(psf, diameter=psf.diameter * factor, softness=psf.softness * factor)
    if isinstance(psf, Gaussian):
        return Gaussian(psf.sigma * factor)
    if isinstance(psf, Motion):
        return replace(psf, length=psf.length * factor)
    if isinstance(psf, BornWolf):
        return replace(psf, pixel=psf.pixel / factor)
    halfwidth = math.ceil(psf.halfwidth * factor) + 1
    if 2 * halfwidth + 1 > MOST_SIDE:
        raise ValueError(f"factor {factor:g} makes the kernel larger than {MOST_SIDE} px a side")

    def transfer(fy: NDArray[np.floating], fx: NDArray[np.floating]) -> NDArray[np.complex128]:
        # Beyond the band of its own pixels a kernel says nothing.
        inside = (np.abs(fy * factor) <= 0.5) & (np.abs(fx * factor) <= 0.5)
        return np.asarray(psf.transfer(fy * factor, fx * factor) * inside, np.complex128)

    return Kernel(sampled_kernel(transfer, halfwidth))
