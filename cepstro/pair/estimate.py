"""The blur kernel between a sharp and a blurred photo of one scene.

The photos are laid on each other below a pixel, the kernel is measured in linear light with clipped
pixels left out (`measure`), named by the best PSF model and completed by it where the photos are
silent (`shape`). What comes out is centred and sums to 1, so that it does to any other photo what
the lens did to this one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import UnsuitableImageError
from cepstro.fft import good_size, irfft2, rfft2
from cepstro.light import Light, clipped, from_linear, luminance, split_alpha, to_linear
from cepstro.noise import spread_blocks
from cepstro.pair.align import CLEAR, coarse_shift, overlap
from cepstro.pair.measure import Measured, cross_spectrum, least_squares
from cepstro.pair.shape import KernelFit, Shape, first_shape, fit_shape, glimpse, regularise
from cepstro.pair.similarity import (
    Similarity,
    covered,
    find_similarity,
    refine_similarity,
    warp,
)
from cepstro.photo import Photo, check_finite, unpack
from cepstro.psf import Kernel
from cepstro.psf.grids import sampled_kernel
from cepstro.synthesis import blur_plane

Method = Literal["wiener", "lsqr"]
Progress = Callable[[float], None] | None

_FIRST = 65  # side of the first look at a kernel, px
_LARGEST = 401  # side of the largest kernel looked for, px
_MOST = 1 << 22  # pixels that take part: the middle of larger photos
_EXPLAINED = 0.9  # of chi-square: a model that explains less does not tell the kernel's centre
_STRETCH = 0.15  # px: scale and rotation that move no corner further are not undone
_ONE_BLUR = 0.975  # part of the detail that one kernel explains when there is only one blur
_SAME_SCENE = 0.3  # and when there is one scene at all
_SMALLEST = 48  # px: photos below this cannot tell a kernel from their own borders
_NOISY = 0.05  # square of the slope of light over encoding below which dark parts gain no weight


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
        When the photos are too small or flat or do not show the same scene.
    TypeError, ValueError
        For wrong arguments.
    """
    if method not in ("wiener", "lsqr"):
        raise ValueError(f'method must be "wiener" or "lsqr", got {method!r}')
    if channels not in ("luminance", "each"):
        raise ValueError(f'channels must be "luminance" or "each", got {channels!r}')
    if size is not None and (size != int(size) or size < 3 or size % 2 == 0):
        raise ValueError(f"size must be an odd number of at least 3 px, got {size}")
    report = progress or (lambda _: None)
    source, target = _Picture(sharp, light, "sharp"), _Picture(blurred, light, "blurred")
    result = _estimate(source.luminance(), target.luminance(), size, method, report)
    if channels == "luminance":
        return result
    if source.channels != target.channels:
        raise ValueError(
            f"kernels for each colour need photos of as many colours, got {source.channels} and "
            f"{target.channels}"
        )
    single = tuple(
        _estimate(source.channel(c), target.channel(c), result.kernel.shape[0], method, report)
        for c in range(source.channels)
    )
    return replace(result, channels=single)


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """One plane of light, its clipped pixels, and the slope of light over encoded values."""

    light: NDArray[np.float32]
    clipped: NDArray[np.bool_]
    encoded: NDArray[np.float32]
    slope: NDArray[np.float32]

    def cut(self, part: tuple[slice, slice]) -> _Plane:
        return _Plane(self.light[part], self.clipped[part], self.encoded[part], self.slope[part])


