"""A picture that is never held whole, restored part by part: what tiles and Dask arrays use.

A Wiener filter sees the picture in the periodic frame that continues it (`borders`). What lies in
the gap of that frame hangs on bands along the picture's sides alone, which are read first. Each
part then has a window of the frame, which may reach over the gap to the opposite side, just as in
memory. How far it reaches beyond its core is the distance at which the tail of the filter's
response to an edge has fallen below a thousandth. The strong methods are restored in the areas
that a picture in memory is cut into. (Windows that ended with the picture, each with a gap of its
own, differed from the whole by up to 31/255 beside the border: disk of 33 px, NSR 5e-4, 14 MP.)

A window's own ends are mirrored into each other. Where the filter reaches further than the longest
halo they are solved as the picture's border is, which leaves less to ring: of 33 px with a fitted
prior 2e-4 of the values differ by more than 1/255, 6e-3 with mirrors, 4e-2 with a halo of 1024 px.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cepstro import chunks
from cepstro.light import to_linear
from cepstro.photo import check_finite
from cepstro.restore import areas, borders, wiener
from cepstro.restore.areas import Area, Slices
from cepstro.restore.borders import Plane
from cepstro.restore.measured import Task
from cepstro.restore.windows import LONGEST_HALO, ByAreas, ByWiener, Tell

Shape = tuple[int, int]
Cuts = tuple[list[slice], list[slice]]  # of the rows and of the columns

_CORE = 2048  # px; about the side of the parts that a Wiener filter restores
_LONG = 8192  # px; of longer sides not all of the gap is kept


class Parts(Protocol):
    """How the parts of a picture are worked on."""

    def area(self, core: Slices) -> Area:
        """Tell what has to be read around a core."""
        ...

    def __call__(self, window: NDArray[Any], part: Area, tell: Tell) -> NDArray[Any]:
        """Core of a part, as encoded; `window` holds its `outer`."""
        ...


def cuts(size: Shape, task: Task | None) -> Cuts:
    """Cut a picture into parts of whole tiles, for a task or for a blur."""
    if task is None or task.method == "wiener":
        rows, columns = (areas.even(n, max(1, round(n / _CORE)), areas.TILE) for n in size)
    else:
        rows, columns = (areas.cuts(n, task.halfwidth) for n in size)
    return rows, columns


def parts(plan: ByWiener | ByAreas, size: Shape, cuts: Cuts, sides: list[NDArray[Any]]) -> Parts:
    """How the parts of a picture of `size`, cut by `cuts`, are restored.

    `sides` are the pixels of its `side_boxes`.
    """
    if _is_one(cuts):
        return _Whole(plan)
    return InAreas(plan, size) if isinstance(plan, ByAreas) else framed(plan, size, sides)


def side_boxes(plan: ByWiener | ByAreas, size: Shape, cuts: Cuts) -> list[Slices]:
    """List what parts need of a picture beside themselves: bands along its sides, or nothing."""
    if _is_one(cuts) or isinstance(plan, ByAreas):
        return []
    every = slice(0, size[0]), slice(0, size[1])
    tall, wide = (side.picture.there() for side in _sides(plan, size))
    return [*((y, every[1]) for y in tall), *((every[0], x) for x in wide)]


def _is_one(cuts: Cuts) -> bool:
    return len(cuts[0]) == len(cuts[1]) == 1


def lazily(plan: ByWiener | ByAreas, image: Any) -> Any:
    """Dask array of a Dask array restored; its chunks are joined where they are too short."""
    import dask

    size, given = image.shape[:2], image
    if isinstance(plan, ByAreas):
        halo = areas.halo(plan.task.halfwidth)
        pieces = [[part.stop - part.start for part in some] for some in cuts(size, plan.task)]
        image = image.rechunk({axis: tuple(pieces[axis]) for axis in (0, 1)})
    else:
        halo = plan.halo
        image = chunks.at_least(image, halo)
        sides = [_Side(n, halo, plan.task.halfwidth) for n in size]
        filled = [side.filled(max(image.chunks[axis])) for axis, side in enumerate(sides)]
        image = image.rechunk({axis: -1 for axis in (0, 1) if filled[axis]})
    rows, columns = chunks.cores(image)
    pixels = [given[box] for box in side_boxes(plan, size, (rows, columns))]
    # Made, and the sides read, when a result is asked for.
    work = dask.delayed(parts)(plan, size, (rows, columns), pixels)
    return chunks.windows(image, work, halo)


@dataclass(frozen=True, slots=True, eq=False)
class _Whole:
    """One part that is all of the picture."""

    plan: ByWiener | ByAreas

    def area(self, core: Slices) -> Area:
        return Area(core, core)

    def __call__(self, window: NDArray[Any], part: Area, tell: Tell) -> NDArray[Any]:
        check_finite(window)
        out = window.copy()
        planes, targets = (x[..., None] if x.ndim == 2 else x for x in (window, out))
        self.plan.whole(planes, targets, tell)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class InAreas:
    """The areas of a strong method."""

    plan: ByAreas
    size: Shape

    def area(self, core: Slices) -> Area:
        """Tell what has to be read around a core."""
        return areas.around(core, areas.halo(self.plan.task.halfwidth), self.size)

    def __call__(self, window: NDArray[Any], part: Area, tell: Tell) -> NDArray[Any]:
        """Core of a part, as encoded."""
        check_finite(window)
        made = self.plan.area(window[..., None] if window.ndim == 2 else window, part, tell)
        return made[..., 0] if window.ndim == 2 else made


@dataclass(frozen=True, slots=True)
class _Run:
    """A stretch of a window's side: where it lies in the window, and in the picture or gap."""

    here: slice
    there: slice
    kind: Literal["near", "gap", "far"]  # far: of the picture, but reached over the gap


