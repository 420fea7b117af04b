"""Deblurring: undo a known blur in linear light.

`deblur` decodes a picture to light, restores its planes by one of the methods and encodes the
result as it came. Every method sees the photo in a larger frame whose surroundings are modelled
(`borders`), so that nothing rings at the frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from cepstro import chunks
from cepstro.light import Light, split_alpha
from cepstro.photo import Photo, check_finite, repack, unpack
from cepstro.psf import PSF, one_each
from cepstro.restore import parts, windows
from cepstro.restore.measured import METHODS, asked, blocks_of, in_memory, samples

__all__ = ["METHODS", "deblur"]

Progress = Callable[[float], None]
Image = TypeVar("Image", Photo, NDArray[Any])


def deblur(
    image: Image,
    psf: PSF | Sequence[PSF],
    *,
    nsr: float | Literal["auto"] | None = None,
    method: str | None = None,
    noise: float | None = None,
    diameter_error: float = 0.0,
    light: Light | None = None,
    progress: Progress | None = None,
) -> Image:
    """Undo a blur: sharpen a photo whose point spread function is known.

    Parameters
    ----------
    image : Photo, array or Dask array
        H x W or H x W x C (C 1 to 4; alpha, the last of 2 or 4, is carried through untouched).
        Integers span their whole range, floats 0..1. Of a Dask array some blocks are read at once,
        to measure mean and noise; the result is lazy.
    psf : PSF, or a sequence of one PSF a colour channel
        The blur, e.g. ``analyze(image).psf`` or ``Disk(33)``.
    nsr : float, "auto" or None
        Noise-to-signal constant K >= 0 of ``conj(H) / (abs(H)**2 + K)``. A number and no `method`
        means plain Wiener; with another method it is the ratio at the edge of the band that
        the blur leaves. "auto" and None choose it for the photo.
    method : "wiener", "lucy", "sparse", "best" or None
        Wiener filter, Richardson-Lucy, total variation, and total variation corrected by networks
        and a denoiser in turn (`restore.learned`); None is "best" with fewer steps, in less
        than half of its time.
    noise : float, optional
        Standard deviation of the noise in encoded units (1 is white); measured if not given.
    diameter_error : float
        One standard deviation of the PSF's diameter, px; makes the result robust to it.
    light : "srgb", "linear" or ToneCurve, optional
        How values encode light; default: the photo's own, "srgb" for arrays.
    progress : callable, optional
        Called with the fraction done, 0..1; an exception raised in it cancels the work.

    Returns
    -------
    Photo or array
        Same kind, shape and dtype; integers rounded and clipped, floats left unclipped.

    Raises
    ------
    ValueError, TypeError
        For arguments out of range or of the wrong kind.
    UnsuitableImageError
        For pictures with values that are not finite.

    Examples
    --------
    >>> import numpy as np, cepstro
    >>> blurred = np.random.default_rng(0).random((40, 60))
    >>> cepstro.deblur(blurred, cepstro.Disk(5), nsr=1e-3).shape
    (40, 60)
    """
    later = chunks.is_lazy(image)
    pixels, light = chunks.unpack(image, light, progress) if later else unpack(image, light)
    colour, alpha = split_alpha(pixels)
    channels = 1 if colour.ndim == 2 else colour.shape[2]
    psfs = one_each(psf, channels)
    task = asked(psfs, method, nsr, noise, diameter_error, light)
    where = samples((pixels.shape[0], pixels.shape[1]), task)
    if later:
        windows.check_method(task.method)
        plan = windows.measure(blocks_of(partial(chunks.read, pixels), where), task)
        lazy: Image = parts.lazily(plan, pixels)
        return lazy
    check_finite(colour)
    tell = progress or (lambda _: None)
    tell(0.0)
    out = np.empty_like(pixels)
    planes, targets = (x[..., None] if x.ndim == 2 else x for x in (pixels, out))
    windows.measure(blocks_of(in_memory(colour), where), task).whole(planes, targets, tell)
    tell(1.0)
    if alpha is not None:
        out[..., -1] = alpha
    done: Image = repack(image, out)
    return done
