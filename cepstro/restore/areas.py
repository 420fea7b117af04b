"""A large picture in areas with a halo, restored side by side on all cores.

Deblurring looks no further than a few reaches of the PSF, so areas that overlap by that much give
what the whole picture gives. Away from the picture's border (32 px; areas of 256 px, disks of 7 and
9 px, noise 1/255) `sparse` was within 1/255 of it on two photos and in all but 1 value of 560 in a
close texture; the default in all but 1 of 150 to 230, and of 10, where the denoiser's threshold
fell the other way.
Areas of about a megapixel stay in the cache and need little memory; each runs on one
thread, which keeps all cores busy in the steps that NumPy does on one.
Corners are multiples of 8 px, so that the blocks of the denoiser fall as in the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from cepstro.fft import side_by_side

_STEP = 8
_LEAST = 96  # px: networks look 40 px far, and twice
_SIDE = 1024  # px of an area at least: below, halos cost more than the cache saves
_MOST = 2400  # and at most: above, two of them at a time need gigabytes

Slices = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Area:
    """Part of a picture: `outer` with its halo, `core` what is kept, `inside` the core in outer."""

    outer: Slices
    core: Slices
    inside: Slices


def areas(size: tuple[int, int], halfwidth: int, *, side: int | None = None) -> list[Area]:
    """Cut a picture of `size` into areas for a PSF of `halfwidth`; `side` px each or fewer."""
    reach = halo(halfwidth)
    side = min(max(_SIDE, 12 * reach), _MOST) if side is None else side
    return [_area(y, x) for y in _cuts(size[0], side, reach) for x in _cuts(size[1], side, reach)]


def halo(halfwidth: int) -> int:
    """How far around an area deblurring looks, px."""
    return max(-(-(6 * halfwidth + 16) // _STEP) * _STEP, _LEAST)


def _area(y: tuple[int, int, int, int], x: tuple[int, int, int, int]) -> Area:
    outer, core, inside = (
        tuple(slice(a, b) for a, b in pair)
        for pair in (
            ((y[0], y[3]), (x[0], x[3])),
            ((y[1], y[2]), (x[1], x[2])),
            ((y[1] - y[0], y[2] - y[0]), (x[1] - x[0], x[2] - x[0])),
        )
    )
    return Area((outer[0], outer[1]), (core[0], core[1]), (inside[0], inside[1]))


def _cuts(length: int, side: int, halo: int) -> list[tuple[int, int, int, int]]:
    """Start of the halo, start and end of the core, end of the halo, one for each piece."""
    count = max(1, round(length / side))
    edges = [round(i * length / count / _STEP) * _STEP for i in range(count)] + [length]
    return [(max(0, a - halo), a, b, min(length, b + halo)) for a, b in pairwise(edges)]


def on_all(
    work: Callable[[Area, Callable[[float], None]], None],
    parts: list[Area],
    tell: Callable[[float], None],
) -> None:
    """Work on every area, several at a time; an exception from `tell` or `work` ends it all.

    `tell` is called from this thread only.
    """
    if len(parts) == 1:
        work(parts[0], tell)
        return

    side_by_side(lambda part: work(part, _silent), parts, tell)


def _silent(fraction: float) -> None:
    pass
