"""Deblurring window by window: for pictures that are never held whole (tiles, Dask arrays).

What a method makes of a pixel hangs on its surroundings no further than a halo; a window that
reaches further than its core by that much gives in the core what the whole picture gives. Mean,
prior and noise are measured once, on blocks spread over the whole picture (`places`). The halo of a
Wiener filter W is the distance r at which the tail of its response to an edge, the sums over
|x| > r of the transform of W along each axis, has fallen below `_TAIL`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.light import Light, from_linear, to_linear
from cepstro.photo import check_finite
from cepstro.psf import PSF, Motion
from cepstro.restore import prior, wiener
from cepstro.restore.borders import Plane, embed, frame_shape
from cepstro.restore.colour import steepness

_TAIL = 1e-3  # of an edge's height: what may reach a pixel from beyond the halo
_LONGEST_HALO = 1024  # px
_KEPT = 4  # filters: those of windows in the middle, at two sides and in the corners

places = prior.places


@dataclass(slots=True, eq=False)
class ByWiener:
    """The Wiener filter of every channel of one picture; called with window after window."""

    psfs: list[PSF]
    nsrs: list[wiener.NSR]
    means: list[np.float32]  # of the picture's light
    error: float
    light: Light
    halo: int
    _filters: dict[tuple[Any, ...], NDArray[np.inexact]] = field(default_factory=dict)

    def __call__(self, window: NDArray[Any], border: bool) -> NDArray[Any]:
        """Restore a window as encoded; `border`: it touches the border of the picture."""
        check_finite(window)
        out = window.copy()
        planes, targets = (x[..., None] if x.ndim == 2 else x for x in (window, out))
        for c in range(len(self.psfs)):
            plane = to_linear(planes[..., c], light=self.light)
            targets[..., c] = from_linear(
                self._restored(c, plane, border), window.dtype, light=self.light
            )
        return out

    def _restored(self, c: int, plane: Plane, border: bool) -> Plane:
        psf, nsr = self.psfs[c], self.nsrs[c]
        plane -= self.means[c]
        size = plane.shape[0], plane.shape[1]
        if border:
            frame = wiener.extend(plane, psf, nsr, error=self.error)
        else:
            frame = embed(plane, frame_shape(size, psf.halfwidth))
        sharp = wiener.restore(frame, size, self._filter(psf, nsr, frame))
        sharp += self.means[c]
        return sharp

    def _filter(self, psf: PSF, nsr: wiener.NSR, frame: Plane) -> NDArray[np.inexact]:
        shape = frame.shape[0], frame.shape[1]
        key = psf, nsr, shape
        found = self._filters.get(key)
        if found is None:
            found = wiener.inverse(psf, nsr, shape, error=self.error)
            if len(self._filters) >= _KEPT * len(self.psfs):
                self._filters.clear()
            self._filters[key] = found
        return found


def measure(
    blocks: NDArray[Any],
    psfs: list[PSF],
    *,
    method: str | None,
    nsr: float | str | None,
    noise: float | None,
    error: float,
    light: Light,
) -> ByWiener:
    """Find mean, prior and halo of a picture.

    Parameters
    ----------
    blocks : N x n x n (x C) array
        The picture, as encoded, at its `places`.
    psfs : list of PSF
        One a colour channel.
    method, nsr, noise, error, light
        As for `deblur`.
    """
    if method != "wiener":
        raise ValueError(
            f'method {method!r} needs the whole picture at once; only "wiener" works in windows'
        )
    check_finite(blocks)
    planes = blocks if blocks.ndim == 4 else blocks[..., None]
    nsrs: list[wiener.NSR] = []
    means = []
    for c, psf in enumerate(psfs):
        plane = to_linear(planes[..., c], light=light)
        means.append(np.float32(plane.mean(dtype=np.float64)))
        if isinstance(nsr, (int, float)):
            nsrs.append(float(nsr))
        else:
            nsrs.append(_prior(plane, psf, noise, light))
    halo = max(_reach(psf, one, error) for psf, one in zip(psfs, nsrs, strict=True))
    return ByWiener(psfs, nsrs, means, error, light, halo)


def _prior(plane: Plane, psf: PSF, noise: float | None, light: Light) -> prior.Prior:
    known = None
    if noise is not None:
        known = noise * float(
            np.sqrt(np.mean(np.square(steepness(plane, light)), dtype=np.float64))
        )
    plane -= plane.mean(dtype=np.float64).astype(np.float32)
    return prior.fit_blocks(plane, psf, noise=known)


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
