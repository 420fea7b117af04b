"""The blur kernel between a sharp and a blurred photo of one scene.

The photos are laid on each other below a pixel (`register`), the kernel is measured in linear light
with clipped pixels left out (`measure`), named by the best PSF model (`shape`) and completed by it
where the photos are silent (`posterior`). What comes out is centred and sums to 1, so that it does
to any other photo what the lens did to this one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import UnsuitableImageError
from cepstro.light import Light
from cepstro.pair.align import CLEAR, coarse_shift
from cepstro.pair.cross_spectrum import cross_spectrum
from cepstro.pair.frame import inside
from cepstro.pair.least_squares import least_squares
from cepstro.pair.measure import not_one_scene
from cepstro.pair.planes import Picture, Plane, cut, levels, noise_of, weights
from cepstro.pair.posterior import regularise
from cepstro.pair.register import register, split, support
from cepstro.pair.shape import KernelFit, Shape, fit_shape
from cepstro.photo import Photo
from cepstro.psf import Kernel
from cepstro.psf.grids import sampled_kernel

Method = Literal["wiener", "lsqr"]
Progress = Callable[[float], None] | None

_ONE_BLUR = 0.975  # part of the detail that one kernel explains when there is only one blur
_SAME_SCENE = 0.3  # and when there is one scene at all
_SHARPENS = 3.0  # sum of the values of a kernel without their signs; a plain unsharp mask has 3
UNNAMED = 0.5  # misfit from which the best model says nothing of the kernel
_TELLING = 0.5  # pixels to a value of the kernel: with 0.3 it was off, with 2.6 it was right


@dataclass(frozen=True, slots=True, eq=False)
class PairKernel:
    """What a pair of photos says about the blur between them.

    Attributes
    ----------
    kernel : n x n float64
        The blur kernel: centred, sum 1.
    psf : Kernel
        The same, ready for `deblur` and `blur`.
    fit : KernelFit
        The PSF model that describes it best, with error bars.
    shift : (float, float)
        (dy, dx), px: the blurred photo's content lies so much lower and further right.
    scale, rotation : float
        Size of the blurred photo's content relative to the sharp one's, and the angle by which it
        is turned, degrees counter-clockwise; 1 and 0 when no such change was found.
    gain, offset : float
        ``blurred = gain * blur(sharp) + offset`` in linear light.
    explained : float
        Part of the blurred photo's detail that the kernel explains, 0..1: low when blur varies.
    residual : float
        Root mean square of what the kernel leaves unexplained, linear light 0..1.
    method : str
        "wiener" or "lsqr".
    warnings : tuple of str
        What to know before trusting the kernel; empty when all went well.
    channels : tuple of PairKernel
        One each for red, green and blue if they were asked for, else empty.
    """

    kernel: NDArray[np.float64]
    psf: Kernel
    fit: KernelFit
    shift: tuple[float, float]
    scale: float
    rotation: float
    gain: float
    offset: float
    residual: float
    explained: float
    method: Method
    warnings: tuple[str, ...] = ()
    channels: tuple[PairKernel, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form, without the kernel's values."""
        from cepstro.psf import psf_to_dict

        return {
            "size": self.kernel.shape[0],
            "method": self.method,
            "model": psf_to_dict(self.fit.psf),
            "model_text": str(self.fit),
            "errors": dict(self.fit.errors),
            "misfit": self.fit.misfit,
            "shift": list(self.shift),
            "scale": self.scale,
            "rotation": self.rotation,
            "gain": self.gain,
            "offset": self.offset,
            "residual": self.residual,
            "explained": self.explained,
            "warnings": list(self.warnings),
            "channels": [channel.to_dict() for channel in self.channels],
        }


