"""From the channels of a picture to planes that a method restores, and back.

The strong methods restore the luminance Y. Of a channel C they give the share b Y that least
squares find in it; the rest C - b Y holds little detail and much noise, and a Wiener filter with
its own fitted prior restores it. (With plain differences, b = 1, the dark channel of a warm
picture takes the noise of its bright ones and loses 2 to 3 dB.) Channels with PSFs of their own are
restored one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import rfft2
from cepstro.light import LUMINANCE, Light, clipped, from_linear, to_linear
from cepstro.psf import PSF
from cepstro.restore import lucy, plug_and_play, prior, sparse, wiener
from cepstro.restore.borders import Plane
from cepstro.restore.observation import observe, spread

Tell = Callable[[float], None]

# Steps of total variation, steps of plug-and-play and shifts of its block grid in each.
_BEST = 30, 12, 16
_QUICK = 8, 5, 8
_LIGHTS = 20  # steps of Richardson-Lucy that find the light of clipped pixels, and then of TV


@dataclass(frozen=True, slots=True)
class Job:
    """A picture to restore, and how: what `deblur` was asked for, checked."""

    planes: NDArray[Any]  # H x W x C, encoded
    targets: NDArray[Any]  # H x W x >= C, to be filled
    psfs: list[PSF]
    method: str | None
    nsr: float | str | None
    noise: float | None
    error: float
    light: Light
    progress: Tell

    def linear(self, c: int) -> Plane:
        """Light of one channel."""
        return to_linear(self.planes[..., c], light=self.light)

    def store(self, c: int, plane: Plane) -> None:
        """Encode a restored channel into the result."""
        self.targets[..., c] = from_linear(plane, self.targets.dtype, light=self.light)

    def part(self, start: float, end: float) -> Tell:
        """Progress of one part of the work."""
        return lambda fraction: self.progress(start + (end - start) * fraction)


def by_wiener(job: Job) -> None:
    """Restore each channel by a Wiener filter."""
    filter: NDArray[np.inexact] | None = None
    last: object = None
    channels = job.planes.shape[2]
    for c in range(channels):
        plane = job.linear(c)
        mean = _remove_mean(plane)
        constant: wiener.NSR
        if isinstance(job.nsr, (int, float)):
            constant = float(job.nsr)
        else:
            constant = _fit(job, c, plane, mean)
        frame = wiener.extend(plane, job.psfs[c], constant, error=job.error)
        if filter is None or last != (job.psfs[c], constant):
            last = (job.psfs[c], constant)
            filter = wiener.inverse(job.psfs[c], constant, _shape(frame), error=job.error)
        size = _shape(plane)
        del plane
        restored = wiener.restore(frame, size, filter)
        restored += mean
        job.store(c, restored)
        job.progress((c + 1) / channels)


def by_channel(job: Job) -> None:
    """Restore each channel by the strong method."""
    channels = job.planes.shape[2]
    for c in range(channels):
        part = job.part(c / channels, (c + 1) / channels)
        job.store(c, _strong(job, c, job.linear(c), clipped(job.planes[..., c]), part))


def by_luminance(job: Job) -> None:
    """Restore the luminance by the strong method and the colour differences by Wiener filters."""
    masks = [clipped(job.planes[..., c]) for c in range(3)]
    bright = masks[0] | masks[1]  # blue hardly counts in the luminance
    luminance = np.zeros(job.planes.shape[:2], np.float32)
    for c in range(3):
        luminance += np.float32(LUMINANCE[c]) * job.linear(c)
    sharp = _strong(job, 1, luminance, bright, job.part(0, 0.8))
    for c in range(3):
        plane = job.linear(c)
        share = _share(plane, luminance)
        plane -= share * luminance
        plane = _rest(job, c, plane, bright | masks[c])
        plane += share * sharp
        job.store(c, plane)
        job.progress(0.8 + 0.06 * (c + 1))


def _strong(job: Job, c: int, plane: Plane, mask: NDArray[np.bool_], tell: Tell) -> Plane:
    """Restore a plane of light by the method asked for, or the default."""
    slope = _slope(plane, job.light)
    mean = _remove_mean(plane)
    known = None if job.noise is None else job.noise * float(np.sqrt(np.mean(slope**2)))
    seen = observe(
        plane,
        job.psfs[c],
        prior.fit(plane, job.psfs[c], noise=known, clipped=mask),
        error=job.error,
        clipped=mask,
    )
    if seen.clipped is not None and job.method != "lucy":
        lights = lucy.restore(seen, float(mean), steps=_LIGHTS, tell=lambda _: tell(0.0))
        seen.refresh(rfft2(lights))
        del lights
    local = spread(slope, seen)
    del slope
    if job.method == "lucy":
        out = seen.picture(lucy.restore(seen, float(mean), tell=tell))
    elif job.method == "sparse":
        out = seen.picture(sparse.restore(seen, local, steps=20, tell=tell))
    else:
        first, steps, grids = _BEST if job.method == "best" else _QUICK
        if seen.clipped is not None:
            first = max(first, _LIGHTS)
        start = sparse.restore(seen, local, steps=first, tell=lambda part: tell(part / 3))
        out = plug_and_play.restore(
            seen,
            local,
            start,
            float(mean),
            steps=steps,
            grids=grids,
            tell=lambda part: tell((1 + 2 * part) / 3),
        )
    plane += mean
    out += mean
    return out


def _share(plane: Plane, luminance: Plane) -> np.float32:
    """Fit the factor with which the luminance explains a channel, by least squares."""
    sample = slice(None, None, max(1, plane.shape[0] // 1024))
    part = luminance[sample] - luminance[sample].mean(dtype=np.float64)
    square = float(np.vdot(part, part))
    return np.float32(np.vdot(part, plane[sample]) / square if square > 0 else 1.0)


def _rest(job: Job, c: int, plane: Plane, mask: NDArray[np.bool_]) -> Plane:
    """Restore what is left of a channel by a Wiener filter; clipped pixels are not seen."""
    if float(np.ptp(plane)) < 1e-4:
        return plane
    mean = _remove_mean(plane)
    fitted = prior.fit(plane, job.psfs[c], clipped=mask)
    seen = observe(plane, job.psfs[c], fitted, error=job.error, clipped=mask, limit=False)
    out = wiener.restore(seen.frame, _shape(plane), seen.filter)
    out += mean
    return out


def _fit(job: Job, c: int, plane: Plane, mean: np.float32) -> prior.Prior:
    known = None
    if job.noise is not None:
        slope = _slope(plane + mean, job.light)
        known = job.noise * float(np.sqrt(np.mean(slope * slope)))
    return prior.fit(plane, job.psfs[c], noise=known)


def _slope(plane: Plane, light: Light) -> Plane:
    """Find d light / d encoded at each pixel: how noise grows when encoded values are decoded."""
    step = np.float32(1 / 512)
    encoded = from_linear(np.clip(plane, 0, 1), np.dtype(np.float32), light=light)
    slope = to_linear(encoded + step, light=light)
    slope -= to_linear(encoded - step, light=light)
    slope /= 2 * step
    return slope


def _remove_mean(plane: Plane) -> np.float32:
    """Subtract a plane's mean, in place, and return it."""
    mean = np.float32(plane.mean(dtype=np.float64))
    plane -= mean
    return mean


def _shape(plane: Plane) -> tuple[int, int]:
    return plane.shape[0], plane.shape[1]
