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

from cepstro.fft import rfft2, shift
from cepstro.light import LUMINANCE, Light, clipped, from_linear, to_linear
from cepstro.psf import PSF
from cepstro.restore import learned, lucy, plug_and_play, sparse, tuning, wiener
from cepstro.restore.areas import Area, areas, on_all
from cepstro.restore.borders import Plane, frame_shape
from cepstro.restore.observation import observe, spread, weigh
from cepstro.restore.prior import Prior, fit

Tell = Callable[[float], None]

_LEAST = 1e-4  # share of clipped pixels below which they are not worth their transforms
_MOST = 0.2  # share above which the limit is taken for the white of a page, and so for data
FLAT = 1e-4  # light: rests with less to them hold nothing to restore
_UNMEASURED = sparse.Scale(0.0, 0.0)
_ALL = slice(None), slice(None)
# Steps of plug-and-play between the networks, shifts of its block grid in each, turns of the last.
_BEST = 16, 8, 4
_QUICK = 5, 4, 2
_SPARSE = 40
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

    def store(
        self,
        c: int,
        plane: Plane,
        where: tuple[slice, slice] = _ALL,
        *,
        plus: np.float32 | float = 0.0,
    ) -> None:
        """Encode a restored channel, or part of it, into the result; `plus` is added before."""
        dtype = self.targets.dtype
        self.targets[(*where, c)] = from_linear(plane, dtype, light=self.light, plus=plus)

    def part(self, start: float, end: float) -> Tell:
        """Progress of one part of the work."""
        return lambda fraction: self.progress(start + (end - start) * fraction)


