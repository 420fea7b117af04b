"""Deblurring a picture of which all is measured: whole, or part by part.

Pictures that are never held whole (tiles, Dask arrays) are restored part by part (`parts`), as in
memory: the strong methods in the same areas, and so to the same values; a Wiener filter in windows
of the frame that continues the whole picture, to what its response beyond a halo leaves.
Richardson-Lucy decides on the whole picture when to stop, and is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import meanwhile
from cepstro.light import from_linear, to_linear
from cepstro.psf import PSF, Motion
from cepstro.restore import wiener
from cepstro.restore.areas import Area, Slices
from cepstro.restore.borders import Gain, Plane, frame_shape
from cepstro.restore.colour import Job, restore, restore_area
from cepstro.restore.measured import Blocks, Measured, Task, measure_channels, measure_planes

LONGEST_HALO = 2048  # px
_TAIL = 1e-3  # of an edge's height: what may reach a pixel from beyond the halo
_KEPT = 4  # filters a channel: those of windows in the middle, at two sides and in the corner

Tell = Callable[[float], None]
Lay = Callable[[Plane], None]


def check_method(method: str | None) -> None:
    """Refuse, by ValueError, a method that needs the whole picture at once."""
    if method == "lucy":
        raise ValueError(
            'method "lucy" decides on the whole picture when to stop; a picture that is worked on '
            'in windows takes "wiener", "sparse", "best" or none'
        )


@dataclass(slots=True, eq=False)
class ByWiener:
    """The Wiener filter of every channel of one picture, for all of it or window after window.

    Filters, gains and memory are kept for the next window, but do not travel to other processes.
    """

    task: Task
    nsrs: list[wiener.NSR]
    means: list[np.float32]  # of the picture's light
    _filters: dict[tuple[Any, ...], NDArray[np.inexact]] = field(default_factory=dict)
    _gains: dict[tuple[Any, ...], Gain] = field(default_factory=dict)
    _memory: list[tuple[Plane, NDArray[np.complexfloating]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __reduce__(self) -> tuple[Any, ...]:
        return ByWiener, (self.task, self.nsrs, self.means)

    @property
    def halo(self) -> int:
        """How far around its core a window has to reach, px."""
        task = self.task
        return max(_reach(*pair, task.error) for pair in zip(task.psfs, self.nsrs, strict=True))

    def whole(self, planes: NDArray[Any], targets: NDArray[Any], tell: Tell) -> None:
        """Restore a whole picture (H x W x C, or with alpha)."""
        size, halfwidth = planes.shape[:2], self.task.halfwidth
        shape = frame_shape((size[0], size[1]), halfwidth)
        for c in range(len(self.nsrs)):

            def lay(frame: Plane, c: int = c) -> None:
                seen = frame[: size[0], : size[1]]
                to_linear(planes[..., c], light=self.task.light, out=seen, less=self.means[c])

            def surround(frame: Plane, c: int = c) -> None:
                wiener.surround(frame, (size[0], size[1]), halfwidth, self.gain(c))

            core = slice(0, size[0]), slice(0, size[1])
            self.channel(c, shape, lay, surround, core, targets)
            tell((c + 1) / len(self.nsrs))

    def channel(
        self,
        c: int,
        shape: tuple[int, int],
        lay: Lay,
        surround: Lay,
        core: Slices,
        targets: NDArray[Any],
    ) -> None:
        """Restore the core of one channel of a frame of `shape`, as encoded, into `targets`.

        `lay` puts the light in the frame, less its mean, and `surround` what continues it.
        """
        light, mean = self.task.light, self.means[c]
        frame, spectrum = memory = self._free(shape)
        lay(frame)
        with meanwhile(lambda: self._filter(c, shape)) as filter:
            surround(frame)

        def store(rows: slice, band: Plane) -> None:
            targets[rows, :, c] = from_linear(band, targets.dtype, light=light, plus=mean)

        wiener.restore_bands(frame, core, filter(), store, spectrum=spectrum)
        self._memory.append(memory)

    def gain(self, c: int) -> Gain:
        """Gain of a channel at the border."""
        psf, nsr = self.task.psfs[c], self.nsrs[c]
        with self._lock:
            return self._gains.setdefault(
                (psf, nsr), wiener.border_gain(psf, nsr, error=self.task.error)
            )

    def _free(self, shape: tuple[int, int]) -> tuple[Plane, NDArray[np.complexfloating]]:
        """Take a frame and its spectrum, from a window before if there are any."""
        with self._lock:
            found = self._memory.pop() if self._memory else None
        if found is None or found[0].shape != shape:
            half = shape[0], shape[1] // 2 + 1
            return np.empty(shape, np.float32), np.empty(half, np.complex64)
        return found

    def _filter(self, c: int, shape: tuple[int, int]) -> NDArray[np.inexact]:
        """Filter of a frame of `shape`."""
        psf, nsr = self.task.psfs[c], self.nsrs[c]
        with self._lock:  # of windows side by side one makes it, the others wait
            found = self._filters.get((psf, nsr, shape))
            if found is None:
                found = wiener.inverse(psf, nsr, shape, error=self.task.error)
                while len(self._filters) >= _KEPT * len(self.nsrs):
                    self._filters.pop(next(iter(self._filters)))
                self._filters[psf, nsr, shape] = found
            return found


@dataclass(frozen=True, slots=True, eq=False)
class ByAreas:
    """A strong method for the areas of one picture."""

    task: Task
    measured: Measured

    def area(self, window: NDArray[Any], part: Area, tell: Tell) -> NDArray[Any]:
        """Restore an area (H x W x C, or with alpha), of which `window` is all: its core."""
        out = window.copy()
        here = Area((slice(0, len(window)), slice(0, window.shape[1])), part.inside)
        restore_area(Job(window, out, self.task, self.measured), here, tell)
        return out[part.inside]

    def whole(self, planes: NDArray[Any], targets: NDArray[Any], tell: Tell) -> None:
        """Restore a whole picture (H x W x C, or with alpha)."""
        restore(Job(planes, targets, self.task, self.measured), tell)


def measure(blocks: list[Blocks], task: Task) -> ByWiener | ByAreas:
    """Find mean and prior of a picture from its `measured.samples`, as encoded."""
    if task.method != "wiener":
        return ByAreas(task, measure_planes(blocks, task))
    means, nsrs = measure_channels(blocks, task)
    return ByWiener(task, nsrs, means)


def _reach(psf: PSF, nsr: wiener.NSR, error: float) -> int:
    """Find how far a Wiener filter's response to an edge reaches, px."""
    length = 4 * LONGEST_HALO
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
    return min(reach, LONGEST_HALO)
