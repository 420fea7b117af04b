"""Kernels from pairs: the blur between a sharp and a blurred photo of one scene.

`align` finds where they lie on each other, `measure` the kernel of least squares and how well each
of its frequencies is known, `shape` the PSF model behind it and the most likely kernel; `estimate`
puts them together.
"""

from cepstro.pair.estimate import PairKernel, estimate_kernel
from cepstro.pair.shape import KernelFit

__all__ = ["KernelFit", "PairKernel", "estimate_kernel"]