@dataclass(frozen=True, slots=True)
class _Ends:
    """First and last pixels of a stretch that are kept, half of them at either end, or all."""

    length: int
    kept: int

    @classmethod
    def of(cls, length: int, count: int) -> _Ends:
        """Keep `count` at either end."""
        return cls(length, min(2 * count, length))

    def there(self) -> list[slice]:
        """Tell where they are."""
        if self.kept == self.length:
            return [slice(0, self.length)]
        half = self.kept // 2
        return [slice(0, half), slice(self.length - half, self.length)]

    def at(self, part: slice) -> slice:
        """Where a part, all of it near one end, is kept."""
        return _moved(part, 0 if part.start < self.kept // 2 else self.length - self.kept)

    def outermost(self, count: int) -> NDArray[np.intp]:
        """Which of what is kept lie within `count` of an end."""
        half = min(count, self.kept - self.kept // 2)
        return np.unique(np.r_[:half, self.kept - half : self.kept])


@dataclass(frozen=True, slots=True)
class _Side:
    """A side of a picture, and of the frame that continues it, with windows along it."""

    length: int
    halo: int
    halfwidth: int
    deep: int = 0  # how much of the picture's ends the gap hangs on

    @property
    def frame(self) -> int:
        """The side of the frame."""
        return borders.frame_side(self.length, self.halfwidth)

    @property
    def picture(self) -> _Ends:
        """What windows, and the gap, need of the picture's ends."""
        return _Ends.of(self.length, max(self.deep, self.halo))

    @property
    def gap(self) -> _Ends:
        """What windows need of the gap: of a long side only what halos reach."""
        wide = self.frame - self.length
        return _Ends.of(wide, self.halo if self.length > _LONG else wide)

    def filled(self, core: int) -> bool:
        """Whether the window of a core of that length is all of the frame."""
        window = borders.frame_side(core + 2 * self.halo, self.halfwidth)
        return window >= self.frame and self.gap.kept == self.gap.length

    def own(self, window: int) -> int:
        """Side of a window's own frame: with a gap, but for the window that is all."""
        return window if window == self.frame else borders.frame_side(window, self.halfwidth)

    def window(self, core: slice) -> slice:
        """Stretch of the endless frame that a core is filtered in."""
        if self.filled(core.stop - core.start):
            return slice(0, self.frame)
        return slice(core.start - self.halo, core.stop + self.halo)

    def runs(self, window: slice) -> list[_Run]:
        """Cut a window into stretches of the picture and of the gap around it."""
        limits = (self.length - self.frame, 0, self.length, self.frame)
        inner = (edge for edge in limits if window.start < edge < window.stop)
        edges = pairwise([window.start, *inner, window.stop])
        return [self._run(a, b, window.start) for a, b in edges]

    def _run(self, a: int, b: int, start: int) -> _Run:
        here, there = slice(a - start, b - start), slice(a % self.frame, a % self.frame + b - a)
        if there.start >= self.length:
            return _Run(here, _moved(there, self.length), "gap")
        return _Run(here, there, "near" if 0 <= a < self.length else "far")


def _moved(part: slice, by: int) -> slice:
    return slice(part.start - by, part.stop - by)


@dataclass(frozen=True, slots=True, eq=False)
class Framed:
    """A picture in the frame that continues it: windows of it, filtered by Wiener's filter."""

    plan: ByWiener
    sides: tuple[_Side, _Side]
    rows: NDArray[Any]  # pixels (H x W x C) of what is kept at either end
    columns: NDArray[Any]
    gaps: list[tuple[Plane, Plane]]  # light beside and below the picture, one a channel

    def area(self, core: Slices) -> Area:
        """Tell what has to be read around a core."""
        windows = [side.window(part) for side, part in zip(self.sides, core, strict=True)]
        y, x = (
            slice(max(window.start, 0), min(window.stop, side.length))
            for side, window in zip(self.sides, windows, strict=True)
        )
        return Area((y, x), core)

    def __call__(self, window: NDArray[Any], part: Area, tell: Tell) -> NDArray[Any]:
        """Core of a part, as encoded."""
        check_finite(window)
        out = window[part.inside].copy()
        pixels, targets = (x[..., None] if x.ndim == 2 else x for x in (window, out))
        (rows, columns), (y, x) = self.sides, part.core
        down, across = rows.window(y), columns.window(x)
        size = down.stop - down.start, across.stop - across.start
        core = _moved(y, down.start), _moved(x, across.start)
        runs = rows.runs(down), columns.runs(across)
        for c in range(len(self.gaps)):

            def lay(frame: Plane, c: int = c) -> None:
                self._lay(c, frame, runs, pixels, part)

            def surround(frame: Plane, c: int = c) -> None:
                halfwidth = self.plan.task.halfwidth
                if rows.halo < LONGEST_HALO:
                    borders.mirror(frame, size, borders.depth(halfwidth))
                else:
                    wiener.surround(frame, size, halfwidth, self.plan.gain(c))

            shape = rows.own(size[0]), columns.own(size[1])
            self.plan.channel(c, shape, lay, surround, core, targets)
            tell((c + 1) / len(self.gaps))
        return out

    def _lay(
        self,
        c: int,
        frame: Plane,
        runs: tuple[list[_Run], list[_Run]],
        pixels: NDArray[Any],
        part: Area,
    ) -> None:
        """Lay the light of a window, less its mean, in the corner of a frame of its own."""
        beside, below = self.gaps[c]
        rows, columns = self.sides
        top, left = (outer.start for outer in part.outer)
        for y, x in product(*runs):
            here = frame[y.here, x.here]
            if y.kind == "gap":
                column = _moved(x.there, -columns.length) if x.kind == "gap" else x.there
                here[:] = below[rows.gap.at(y.there), column]
                continue
            if x.kind == "gap":
                here[:] = beside[y.there, columns.gap.at(x.there)]
                continue
            if y.kind == "far":
                seen = self.rows[rows.picture.at(y.there), x.there]
            elif x.kind == "far":
                seen = self.columns[y.there, columns.picture.at(x.there)]
            else:
                seen = pixels[_moved(y.there, top), _moved(x.there, left)]
            to_linear(seen[..., c], light=self.plan.task.light, out=here, less=self.plan.means[c])


def framed(plan: ByWiener, size: Shape, found: list[NDArray[Any]]) -> Framed:
    """Find what continues a picture, from the pixels of its `side_boxes`."""
    task, deep = plan.task, borders.depth(plan.task.halfwidth)
    tall, wide = _sides(plan, size)
    for some in found:
        check_finite(some)
    count = len(tall.picture.there())
    rows, columns = np.concatenate(found[:count]), np.concatenate(found[count:], axis=1)
    if rows.ndim == 2:
        rows, columns = rows[..., None], columns[..., None]
    high, broad = tall.picture.outermost(tall.deep), wide.picture.outermost(wide.deep)
    kept = [np.r_[tuple(side.gap.there())] for side in (tall, wide)]
    gaps = []
    for c, less in enumerate(plan.means):
        beside, below = borders.gap_of(
            to_linear(rows[high, :, c], light=task.light, less=less),
            to_linear(columns[:, broad, c], light=task.light, less=less),
            (tall.frame, wide.frame),
            size,
            wiener.border_gain(task.psfs[c], plan.nsrs[c], error=task.error),  # not to be kept
            deep,
        )
        gaps.append((beside[:, kept[1]], below[kept[0]]))
    return Framed(plan, (tall, wide), rows, columns, gaps)


def _sides(plan: ByWiener, size: Shape) -> tuple[_Side, _Side]:
    halfwidth, halo = plan.task.halfwidth, plan.halo
    frame = borders.frame_shape(size, halfwidth)
    deep = borders.looked_at(size, frame, borders.depth(halfwidth))
    tall, wide = (_Side(n, halo, halfwidth, count) for n, count in zip(size, deep, strict=True))
    return tall, wide