class _Picture:
    """A photo checked and unpacked, its planes on demand."""

    def __init__(self, image: Photo | NDArray[Any], light: Light | None, name: str) -> None:
        pixels, self.encoding = unpack(image, light)
        check_finite(pixels)
        colour, _ = split_alpha(pixels)
        if min(colour.shape[:2]) < _SMALLEST:
            raise UnsuitableImageError(
                f"the {name} photo must be at least {_SMALLEST} px a side, got "
                f"{colour.shape[1]} x {colour.shape[0]}"
            )
        self.colour = colour[..., None] if colour.ndim == 2 else colour
        self.name = name
        self.channels = self.colour.shape[2]

    def luminance(self) -> _Plane:
        linear = luminance(to_linear(self.colour, light=self.encoding))
        return self._plane(linear, clipped(self.colour))

    def channel(self, c: int) -> _Plane:
        linear = to_linear(self.colour[..., c], light=self.encoding)
        return self._plane(linear, clipped(self.colour[..., c]))

    def _plane(self, linear: NDArray[np.float32], mask: NDArray[np.bool_]) -> _Plane:
        if float(np.ptp(linear)) < 1e-6:
            raise UnsuitableImageError(f"the {self.name} photo is flat: it shows no detail")
        encoded = from_linear(linear, np.dtype(np.float32), light=self.encoding)
        rise = to_linear(encoded + np.float32(0.004), light=self.encoding)
        rise -= to_linear(encoded - np.float32(0.004), light=self.encoding)
        return _Plane(linear, mask, encoded, rise / np.float32(0.008))


