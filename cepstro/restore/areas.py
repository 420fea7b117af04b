"""A large picture in areas with a halo, restored side by side on all cores.

Deblurring looks no further than a few reaches of the PSF, so areas that overlap by that much give
what the whole picture gives. Away from the picture's border (32 px; areas of 256 px, disks of 7 and
9 px, noise 1/255) all but 1 value of 2,800 and of 100,000 of the default were within 1/255 of it on
two photos, and all but 1 of 20 in a close texture, where the Wiener estimate itself looks further;
of `sparse` all, all, and all but 1 of 460. A halo of 160 px in place of 96 brought one crop of the
texture from 1 of 32 to 1 of 78.
Areas are as large as two of them fit into 2 GB: 24 MP and a disk of 9 px are 1.12 times as much
work as the picture without halos, areas of 1024 px 1.4. Each runs on its share of the cores.
Corners are multiples of 8 px, so that the blocks of the denoiser and the squares of the networks
fall as in the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import pairwise
from threading import Event

from cepstro.fft import side_by_side

_STEP = 8
_LEAST = 96  # px: networks look 40 px far, and twice
_MOST = 2200  # px of a side with its halo: halos cost a seventh, two areas at a time 2 GB
_HALOS = 4  # or so many halos, for large PSFs

Slices = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Area:
    """Part of a picture: `outer` with its halo, `core` what is kept, `inside` the core in outer."""

    outer: Slices
    core: Slices
    inside: Slices


def areas(size: tuple[int, int], halfwidth: int, *, side: int | None = None) -> list[Area]:
    """Cut a picture of `size` into areas for a PSF of `halfwidth`, of about `side` px if given."""
    reach = halo(halfwidth)
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


def _cuts(length: int, side: int | None, halo: int) -> list[tuple[int, int, int, int]]:
    """Start of the halo, start and end of the core, end of the halo, one for each piece."""
    count = _count(length, halo) if side is None else max(1, round(length / side))
    edges = [round(i * length / count / _STEP) * _STEP for i in range(count)] + [length]
    return [(max(0, a - halo), a, b, min(length, b + halo)) for a, b in pairwise(edges)]


def _count(length: int, halo: int) -> int:
    """Fewest pieces of a side that keep within the bounds with their halos."""
    count = 1
    while length / count + min(count - 1, 2) * halo > max(_MOST, _HALOS * halo):
        count += 1
    return count


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

    over = Event()

    def unless_over(fraction: float) -> None:
        if over.is_set():
            raise CancelledError

    side_by_side(lambda part: work(part, unless_over), parts, tell, over=over)
