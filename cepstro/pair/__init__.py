"""Kernels from pairs: the blur between a sharp and a blurred photo of one scene.

`planes` prepares the photos, `align`, `similarity` and `register` lay them on each other,
`least_squares` and `cross_spectrum` measure the kernel and how well each of its frequencies is
known (`measure`, `grid`), `models` and `shape` name the PSF behind it, `posterior` gives the most
likely kernel, and `estimate` puts all that together.
"""

from cepstro.pair.estimate import PairKernel, estimate_kernel
from cepstro.pair.shape import KernelFit

__all__ = ["KernelFit", "PairKernel", "estimate_kernel"]