def _estimate(
    sharp: _Plane,
    blurred: _Plane,
    size: int | None,
    method: Method,
    report: Callable[[float], None],
) -> PairKernel:
    warnings: list[str] = []
    hump = coarse_shift(sharp.light, blurred.light)
    if hump.clearness < CLEAR:
        raise UnsuitableImageError(
            "the photos do not show the same scene, or one is turned or scaled too far: no shift "
            f"lays one on the other (clearness {hump.clearness:.1f}, needs {CLEAR:g})"
        )
    report(0.1)
    shift = (float(hump.shift[0]), float(hump.shift[1]))
    how = find_similarity(sharp.light, blurred.light, shift)
    stretch = how.stretch(sharp.light.shape)
    if stretch > _STRETCH / 2:
        how = _settle(sharp, blurred, how)
        stretch = how.stretch(sharp.light.shape)
    if stretch > _STRETCH:
        sharp, shift = _laid(sharp, how, blurred.light.shape, rough=False), (0.0, 0.0)
    else:
        how = Similarity((0.0, 0.0))
    report(0.2)
    size, shift, limited = _support(sharp, blurred, size, shift)
    if limited:
        warnings.append(
            f"the kernel was cut at {size} px: its rim is not empty, so the blur is larger, or the "
            "photos differ by more than a blur"
        )
    report(0.4)
    whole, part = _split(shift)
    here, there = _cut(sharp, blurred, whole)
    weight, spared = _weights(here, there, size)
    if not spared:
        warnings.append("clipped highlights cover most of the sharp photo; they were not left out")
    noise = _noise(here, weight)
    measure = least_squares if method == "lsqr" else cross_spectrum
    measured = measure(here.light, there.light, weight, size=size, shift=part, noise=noise)
    report(0.7)
    shape = fit_shape(measured)
    kernel = regularise(measured, shape)
    report(0.9)
    gain, offset, residual, explained = _levels(here.light, there.light, weight, kernel, part)
    if explained < _SAME_SCENE:
        raise UnsuitableImageError(
            "the photos do not show the same scene: the best kernel explains only "
            f"{100 * max(explained, 0):.0f} % of the blurred photo's detail"
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


def _laid(sharp: _Plane, how: Similarity, shape: tuple[int, ...], *, rough: bool) -> _Plane:
    """Resample the sharp plane onto the blurred one's pixels; what it lacks counts as clipped.

    `rough` interpolates linearly and leaves out what only the noise is read from.
    """
    light = warp(sharp.light, how, shape, order=1 if rough else 5)
    bad = ~covered(sharp.light, how, shape)
    if sharp.clipped.any():
        bad |= warp(sharp.clipped.astype(np.float32), how, shape, order=1) > 0.01
    if rough:
        return _Plane(light, bad, light, light)
    encoded, slope = (warp(plane, how, shape, order=1) for plane in (sharp.encoded, sharp.slope))
    return _Plane(light, bad, encoded, slope)


def _settle(sharp: _Plane, blurred: _Plane, how: Similarity) -> Similarity:
    """Scale and rotation again, now with the blur between the photos known better and better."""
    for _ in range(4):
        laid = _laid(sharp, how, blurred.light.shape, rough=True)
        side = min(_FIRST, min(laid.light.shape) // 4 * 2 - 1)
        weight, _ = _weights(laid, blurred, side)
        measured = cross_spectrum(
            laid.light, blurred.light, weight, size=side, shift=(0.0, 0.0), noise=0.0
        )
        kernel = regularise(measured, first_shape(measured))
        again = blur_plane(laid.light, Kernel(kernel))
        better = refine_similarity(again, blurred.light, how, reach=side // 2)
        moved = Similarity(
            (0.0, 0.0), better.scale / how.scale, better.rotation - how.rotation
        ).stretch(sharp.light.shape)
        how = better
        if moved < 0.03:
            break
    return how


def _support(
    sharp: _Plane, blurred: _Plane, size: int | None, shift: tuple[float, float]
) -> tuple[int, tuple[float, float], bool]:
    """Side of the kernel, the shift below a pixel, and whether the side hit its limit."""
    limit = min(_LARGEST, min(*sharp.light.shape, *blurred.light.shape) // 4 * 2 - 1)
    side = min(limit, _FIRST if size is None else max(size + 8, 17))
    for _ in range(6):
        whole, part = _split(shift)
        here, there = _cut(sharp, blurred, whole)
        weight, _ = _weights(here, there, side)
        measured = cross_spectrum(
            here.light, there.light, weight, size=side, shift=part, noise=_noise(here, weight)
        )
        shape = first_shape(measured)
        moved = shape.shift if shape.explained > _EXPLAINED else _centroid(measured)
        shift = (shift[0] + moved[0], shift[1] + moved[1])
        reach = _reach(measured, shape) + max(abs(moved[0]), abs(moved[1]))
        wanted = 2 * int(np.ceil(reach)) + 5
        settled = max(abs(moved[0]), abs(moved[1])) < 0.25
        if size is None and wanted > side < limit:
            side = min(limit, 2 * side + 1)
        elif settled:
            break
    if size is not None:
        return min(size, limit), shift, False
    return min(wanted, limit), shift, wanted > limit


def _centroid(measured: Measured) -> tuple[float, float]:
    """Centre of gravity of what stands out of a kernel's noise, from its middle."""
    kernel = _significant(measured)
    half = kernel.shape[0] // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    return float(np.sum(kernel * y)), float(np.sum(kernel * x))


def _significant(measured: Measured) -> NDArray[np.float64]:
    """Smoothed kernel without what lies below 4 sigmas of its noise or 3 % of its top; sum 1."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(glimpse(measured), 1.0, mode="constant")
    noise = 1.4826 * float(np.median(np.abs(smooth)))
    top = float(smooth.max())
    kept = np.where(smooth > max(min(4 * noise, 0.5 * top), 0.03 * top), smooth, 0.0)
    return np.asarray(kept / kept.sum())


def _reach(measured: Measured, shape: Shape) -> float:
    """Half side of the box that holds the kernel."""
    half = measured.kernel.shape[0] // 2
    rows, columns = np.nonzero(_significant(measured))
    seen = max(np.abs(rows - half).max(), np.abs(columns - half).max())
    return float(shape.psf.halfwidth if shape.explained > _EXPLAINED else seen)


def _split(shift: tuple[float, float]) -> tuple[tuple[int, int], tuple[float, float]]:
    """Whole pixels and the rest."""
    whole = round(shift[0]), round(shift[1])
    return whole, (shift[0] - whole[0], shift[1] - whole[1])


def _cut(sharp: _Plane, blurred: _Plane, shift: tuple[int, int]) -> tuple[_Plane, _Plane]:
    """Cut out of both what shows the same, at most `_MOST` pixels from the middle."""
    first, second = overlap(sharp.light, blurred.light, shift)
    here, there = sharp.cut(first), blurred.cut(second)
    height, width = here.light.shape
    if min(height, width) < _SMALLEST:
        raise UnsuitableImageError(
            f"the photos overlap by {width} x {height} px only; at least {_SMALLEST} are needed"
        )
    if height * width > _MOST:
        thin = (_MOST / (height * width)) ** 0.5
        rows, columns = int(height * thin), int(width * thin)
        top, left = (height - rows) // 2, (width - columns) // 2
        part = (slice(top, top + rows), slice(left, left + columns))
        here, there = here.cut(part), there.cut(part)
    return here, there


def _weights(sharp: _Plane, blurred: _Plane, size: int) -> tuple[NDArray[np.float32], bool]:
    """Weight of each pixel: noise of one size on encoded values, clipped light left out.

    Also says whether clipped pixels of the sharp photo could be left out.
    """
    from scipy.ndimage import maximum_filter, uniform_filter

    weight = 1 / (blurred.slope**2 + np.float32(_NOISY))
    weight = uniform_filter(weight, size)  # smooth over a kernel: keeps the problem a convolution
    bad = maximum_filter(blurred.clipped, 5)
    spread = maximum_filter(sharp.clipped, size + 4) if sharp.clipped.any() else sharp.clipped
    spared = bool((bad | spread).mean() < 0.7)
    weight[bad | spread if spared else bad] = 0
    if np.count_nonzero(weight) < 1000:
        raise UnsuitableImageError("the blurred photo is clipped nearly everywhere")
    return weight.astype(np.float32), spared


def _noise(sharp: _Plane, weight: NDArray[np.float32]) -> float:
    """Variance of the sharp photo's noise in light, weighted as the pixels are.

    From the corners of the spectra of blocks: the quietest blocks show noise rather than detail.
    """
    side = 32
    window = np.hanning(side + 2)[1:-1].astype(np.float32)
    window = window[:, None] * window
    blocks = spread_blocks(sharp.encoded, side, 1024)
    blocks -= blocks.mean(axis=(1, 2), keepdims=True)
    power = np.abs(rfft2(blocks * window)) ** 2
    high = np.abs(np.fft.fftfreq(side)) > 0.35
    corner = power[:, high][:, :, np.fft.rfftfreq(side) > 0.35].mean(axis=(1, 2))
    quiet = float(np.quantile(corner, 0.1)) / float(np.sum(window.astype(np.float64) ** 2))
    total = float(weight.sum(dtype=np.float64))
    return quiet * float(np.sum(weight * sharp.slope**2, dtype=np.float64)) / max(total, 1e-30)


def _levels(
    sharp: NDArray[np.float32],
    blurred: NDArray[np.float32],
    weight: NDArray[np.float32],
    kernel: NDArray[np.float64],
    shift: tuple[float, float],
) -> tuple[float, float, float, float]:
    """Gain and offset between the blurred plane and the sharp one blurred, and what is left.

    The last is the part of the blurred photo's detail (coarser than a pixel, finer than the kernel)
    that the kernel explains, 0..1.
    """
    from scipy.ndimage import gaussian_filter, uniform_filter

    height, width = sharp.shape
    margin = kernel.shape[0] // 2 + 2
    size = good_size(height + 2 * margin), good_size(width + 2 * margin)
    pad = ((0, size[0] - height), (0, size[1] - width))
    fy, fx = np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None]
    turn = np.exp(-2j * np.pi * fy * shift[0]) * np.exp(-2j * np.pi * fx * shift[1])
    spectrum = rfft2(np.pad(sharp, pad, mode="symmetric")) * Kernel(kernel).otf(size) * turn
    inside = (slice(margin, height - margin), slice(margin, width - margin))
    again = irfft2(spectrum, size)[inside].astype(np.float64)
    seen, w = blurred[inside].astype(np.float64), weight[inside].astype(np.float64)
    w = w / w.sum()
    mean, level = float(np.sum(w * again)), float(np.sum(w * seen))
    spread = float(np.sum(w * (again - mean) ** 2))
    gain = float(np.sum(w * (again - mean) * (seen - level))) / max(spread, 1e-30)
    offset = level - gain * mean
    left = seen - gain * again - offset
    used = w > 0
    rms = float(np.sqrt(np.mean(left[used] ** 2)))
    detail, missed = (
        gaussian_filter(plane, 1.5) - uniform_filter(plane, 2 * kernel.shape[0])
        for plane in (seen.astype(np.float32), left.astype(np.float32))
    )
    explained = 1 - float(np.sum(w * missed**2)) / max(float(np.sum(w * detail**2)), 1e-30)
    return gain, offset, rms, explained


def _misfit(kernel: NDArray[np.float64], shape: Shape) -> float:
    """Relative L2 distance between the kernel and its model's."""
    model = sampled_kernel(shape.psf.transfer, kernel.shape[0] // 2)
    return float(np.linalg.norm(kernel - model) / np.linalg.norm(kernel))
