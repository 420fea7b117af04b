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
from functools import partial
from typing import Any

from numpy.typing import NDArray

from cepstro.fft import rfft2
from cepstro.light import clipped, from_linear, steepness, to_linear
from cepstro.restore import learned, lucy, plug_and_play, sparse, wiener
from cepstro.restore.areas import Area, areas, on_all
from cepstro.restore.borders import Plane
from cepstro.restore.measured import (
    LEAST,
    Mask,
    Measured,
    Plan,
    Task,
    bright_of,
    mix,
)
from cepstro.restore.observation import observe, spread, weigh

Tell = Callable[[float], None]

# Steps of plug-and-play between the networks, shifts of its block grid in each, turns of the last.
# Of the quick ones a second turn gains 0.04 dB for a seventh more time, and 4 steps lose 0.01 dB,
# 0.3 on a noisy page; without the first network 0.14 are lost (even photos, 132 cases).
_BEST = 16, 8, 4
_QUICK = 5, 4, 1
_SPARSE = 40
_LIGHTS = 20  # steps of Richardson-Lucy that find the light of clipped pixels, and then of TV


@dataclass(frozen=True, slots=True)
class Job:
    """A picture to restore, what is asked for and what was measured."""

    planes: NDArray[Any]  # H x W x C, encoded
    targets: NDArray[Any]  # H x W x >= C, to be filled
    task: Task
    measured: Measured

    def light(self, where: tuple[slice, slice], c: int) -> Plane:
        """Light of a part of one channel."""
        return to_linear(self.planes[(*where, c)], light=self.task.light)

    def store(self, c: int, plane: Plane, where: tuple[slice, slice]) -> None:
        """Encode part of a restored channel into the result."""
        codes = from_linear(plane, self.targets.dtype, light=self.task.light)
        self.targets[(*where, c)] = codes


def restore(job: Job, tell: Tell) -> None:
    """Restore a picture by a strong method."""
    size = job.planes.shape[0], job.planes.shape[1]
    whole = slice(0, size[0]), slice(0, size[1])
    # Richardson-Lucy decides when to stop on the whole picture.
    parts = [Area(whole, whole)] if job.task.method == "lucy" else areas(size, job.task.halfwidth)
    on_all(partial(restore_area, job), parts, tell)


def restore_area(job: Job, part: Area, tell: Tell) -> None:
    """Restore an area of a picture: its luminance if it can be, else each channel."""
    if job.measured.rests:
        _by_luminance(job, part, tell)
        return
    count = len(job.measured.plans)
    for c, plan in enumerate(job.measured.plans):

        def so_far(fraction: float, c: int = c) -> None:
            tell((c + fraction) / count)

        mask = clipped(job.planes[(*part.outer, c)])
        sharp = _strong(job.task, plan, job.light(part.outer, c), mask, so_far)
        job.store(c, sharp[part.inside], part.core)


def _by_luminance(job: Job, part: Area, tell: Tell) -> None:
    """Restore an area: luminance by the strong method, the rest of each channel by Wiener."""
    found = job.measured
    masks = [clipped(job.planes[(*part.outer, c)]) for c in range(3)]
    bright = bright_of(masks)
    luminance = mix([job.light(part.outer, c) for c in range(3)])
    sharp = _strong(job.task, found.plans[0], luminance.copy(), bright, lambda f: tell(0.8 * f))
    for c, rest in enumerate(found.rests):
        plane = job.light(part.outer, c)
        plane -= found.shares[c] * luminance
        if rest is not None:
            plane = _rest(job.task, rest, plane, bright | masks[c])
        plane += found.shares[c] * sharp
        job.store(c, plane[part.inside], part.core)
        tell(0.8 + 0.06 * (c + 1))


def _strong(task: Task, plan: Plan, plane: Plane, mask: Mask, tell: Tell) -> Plane:
    """Restore a plane of light by the method asked for, or the default."""
    plane -= plan.mean
    mean = float(plan.mean)
    unknown = _unknown(plan, mask)
    seen = observe(plane, plan.psf, plan.prior, error=task.error, clipped=unknown)
    if task.method == "lucy":
        out = seen.picture(lucy.restore(seen, mean, plan.scale.gradient, tell=tell))
        out += plan.mean
        return out
    slope = steepness(seen.reblurred() + plan.mean, task.light)
    seen.weight = weigh(slope, plan.slope)
    if unknown is not None:
        lights = lucy.restore(seen, mean, 0.0, steps=_LIGHTS, tell=lambda _: tell(0.0))
        seen.refresh(rfft2(lights))
        del lights
    if task.method == "sparse":
        out = seen.picture(sparse.restore(seen, plan.scale, steps=_SPARSE, tell=tell))
        out += plan.mean
        return out
    steps = sparse.first_steps(plan.prior)
    if unknown is not None:
        steps = max(steps, _LIGHTS)
    frame = sparse.restore(seen, plan.scale, steps=steps, tell=lambda f: tell(0.2 * f))
    level = plan.prior.level() / max(plan.slope, 1e-12) ** 0.5
    frame = learned.restore(seen, frame, mean, level, task.light, stage=1, turns=1)
    tell(0.4)
    local = spread(slope, plan.slope, seen)
    steps, grids, turns = _BEST if task.method == "best" else _QUICK
    frame = plug_and_play.restore(
        seen, local, frame, mean, steps=steps, grids=grids, tell=lambda f: tell(0.4 + 0.4 * f)
    )
    frame = learned.restore(seen, frame, mean, level, task.light, stage=2, turns=turns)
    tell(1.0)
    out = seen.picture(frame)
    out += plan.mean
    return out


def _rest(task: Task, plan: Plan, plane: Plane, mask: Mask) -> Plane:
    """Restore what is left of a channel by a Wiener filter; clipped pixels are not seen."""
    plane -= plan.mean
    unknown = _unknown(plan, mask)
    seen = observe(plane, plan.psf, plan.prior, error=task.error, clipped=unknown, limit=False)
    out = wiener.restore(seen.frame, (plane.shape[0], plane.shape[1]), seen.filter)
    out += plan.mean
    return out


def _unknown(plan: Plan, mask: Mask) -> Mask | None:
    """Pixels whose light is not known; None where they are few, or the white of a page."""
    return mask if not plan.page and mask.mean() > LEAST else None
