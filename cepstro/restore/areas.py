"""A large picture in areas with a halo, restored side by side on all cores.

Deblurring looks no further than a few reaches of the PSF, so areas that overlap by that much give
what the whole picture gives. Away from the picture's border (32 px; areas of 256 px, disks of 7 and
9 px, noise 1/255) all but 1 value of 2,800 and of 100,000 of the default were within 1/255 of it on
two photos, and all but 1 of 20 in a close texture, where the Wiener estimate itself looks further;
of `sparse` all, all, and all but 1 of 460. A halo of 160 px in place of 96 brought one crop of the
texture from 1 of 32 to 1 of 78.
Areas are as large as two of them fit into 2 GB: 24 MP and a disk of 9 px are 1.12 times as much
work as the picture without halos, areas of 1024 px 1.4. Each runs on its share of the cores.
A picture in memory, a file that is never held whole and a Dask array are cut alike, at whole tiles
of the file, so the strong methods give the same values of all three.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import pairwise
from threading import Event
from typing import TypeVar

from cepstro.fft import side_by_side

TILE = 512  # px: of files written; corners of areas are multiples
_STEP = 8  # px: side of the denoiser's blocks and the networks' squares, which halos leave in place
_LEAST = 96  # px: networks look 40 px far, and twice
_MOST = 2304  # px of a side with its halo: halos cost a seventh, two areas at a time 2 GB

Slices = tuple[slice, slice]
Tell = Callable[[float], None]
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Area:
    """Part of a picture: `core` is what is kept of it, `outer` reaches further by a halo."""

    outer: Slices
    core: Slices

    @property
    def inside(self) -> Slices:
        """The core in outer."""
        (y, x), (top, left) = self.core, (part.start for part in self.outer)
        return slice(y.start - top, y.stop - top), slice(x.start - left, x.stop - left)


def areas(size: tuple[int, int], halfwidth: int) -> list[Area]:
    """Cut a picture of `size` into areas for a PSF of `halfwidth`."""
    rows, columns = (cuts(length, halfwidth) for length in size)
    return [around((y, x), halo(halfwidth), size) for y in rows for x in columns]


def halo(halfwidth: int) -> int:
    """How far around an area deblurring looks, px."""
    return max(-(-(6 * halfwidth + 16) // _STEP) * _STEP, _LEAST)


def around(core: Slices, halo: int, size: tuple[int, int]) -> Area:
    """Area of a picture of `size` that reaches further than its core by a halo."""
    y, x = (
        slice(max(part.start - halo, 0), min(part.stop + halo, length))
        for part, length in zip(core, size, strict=True)
    )
    return Area((y, x), core)


def cuts(length: int, halfwidth: int) -> list[slice]:
    """Cut a side into the fewest pieces that keep within the bounds with their halos."""
    halos, tiles, count = 2 * halo(halfwidth), -(-length // TILE), 1
    most = max(_MOST, -(-halos // TILE) * TILE + halos)
    while min(-(-tiles // count) * TILE, length) + min(count - 1, 2) * halos // 2 > most:
        count += 1
    return even(length, count, TILE)


def even(length: int, count: int, step: int) -> list[slice]:
    """Cut a side into about even pieces that begin at multiples of `step`."""
    steps = -(-length // step)
    edges = [round(i * steps / count) * step for i in range(count)] + [length]
    return [slice(*edge) for edge in pairwise(edges)]


def on_all(
    work: Callable[[Part, Tell], None], parts: list[Part], tell: Tell, *, most: int | None = None
) -> None:
    """Work on every part, `most` at a time; an exception from `tell` or `work` ends it all.

    `tell` is called from this thread only.
    """
    if len(parts) == 1:
        work(parts[0], tell)
        return

    over = Event()

    def unless_over(fraction: float) -> None:
        if over.is_set():
            raise CancelledError

    side_by_side(lambda part: work(part, unless_over), parts, tell, most=most, over=over)
