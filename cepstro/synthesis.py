"""Synthesis: a blur laid on a picture, as a lens would have done.

Each colour plane is turned into light, continued beyond its borders by its mirror image, multiplied
by the PSF's transfer function in frequency and encoded again: ``y = irfft2(H * rfft2(x))``. The
mean is taken off before the transform, so that flat pictures stay exactly flat in float32. Colours
hidden under alpha do not bleed: each pixel counts by its alpha, ``B(a c) / B(a)``; alpha stays.

Blurring encoded values instead of light makes bright points too dim: measured on a white square of
3 px under a disk of 9 px, 8 times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import good_size, irfft2, rfft2
from cepstro.light import Light, from_linear, split_alpha, to_linear
from cepstro.photo import Photo, check_finite, repack, unpack
from cepstro.psf import PSF

Progress = Callable[[float], None] | None

_FAINT = 1 / 512  # blurred alpha below half a step of 8 bit: nothing visible lies near


@overload
def blur(
    image: Photo,
    psf: PSF | Sequence[PSF],
    *,
    light: Light | None = None,
    progress: Progress = None,
) -> Photo: ...
@overload
def blur(
    image: NDArray[Any],
    psf: PSF | Sequence[PSF],
    *,
    light: Light | None = None,
    progress: Progress = None,
) -> NDArray[Any]: ...
def blur(
    image: Photo | NDArray[Any],
    psf: PSF | Sequence[PSF],
    *,
    light: Light | None = None,
    progress: Progress = None,
) -> Photo | NDArray[Any]:
    """Blur a picture by a PSF, in linear light, with mirrored borders.

    Parameters
    ----------
    image : Photo or array
        H x W or H x W x C; with 2 or 4 channels the last is alpha, which is kept as it is.
    psf : PSF or sequence of PSF
        One for all colours, or one for each (red, green, blue).
    light : "srgb", "linear" or ToneCurve, optional
        How the values encode light; a Photo knows its own, arrays are taken as "srgb".
    progress : callable, optional
        Called with the fraction done, 0..1; an exception it raises cancels the work.

    Returns
    -------
    Photo or array
        As `image` came: same shape, dtype and encoding; floats are not clipped.

    Raises
    ------
    TypeError, ValueError
        For what is no picture, no PSF or a wrong number of PSFs.
    UnsuitableImageError
        Where the picture holds NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from cepstro import Disk, blur
    >>> flat = np.full((40, 50), 100, np.uint8)
    >>> bool((blur(flat, Disk(9)) == flat).all())
    True
    """
    pixels, light = unpack(image, light)
    check_finite(pixels)
    colour, alpha = split_alpha(pixels)
    planes = colour[..., None] if colour.ndim == 2 else colour
    psfs = _one_each(psf, planes.shape[2])
    opacity = None
    if alpha is not None and alpha.min() < (
        np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1
    ):
        opacity = to_linear(alpha, light="linear")
    out = np.empty_like(pixels, order="C")
    if alpha is not None:
        out[..., -1] = alpha
    target = out[..., : planes.shape[2]] if out.ndim == 3 else out[..., None]
    blurrer = _Blurrer(planes.shape[:2])
    for c, shape in enumerate(psfs):
        plane = to_linear(planes[..., c], light=light)
        if opacity is None:
            plane = blurrer(plane, shape)
        else:
            seen = blurrer(opacity, shape)
            lit = blurrer(plane * opacity, shape)
            plane = np.where(seen > _FAINT, lit / np.maximum(seen, _FAINT), plane)
        target[..., c] = from_linear(plane, pixels.dtype, light=light)
        if progress is not None:
            progress((c + 1) / len(psfs))
    result: Photo | NDArray[Any] = repack(image, out)
    return result


def blur_plane(plane: NDArray[np.float32], psf: PSF) -> NDArray[np.float32]:
    """Blur one plane of light, H x W float32, with mirrored borders."""
    return _Blurrer(plane.shape)(plane, psf)


class _Blurrer:
    """Planes of one shape blurred in turn; the transfer function is kept while the PSF stays."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.psf: PSF | None = None

    def __call__(self, plane: NDArray[np.float32], psf: PSF) -> NDArray[np.float32]:
        height, width = self.shape
        if psf != self.psf:
            margin = psf.halfwidth
            self.size = good_size(height + 2 * margin), good_size(width + 2 * margin)
            self.otf = psf.otf(self.size)
            self.psf = psf
        mean = plane.mean(dtype=np.float64).astype(np.float32)
        top, left = (self.size[0] - height) // 2, (self.size[1] - width) // 2
        pad = ((top, self.size[0] - height - top), (left, self.size[1] - width - left))
        padded = np.pad(plane, pad, mode="symmetric")
        padded -= mean
        spectrum = rfft2(padded)
        spectrum *= self.otf
        blurred = irfft2(spectrum, self.size, overwrite=True)
        result: NDArray[np.float32] = blurred[top : top + height, left : left + width] + mean
        return result


def _one_each(psf: PSF | Sequence[PSF], channels: int) -> list[PSF]:
    """One PSF for each colour channel."""
    if isinstance(psf, PSF):
        return [psf] * channels
    psfs = list(psf) if isinstance(psf, Sequence) and not isinstance(psf, str) else []
    if not psfs or not all(isinstance(one, PSF) for one in psfs):
        raise TypeError(f"psf must be a PSF or one for each colour, got {psf!r:.60}")
    if len(psfs) != channels:
        raise ValueError(f"psf must be one PSF or {channels} (one a colour), got {len(psfs)}")
    return psfs
