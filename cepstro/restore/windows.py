"""Deblurring a picture of which all is measured: whole, or window by window.

Pictures that are never held whole (tiles, Dask arrays) come in windows. What a method makes of a
pixel hangs on its surroundings no further than a halo; a window that reaches further than its core
by that much gives in the core what the whole picture gives. The halo of a Wiener filter W is the
distance r at which the tail of its response to an edge, the sums over |x| > r of the transform of W
along each axis, has fallen below `_TAIL`; that of the other methods is twice the one of `areas`.
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
from cepstro.photo import check_finite
from cepstro.psf import PSF, Motion
from cepstro.restore import wiener
from cepstro.restore.areas import halo as areas_halo
from cepstro.restore.borders import Gain, Plane, frame_shape
from cepstro.restore.colour import Job, restore
from cepstro.restore.measured import Blocks, Measured, Task, measure_channels, measure_planes

_TAIL = 1e-3  # of an edge's height: what may reach a pixel from beyond the halo
_LONGEST_HALO = 1024  # px
_KEPT = 4  # filters: those of windows in the middle, at two sides and in the corners

Tell = Callable[[float], None]
Sides = tuple[bool, bool]  # whether a window touches the picture's top or bottom, left or right
Core = tuple[slice, slice]  # part of a window
ALL: Core = slice(None), slice(None)


def check_method(method: str | None) -> None:
    """Refuse, by ValueError, a method that needs the whole picture at once."""
    if method == "lucy":
        raise ValueError(
            'method "lucy" decides on the whole picture when to stop; a picture that is worked on '
            'in windows takes "wiener", "sparse", "best" or none'
        )


@dataclass(slots=True, eq=False)
class ByWiener:
    """The Wiener filter of every channel of one picture; called with window after window.

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

    def __call__(
        self, window: NDArray[Any], border: Sides = (True, True), core: Core = ALL
    ) -> NDArray[Any]:
        """Restore the core of a window as encoded; `border`: it touches that of the picture."""
        check_finite(window)
        out = window[core].copy()
        planes, targets = (x[..., None] if x.ndim == 2 else x for x in (window, out))
        size = window.shape[0], window.shape[1]
        rows, columns = (slice(*part.indices(n)) for part, n in zip(core, size, strict=True))
        for c in range(len(self.nsrs)):
            self._channel(c, planes, targets, border, (rows, columns))
        return out

    def whole(self, planes: NDArray[Any], targets: NDArray[Any], tell: Tell) -> None:
        """Restore a whole picture (H x W x C, or with alpha)."""
        size = planes.shape[0], planes.shape[1]
        for c in range(len(self.nsrs)):
            self._channel(c, planes, targets, (True, True), (slice(0, size[0]), slice(0, size[1])))
            tell((c + 1) / len(self.nsrs))

    def _channel(
        self, c: int, planes: NDArray[Any], targets: NDArray[Any], border: Sides, core: Core
    ) -> None:
        """Restore the core of one channel of a window."""
        psf, light = self.task.psfs[c], self.task.light
        size = planes.shape[0], planes.shape[1]
        shape = frame_shape(size, psf.halfwidth)
        frame, spectrum = memory = self._free(shape)
        seen = frame[: size[0], : size[1]]
        to_linear(planes[..., c], light=light, out=seen, less=self.means[c])
        gain = self._gain(psf, self.nsrs[c])
        with meanwhile(lambda: self._filter(psf, self.nsrs[c], shape)) as filter:
            wiener.surround(frame, size, psf.halfwidth, gain, sides=border)

        def store(rows: slice, band: Plane) -> None:
            targets[rows, :, c] = from_linear(band, targets.dtype, light=light, plus=self.means[c])

        wiener.restore_bands(frame, core, filter(), store, spectrum=spectrum)
        self._memory.append(memory)

    def _free(self, shape: tuple[int, int]) -> tuple[Plane, NDArray[np.complexfloating]]:
        """Take a frame and its spectrum, from a window before if there are any."""
        with self._lock:
            found = self._memory.pop() if self._memory else None
        if found is None or found[0].shape != shape:
            half = shape[0], shape[1] // 2 + 1
            return np.empty(shape, np.float32), np.empty(half, np.complex64)
        return found

    def _gain(self, psf: PSF, nsr: wiener.NSR) -> Gain:
        """Gain at the border."""
        with self._lock:
            return self._gains.setdefault(
                (psf, nsr), wiener.border_gain(psf, nsr, error=self.task.error)
            )

    def _filter(self, psf: PSF, nsr: wiener.NSR, shape: tuple[int, int]) -> NDArray[np.inexact]:
        """Filter of a frame of `shape`."""
        with self._lock:  # of windows side by side one makes it, the others wait
            found = self._filters.get((psf, nsr, shape))
            if found is None:
                found = wiener.inverse(psf, nsr, shape, error=self.task.error)
                if len(self._filters) >= _KEPT * len(self.nsrs):
                    self._filters.clear()
                self._filters[psf, nsr, shape] = found
            return found


@dataclass(frozen=True, slots=True, eq=False)
class ByAreas:
    """A strong method for the windows of one picture; called with window after window."""

    task: Task
    measured: Measured

    @property
    def halo(self) -> int:
        """How far around its core a window has to reach, px."""
        # Once left 4 values of 100,000 beyond 1/255 on a photo (total variation), twice none.
        return 2 * max(areas_halo(psf.halfwidth) for psf in self.task.psfs)

    def __call__(
        self, window: NDArray[Any], border: Sides = (True, True), core: Core = ALL
    ) -> NDArray[Any]:
        """Restore the core of a window as encoded; all sides are dealt with alike."""
        check_finite(window)
        out = window.copy()
        planes, targets = (x[..., None] if x.ndim == 2 else x for x in (window, out))
        self.whole(planes, targets, lambda _: None)
        return out[core]

    def whole(self, planes: NDArray[Any], targets: NDArray[Any], tell: Tell) -> None:
        """Restore a whole picture (H x W x C, or with alpha)."""
        restore(Job(planes, targets, self.task, self.measured, tell))


def measure(blocks: list[Blocks], task: Task) -> ByWiener | ByAreas:
    """Find mean and prior of a picture from its `measured.samples`, as encoded."""
    if task.method != "wiener":
        return ByAreas(task, measure_planes(blocks, task))
    means, nsrs = measure_channels(blocks, task)
    return ByWiener(task, nsrs, means)


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