def estimate_kernel(
    sharp: Photo | NDArray[Any],
    blurred: Photo | NDArray[Any],
    *,
    size: int | None = None,
    method: Method = "lsqr",
    channels: Literal["luminance", "each"] = "luminance",
    light: Light | None = None,
    progress: Progress = None,
) -> PairKernel:
    """Measure the blur kernel between a sharp and a blurred photo of the same scene.

    Parameters
    ----------
    sharp, blurred : Photo or array
        H x W or H x W x C; sizes may differ. One may lie shifted by up to half its size, and be
        a few per cent larger or a few degrees turned.
    size : int, optional
        Side of the kernel, px, odd; chosen from the blur if not given.
    method : "lsqr" or "wiener"
        Least squares on the valid region (exact at borders), or the averaged cross-spectrum.
    channels : "luminance" or "each"
        With "each", `channels` of the result holds one kernel a colour beside that of luminance.
    light : "srgb", "linear" or ToneCurve, optional
        How values encode light; Photos know their own, arrays are taken as "srgb".
    progress : callable, optional
        Called with the fraction done, 0..1; an exception it raises cancels the work.

    Returns
    -------
    PairKernel

    Raises
    ------
    UnsuitableImageError
        When the photos are too small or flat, do not show the same scene, or are swapped.
    TypeError, ValueError
        For wrong arguments, such as a size that the photos are too small for.

    References
    ----------
    Joshi, Szeliski & Kriegman, CVPR (2008); P. D. Welch, IEEE Trans. Audio Electroacoust. 15:70
    (1967).

    Examples
    --------
    >>> import cepstro, numpy as np
    >>> sharp = np.random.default_rng(1).random((160, 160))
    >>> found = cepstro.estimate_kernel(sharp, cepstro.blur(sharp, cepstro.Disk(7)))
    >>> found.kernel.shape, round(found.fit.psf.diameter, 2)
    ((19, 19), 7.0)
    """
    if method not in ("wiener", "lsqr"):
        raise ValueError(f'method must be "wiener" or "lsqr", got {method!r}')
    if channels not in ("luminance", "each"):
        raise ValueError(f'channels must be "luminance" or "each", got {channels!r}')
    if size is not None and not isinstance(size, int | np.integer):
        raise TypeError(f"size must be a whole number of px, got {size!r}")
    if size is not None and (size < 3 or size % 2 == 0):
        raise ValueError(f"size must be an odd number of at least 3 px, got {size}")
    report = progress or (lambda _: None)
    source, target = Picture(sharp, light, "sharp"), Picture(blurred, light, "blurred")
    each = channels == "each"
    parts = 1 + each * source.channels

    def one(sharp: Plane, blurred: Plane, size: int | None, part: int) -> PairKernel:
        return _estimate(sharp, blurred, size, method, lambda done: report((part + done) / parts))

    if each and source.channels != target.channels:
        raise ValueError(
            f"kernels for each colour need photos of as many colours, got {source.channels} and "
            f"{target.channels}"
        )
    result = one(source.luminance(), target.luminance(), size, 0)
    if not each:
        return result
    single = tuple(
        one(source.channel(c), target.channel(c), result.kernel.shape[0], 1 + c)
        for c in range(source.channels)
    )
    return replace(result, channels=single)


def _estimate(
    sharp: Plane,
    blurred: Plane,
    size: int | None,
    method: Method,
    report: Callable[[float], None],
) -> PairKernel:
    warnings: list[str] = []
    hump = coarse_shift(sharp.light, blurred.light)
    if hump.clearness < CLEAR:
        raise not_one_scene(
            "no shift lays one on the other, unless one is turned or scaled too far "
            f"(clearness {hump.clearness:.1f}, needs {CLEAR:g})"
        )
    report(0.1)
    shift = (float(hump.shift[0]), float(hump.shift[1]))
    sharp, shift, how = register(sharp, blurred, shift)
    report(0.2)
    size, shift, limited = support(sharp, blurred, size, shift)
    if limited:
        warnings.append(
            f"the kernel was cut at {size} px: its rim is not empty, so the blur is larger, or the "
            "photos differ by more than a blur"
        )
    report(0.4)
    whole, part = split(shift)
    here, there = cut(sharp, blurred, whole)
    weight, spared = weights(here, there, size)
    telling = np.count_nonzero(weight[inside(weight.shape, size // 2)])
    if telling < _TELLING * size**2:
        raise UnsuitableImageError(
            f"only {telling} pixels tell of a kernel of {size} x {size} px, as the others are "
            "clipped or too near a border; name a smaller size or take larger photos"
        )
    if not spared:
        warnings.append("clipped highlights cover most of the sharp photo; they were not left out")
    noise = noise_of(here, there, weight)
    measure = least_squares if method == "lsqr" else cross_spectrum
    measured = measure(here.light, there.light, weight, size=size, shift=part, noise=noise)
    report(0.7)
    shape = fit_shape(measured)
    kernel = regularise(measured, shape)
    report(0.9)
    gain, offset, residual, explained = levels(here.light, there.light, weight, kernel, part)
    if explained < _SAME_SCENE:
        raise not_one_scene(
            f"the best kernel explains only {100 * max(explained, 0):.0f} % of the blurred photo's "
            "detail"
        )
    # What blurs takes no light away: the sum of a kernel's values without their signs stays near 1.
    # It was 10 to 420 where a photo was to be made of a blurrier one.
    if float(np.abs(kernel).sum()) > _SHARPENS:
        raise UnsuitableImageError(
            "the blurred photo is sharper than the sharp one; are the photos swapped? Give the "
            "sharp one first"
        )
    if explained < _ONE_BLUR:
        warnings.append(
            f"one kernel explains only {100 * explained:.0f} % of the blurred photo's detail: the "
            "blur varies over the picture (depth, movement), or the scene has changed"
        )
    shift = (
        shift[0] + shape.shift[0] + how.shift[0],
        shift[1] + shape.shift[1] + how.shift[1],
    )
    misfit = _misfit(kernel, shape)
    if misfit > UNNAMED:
        warnings.append(
            f"no model describes the kernel (misfit {100 * misfit:.0f} %): use the kernel itself"
        )
    report(1.0)
    return PairKernel(
        kernel=kernel,
        psf=Kernel(kernel),
        fit=KernelFit(shape.psf, shape.errors, misfit),
        shift=shift,
        scale=how.scale,
        rotation=math.degrees(how.rotation),
        gain=gain,
        offset=offset,
        residual=residual,
        explained=explained,
        method=method,
        warnings=tuple(warnings),
    )


def _misfit(kernel: NDArray[np.float64], shape: Shape) -> float:
    """Relative L2 distance between the kernel and its model's."""
    model = sampled_kernel(shape.psf.transfer, kernel.shape[0] // 2)
    return float(np.linalg.norm(kernel - model) / np.linalg.norm(kernel))
