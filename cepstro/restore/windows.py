"""Deblurring window by window: for pictures that are never held whole (tiles, Dask arrays).

What a method makes of a pixel hangs on its surroundings no further than a halo; a window that
reaches further than its core by that much gives in the core what the whole picture gives. Mean,
prior and noise are measured once, on blocks spread over the picture (`samples`). The halo of a
Wiener filter W is the distance r at which the tail of its response to an edge, the sums over
|x| > r of the transform of W along each axis, has fallen below `_TAIL`; that of the other methods
is twice the one of `areas`. Richardson-Lucy decides on the whole picture when to stop, and is
refused.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.light import Light, clipped, from_linear, to_linear
from cepstro.noise import spread_corners
from cepstro.photo import check_finite
from cepstro.psf import PSF, Motion
from cepstro.restore import prior, sparse, tuning, wiener
from cepstro.restore.areas import halo as areas_halo
from cepstro.restore.borders import Gain, Plane, frame_shape
from cepstro.restore.colour import (
    FLAT,
    Job,
    Measured,
    Plan,
    bright_of,
    by_channel,
    by_luminance,
    luminance_of,
    share_of,
    steepness,
    unseen,
)

_TAIL = 1e-3  # of an edge's height: what may reach a pixel from beyond the halo
_LONGEST_HALO = 1024  # px
_MEAN_SIDE, _MEAN_BLOCKS = 64, 96  # px; of blocks that tell the mean only
_KEPT = 4  # filters: those of windows in the middle, at two sides and in the corners

Sides = tuple[bool, bool]  # whether a window touches the picture's top or bottom, left or right
Core = tuple[slice, slice]  # part of a window
ALL: Core = slice(None), slice(None)
Blocks = NDArray[Any]  # N x n x n (x C), as encoded
Sample = tuple[int, list[tuple[int, int]]]  # side and top left corners of blocks


def samples(
    shape: tuple[int, int], psf: PSF, method: str | None, nsr: float | str | None = None
) -> list[Sample]:
    """Blocks of a picture of `shape` that `measure` looks at; small ones if only for the mean.

    Raises
    ------
    ValueError
        For methods that need the whole picture at once.
    """
    if method == "lucy":
        raise ValueError(
            'method "lucy" decides on the whole picture when to stop; a picture that is worked on '
            'in windows takes "wiener", "sparse", "best" or none'
        )
    if method == "wiener" and isinstance(nsr, (int, float)):
        side = min(_MEAN_SIDE, *shape)
        return [(side, spread_corners(shape, side, _MEAN_BLOCKS))]
    return [prior.places(shape, psf), tuning.places(shape, psf)]


@dataclass(slots=True, eq=False)
class ByWiener:
    """The Wiener filter of every channel of one picture; called with window after window.

    Filters, gains and memory are kept for the next window, but do not travel to other processes.
    """

    psfs: list[PSF]
    nsrs: list[wiener.NSR]
    means: list[np.float32]  # of the picture's light
    error: float
    light: Light
    halo: int
    _filters: dict[tuple[Any, ...], NDArray[np.inexact]] = field(default_factory=dict)
    _gains: dict[tuple[Any, ...], Gain] = field(default_factory=dict)
    _memory: list[tuple[Plane, NDArray[np.complexfloating]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __reduce__(self) -> tuple[Any, ...]:
        own = self.psfs, self.nsrs, self.means, self.error, self.light, self.halo
        return ByWiener, own

    def __call__(
        self, window: NDArray[Any], border: Sides = (True, True), core: Core = ALL
    ) -> NDArray[Any]:
        """Restore the core of a window as encoded; `border`: it touches that of the picture."""
        check_finite(window)
        out = window[core].copy()
        planes, targets = (x[..., None] if x.ndim == 2 else x for x in (window, out))
        size = window.shape[0], window.shape[1]
        inside = tuple(slice(*part.indices(n)) for part, n in zip(core, size, strict=True))
        for c, (psf, nsr) in enumerate(zip(self.psfs, self.nsrs, strict=True)):
            shape = frame_shape(size, psf.halfwidth)
            frame, spectrum = memory = self._free(shape)
            seen = frame[: size[0], : size[1]]
            to_linear(planes[..., c], light=self.light, out=seen, less=self.means[c])
            filter, gain = self._of(psf, nsr, shape)
            wiener.surround(frame, size, psf.halfwidth, gain, sides=border)

            def store(rows: slice, band: Plane, c: int = c) -> None:
                codes = from_linear(band, out.dtype, light=self.light, plus=self.means[c])
                targets[rows, :, c] = codes

            part = inside[0], inside[1]
            wiener.restore_bands(frame, part, filter, store, spectrum=spectrum)
            self._memory.append(memory)
        return out

    def _free(self, shape: tuple[int, int]) -> tuple[Plane, NDArray[np.complexfloating]]:
        """Take a frame and its spectrum, from a window before if there are any."""
        with self._lock:
            found = self._memory.pop() if self._memory else None
        if found is None or found[0].shape != shape:
            half = shape[0], shape[1] // 2 + 1
            return np.empty(shape, np.float32), np.empty(half, np.complex64)
        return found

    def _of(
        self, psf: PSF, nsr: wiener.NSR, shape: tuple[int, int]
    ) -> tuple[NDArray[np.inexact], Gain]:
        """Filter, and gain at the border, of a frame of `shape`."""
        with self._lock:  # of windows side by side one makes it, the others wait
            gain = self._gains.setdefault(
                (psf, nsr), wiener.border_gain(psf, nsr, error=self.error)
            )
            found = self._filters.get((psf, nsr, shape))
            if found is None:
                found = wiener.inverse(psf, nsr, shape, error=self.error)
                if len(self._filters) >= _KEPT * len(self.psfs):
                    self._filters.clear()
                self._filters[psf, nsr, shape] = found
            return found, gain


@dataclass(frozen=True, slots=True, eq=False)
class ByAreas:
    """A strong method for the windows of one picture; called with window after window."""

    psfs: list[PSF]
    measured: Measured
    method: str | None
    nsr: float | str | None
    error: float
    light: Light
    halo: int

    def __call__(
        self, window: NDArray[Any], border: Sides = (True, True), core: Core = ALL
    ) -> NDArray[Any]:
        """Restore the core of a window as encoded; all sides are dealt with alike."""
        check_finite(window)
        out = window.copy()
        planes, targets = (x[..., None] if x.ndim == 2 else x for x in (window, out))
        planes = planes[..., : len(self.psfs)]
        job = Job(
            planes, targets, self.psfs, self.method, self.nsr, None, self.error, self.light, _ignore
        )
        (by_luminance if self.measured.rests else by_channel)(job, self.measured)
        return out[core]


def measure(
    blocks: list[Blocks],
    psfs: list[PSF],
    *,
    method: str | None,
    nsr: float | str | None,
    noise: float | None,
    error: float,
    light: Light,
) -> ByWiener | ByAreas:
    """Find mean, prior and halo of a picture.

    Parameters
    ----------
    blocks : list of N x n x n (x C) arrays
        The picture, as encoded, at its `samples`.
    psfs : list of PSF
        One a colour channel.
    method, nsr, noise, error, light
        As for `deblur`.
    """
    for some in blocks:
        check_finite(some)
    if method != "wiener":
        # Once left 4 values of 100,000 beyond 1/255 on a photo (total variation), twice none.
        halo = 2 * max(areas_halo(psf.halfwidth) for psf in psfs)
        found = _measured(blocks[0], blocks[1], psfs, nsr, noise, error, light)
        return ByAreas(psfs, found, method, nsr, error, light, halo)
    planes = blocks[0] if blocks[0].ndim == 4 else blocks[0][..., None]
    nsrs: list[wiener.NSR] = []
    means = []
    for c, psf in enumerate(psfs):
        plane = to_linear(planes[..., c], light=light)
        means.append(np.float32(plane.mean(dtype=np.float64)))
        if isinstance(nsr, (int, float)):
            nsrs.append(float(nsr))
        else:
            crops = to_linear(blocks[1].reshape(*blocks[1].shape[:3], -1)[..., c], light=light)
            nsrs.append(_prior(plane, crops, psf, noise, error, light))
    halo = max(_reach(psf, one, error) for psf, one in zip(psfs, nsrs, strict=True))
    return ByWiener(psfs, nsrs, means, error, light, halo)


def _measured(
    blocks: Blocks,
    crops: Blocks,
    psfs: list[PSF],
    nsr: float | str | None,
    noise: float | None,
    error: float,
    light: Light,
) -> Measured:
    """Measure for a strong method what `by_luminance` or `by_channel` measure on whole pictures."""
    tall, tall_crops = (
        x.reshape(-1, x.shape[2], 1 if x.ndim == 3 else x.shape[3]) for x in (blocks, crops)
    )

    def plan(plane: Plane, mask: NDArray[np.bool_], psf: PSF, crop: Plane | None) -> Plan:
        """Plan of a plane of stacked blocks; of a rest, without crops."""
        square = float(np.mean(steepness(plane, light) ** 2, dtype=np.float64))
        mean = np.float32(plane.mean(dtype=np.float64))
        plane = plane - mean
        side = plane.shape[1]
        hidden = mask.reshape(-1, side, side).astype(np.float32) if mask.any() else None
        known = None if noise is None or crop is None else noise * square**0.5
        fitted = prior.fit_blocks(plane.reshape(-1, side, side), psf, noise=known, clipped=hidden)
        if crop is None:
            return Plan(psf, fitted, mean, unseen(mask))
        if isinstance(nsr, (int, float)):
            fitted = fitted.at(float(nsr))
        parts = list((crop - mean).reshape(-1, crop.shape[1], crop.shape[1]))
        if not unseen(mask):
            fitted = tuning.tuned(fitted, parts, psf, error=error)
        scale = sparse.measure(parts, float(plane.std(dtype=np.float64)), psf, fitted)
        return Plan(psf, fitted, mean, unseen(mask), square, scale)

    if len(psfs) != 3 or any(psf != psfs[0] for psf in psfs):
        plans = [
            plan(
                to_linear(tall[..., c], light=light),
                clipped(tall[..., c]),
                psf,
                to_linear(tall_crops[..., c], light=light),
            )
            for c, psf in enumerate(psfs)
        ]
        return Measured(plans, [], [])
    luminance, bright = luminance_of(tall, light), bright_of(tall)
    shares, rests = [], []
    for c in range(3):
        plane = to_linear(tall[..., c], light=light)
        shares.append(share_of(plane, luminance))
        plane -= shares[c] * luminance
        mask = bright | clipped(tall[..., c])
        flat = float(np.ptp(plane)) < FLAT
        rests.append(None if flat else plan(plane, mask, psfs[0], None))
    bare = plan(luminance, bright, psfs[0], luminance_of(tall_crops, light))
    return Measured([bare], shares, rests)


def _ignore(fraction: float) -> None:
    pass


def _prior(
    blocks: Plane, crops: Plane, psf: PSF, noise: float | None, error: float, light: Light
) -> prior.Prior:
    """Prior of a plane of light, of which blocks and crops are at hand."""
    known = None
    if noise is not None:
        known = noise * float(
            np.sqrt(np.mean(np.square(steepness(blocks, light)), dtype=np.float64))
        )
    mean = blocks.mean(dtype=np.float64).astype(np.float32)
    fitted = prior.fit_blocks(blocks - mean, psf, noise=known)
    return tuning.tuned(fitted, list(crops - mean), psf, error=error)


def _reach(psf: PSF, nsr: wiener.NSR, error: float) -> int:
    """Find how far a Wiener filter's response to an edge reaches, px."""
    length = 4 * _LONGEST_HALO
    rows = wiener.inverse(psf, nsr, (1, length), error=error)[0]
    columns = wiener.inverse(psf, nsr, (length, 2), error=error)[: length // 2 + 1, 0]
    reach = 2 * psf.halfwidth
    for line in (rows, columns):
        response = np.fft.irfft(line, length)
        for side in (response[1 : length // 2], response[: length // 2 : -1]):
            tail = np.abs(np.cumsum(side[::-1])[::-1])
            far = np.flatnonzero(tail > _TAIL)
            reach = max(reach, int(far[-1]) + 2 if far.size else 1)
    if isinstance(psf, Motion):
        reach *= 2  # a line, which does not thin out with distance as what is round does
    return min(reach, _LONGEST_HALO)