def by_wiener(job: Job) -> None:
    """Restore each channel by a Wiener filter."""
    size = _shape(job.planes)
    last: object = None
    frame = np.empty((0, 0), np.float32)
    for c, psf in enumerate(job.psfs):
        shape = frame_shape(size, psf.halfwidth)
        if frame.shape != shape:  # memory for all channels: to get it anew takes long
            frame = np.empty(shape, np.float32)
            spectrum = np.empty((shape[0], shape[1] // 2 + 1), np.complex64)
        mean = _about_mean(job, c)
        inside = frame[: size[0], : size[1]]
        plane = to_linear(job.planes[..., c], light=job.light, out=inside, less=mean)
        constant: wiener.NSR
        if isinstance(job.nsr, (int, float)):
            constant = float(job.nsr)
        else:
            constant = _fit(job, c, plane, mean)
        if last != (psf, constant):
            last = (psf, constant)
            gain = wiener.border_gain(psf, constant, error=job.error)
            filter = wiener.inverse(psf, constant, shape, error=job.error)
        wiener.surround(frame, size, psf.halfwidth, gain)

        def store(rows: slice, band: Plane, c: int = c, mean: np.float32 = mean) -> None:
            job.store(c, band, (rows, slice(None)), plus=mean)

        part = slice(0, size[0]), slice(0, size[1])
        wiener.restore_bands(frame, part, filter, store, spectrum=spectrum)
        job.progress((c + 1) / len(job.psfs))


def _about_mean(job: Job, c: int) -> np.float32:
    """Mean light of a channel, of large ones of some rows: the filter keeps what is left of it."""
    step = max(1, job.planes.shape[0] // 256)
    return np.float32(to_linear(job.planes[::step, :, c], light=job.light).mean(dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured on a whole picture before its areas are restored.

    `plans` holds that of the luminance, with the share of it in each channel and the plans of the
    rests (None where a rest is flat), or one for each channel.
    """

    plans: list[Plan]
    shares: list[np.float32]
    rests: list[Plan | None]


def by_channel(job: Job, measured: Measured | None = None) -> None:
    """Restore each channel by the strong method."""
    channels = len(job.psfs)
    for c in range(channels):
        if measured is None:
            plan = _plan(job, job.psfs[c], job.linear(c), clipped(job.planes[..., c]))
        else:
            plan = measured.plans[c]

        def work(part: Area, tell: Tell, c: int = c, plan: Plan = plan) -> None:
            encoded = job.planes[(*part.outer, c)]
            plane = to_linear(encoded, light=job.light)
            sharp = _strong(job, plan, plane, clipped(encoded), tell)
            job.store(c, sharp[part.inside], part.core)

        on_all(work, _areas(job, plan.psf), job.part(c / channels, (c + 1) / channels))


def by_luminance(job: Job, measured: Measured | None = None) -> None:
    """Restore the luminance by the strong method, the rest of each channel by a Wiener filter."""
    found = _measure(job) if measured is None else measured
    plan = found.plans[0]

    def work(part: Area, tell: Tell) -> None:
        encoded = job.planes[part.outer]
        luminance = luminance_of(encoded, job.light)
        bright = bright_of(encoded)
        sharp = _strong(job, plan, luminance.copy(), bright, lambda f: tell(0.8 * f))
        for c, rest in enumerate(found.rests):
            plane = to_linear(encoded[..., c], light=job.light)
            plane -= found.shares[c] * luminance
            if rest is not None:
                mask = bright | clipped(encoded[..., c])
                plane = _rest(job, rest, plane, mask)
            plane += found.shares[c] * sharp
            job.store(c, plane[part.inside], part.core)
            tell(0.8 + 0.06 * (c + 1))

    on_all(work, _areas(job, plan.psf), job.progress)


def _measure(job: Job) -> Measured:
    """Measure luminance and rests of a whole picture."""
    luminance = luminance_of(job.planes, job.light)
    bright = bright_of(job.planes)
    plan = _plan(job, job.psfs[0], luminance, bright)
    luminance += plan.mean
    shares: list[np.float32] = []
    rests: list[Plan | None] = []
    for c in range(3):
        plane = job.linear(c)
        shares.append(share_of(plane, luminance))
        plane -= shares[c] * luminance
        flat = float(np.ptp(plane)) < FLAT
        mask = bright | clipped(job.planes[..., c])
        rests.append(None if flat else _rest_plan(job.psfs[0], plane, mask))
    return Measured([plan], shares, rests)


def luminance_of(encoded: NDArray[Any], light: Light) -> Plane:
    """Luminance in light, channel by channel."""
    out = np.zeros(encoded.shape[:2], np.float32)
    for c in range(3):
        out += np.float32(LUMINANCE[c]) * to_linear(encoded[..., c], light=light)
    return out


def bright_of(encoded: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels whose luminance is clipped: blue hardly counts."""
    return clipped(encoded[..., 0]) | clipped(encoded[..., 1])


def _areas(job: Job, psf: PSF) -> list[Area]:
    size = _shape(job.planes)
    # Richardson-Lucy decides when to stop on the whole picture.
    return areas(size, psf.halfwidth, side=max(size) if job.method == "lucy" else None)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured on a whole plane before its areas are restored."""

    psf: PSF
    prior: Prior
    mean: np.float32
    clipped: bool  # whether clipped pixels are unknown; else the limit is the white of a page
    slope: float = 0.0  # mean square of d light / d encoded
    scale: sparse.Scale = _UNMEASURED


def _plan(job: Job, psf: PSF, plane: Plane, mask: NDArray[np.bool_]) -> Plan:
    """Measure a plane for the strong methods; takes its mean away in place."""
    square = float(np.mean(steepness(plane, job.light) ** 2, dtype=np.float64))
    mean = _remove_mean(plane)
    known = None if job.noise is None else job.noise * square**0.5
    fitted = fit(plane, psf, noise=known, clipped=mask)
    if isinstance(job.nsr, (int, float)):
        fitted = fitted.at(float(job.nsr))
    hidden = unseen(mask)
    crops = _crops(plane, psf)
    if not hidden:
        fitted = tuning.tuned(fitted, crops, psf, error=job.error)
    scale = sparse.measure(crops, float(plane.std(dtype=np.float64)), psf, fitted)
    return Plan(psf, fitted, mean, hidden, square, scale)


def _crops(plane: Plane, psf: PSF) -> list[Plane]:
    side, corners = tuning.places(_shape(plane), psf)
    return [plane[y : y + side, x : x + side] for y, x in corners]


def _rest_plan(psf: PSF, plane: Plane, mask: NDArray[np.bool_]) -> Plan:
    """Measure what is left of a channel; takes its mean away in place."""
    mean = _remove_mean(plane)
    return Plan(psf, fit(plane, psf, clipped=mask), mean, unseen(mask))


def unseen(mask: NDArray[np.bool_]) -> bool:
    """Whether clipped pixels are taken for unknown: there are some, and not whole pages of them."""
    return bool(_LEAST < mask.mean() < _MOST)


def _strong(job: Job, plan: Plan, plane: Plane, mask: NDArray[np.bool_], tell: Tell) -> Plane:
    """Restore a plane of light by the method asked for, or the default."""
    plane -= plan.mean
    mean = float(plan.mean)
    unknown = mask if plan.clipped and mask.any() else None
    seen = observe(plane, plan.psf, plan.prior, error=job.error, clipped=unknown)
    if job.method == "lucy":
        out = seen.picture(lucy.restore(seen, mean, plan.scale.gradient, tell=tell))
        out += plan.mean
        return out
    slope = steepness(seen.reblurred() + plan.mean, job.light)
    seen.weight = weigh(slope, plan.slope)
    if unknown is not None:
        lights = lucy.restore(seen, mean, 0.0, steps=_LIGHTS, tell=lambda _: tell(0.0))
        seen.refresh(rfft2(lights))
        del lights
    if job.method == "sparse":
        out = seen.picture(sparse.restore(seen, plan.scale, steps=_SPARSE, tell=tell))
        out += plan.mean
        return out
    steps = sparse.first_steps(plan.prior)
    if unknown is not None:
        steps = max(steps, _LIGHTS)
    frame = sparse.restore(seen, plan.scale, steps=steps, tell=lambda f: tell(0.2 * f))
    level = plan.prior.level() / max(plan.slope, 1e-12) ** 0.5
    frame = learned.restore(seen, frame, mean, level, job.light, stage=1, turns=1)
    tell(0.4)
    local = spread(slope, plan.slope, seen)
    steps, grids, turns = _BEST if job.method == "best" else _QUICK
    frame = plug_and_play.restore(
        seen, local, frame, mean, steps=steps, grids=grids, tell=lambda f: tell(0.4 + 0.4 * f)
    )
    frame = learned.restore(seen, frame, mean, level, job.light, stage=2, turns=turns)
    tell(1.0)
    out = seen.picture(frame)
    out += plan.mean
    return out


def _rest(job: Job, plan: Plan, plane: Plane, mask: NDArray[np.bool_]) -> Plane:
    """Restore what is left of a channel by a Wiener filter; clipped pixels are not seen."""
    plane -= plan.mean
    unknown = mask if plan.clipped and mask.any() else None
    seen = observe(plane, plan.psf, plan.prior, error=job.error, clipped=unknown, limit=False)
    out = wiener.restore(seen.frame, _shape(plane), seen.filter)
    out += plan.mean
    return out


def share_of(plane: Plane, luminance: Plane) -> np.float32:
    """Fit the factor with which the luminance explains a channel, by least squares."""
    sample = slice(None, None, max(1, plane.shape[0] // 1024))
    part = luminance[sample] - luminance[sample].mean(dtype=np.float64)
    square = float(np.vdot(part, part))
    return np.float32(np.vdot(part, plane[sample]) / square if square > 0 else 1.0)


def _fit(job: Job, c: int, plane: Plane, mean: np.float32) -> Prior:
    known = None
    if job.noise is not None:
        slope = steepness(plane + mean, job.light)
        known = job.noise * float(np.sqrt(np.mean(slope * slope)))
    psf = job.psfs[c]
    return tuning.tuned(fit(plane, psf, noise=known), _crops(plane, psf), psf, error=job.error)


def steepness(plane: Plane, light: Light) -> Plane:
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
    shift(plane, -mean)
    return mean


def _shape(plane: Plane) -> tuple[int, int]:
    return plane.shape[0], plane.shape[1]
