"""Views of a photo: its light block by block, at full size, reduced, or a part of it.

Large photos are decoded as they are read, and read only where they show most: blank paper and sky
tell nothing. Small ones are decoded once, as overlapping blocks would read them four times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import by_rows
from cepstro.light import Light, luminance, to_linear
from cepstro.spectrum import Spectrum, corners, power_spectrum

LARGEST_BLOCK = 1024  # px; blocks of the first look
_MOST_PIXELS = 4 * LARGEST_BLOCK**2  # read of a large photo
_DECODED_ONCE = LARGEST_BLOCK**2  # px; overlapping blocks read a photo up to four times
_BAND = 1 << 17  # elements decoded at a time: the colours' light stays in cache
_SPARSE = 8  # every so many pixels are looked at where blocks are chosen


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Pixels as the analysis sees them: light, decoded block by block as it is needed."""

    pixels: NDArray[Any]
    light: Light
    scale: int = 1
    most: int = _MOST_PIXELS  # read for a spectrum

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, px."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def blocks(self, side: int, *, overlap: float = 0.5) -> Iterator[NDArray[np.float32]]:
        """Luminance of square blocks: all of them, or those of a large photo that show most."""
        limit = max(1, self.most // side**2)
        places = corners(self.shape, side, overlap=overlap)
        if len(places) > limit:
            detail = [self._detail(top, left, side) for top, left in places]
            places = [places[index] for index in np.argsort(detail, kind="stable")[-limit:]]
        for top, left in places:
            block = self.pixels[top : top + side, left : left + side]
            decoded = block.dtype == np.float32 and block.ndim == 2 and self.light == "linear"
            yield block if decoded else luminance_of(block, self.light)

    def _detail(self, top: int, left: int, side: int) -> float:
        """Mean step between every eighth pixels of a block: blank paper and sky tell nothing."""
        some = self.pixels[top : top + side : _SPARSE, left : left + side : _SPARSE]
        some = some.astype(np.float32)
        return float(np.abs(np.diff(some, axis=0)).mean() + np.abs(np.diff(some, axis=1)).mean())

    def spectrum(self, side: int, *, overlap: float = 0.5) -> Spectrum:
        """Averaged spectrum for blocks of this side."""
        return power_spectrum(self.blocks(side, overlap=overlap))


def view_of(pixels: NDArray[Any], light: Light) -> View:
    """Small photos, all of whose blocks are read again and again, are decoded once."""
    if pixels.shape[0] * pixels.shape[1] > _DECODED_ONCE:
        return View(pixels, light)
    return View(luminance_of(pixels, light), "linear")


def quarters(view: View) -> list[View]:
    """Cut a view into its four quarters."""
    middle = (view.shape[0] // 2, view.shape[1] // 2)
    return [
        View(part, view.light, view.scale, view.most // 4)
        for rows in (view.pixels[: middle[0]], view.pixels[middle[0] :])
        for part in (rows[:, : middle[1]], rows[:, middle[1] :])
    ]


def reduced(view: View) -> View:
    """Reduce the photo to about the largest block, by means of samples of its light.

    Of each square that becomes one pixel, two by two samples are enough (all, where the square
    does not divide): blur as large as is looked for here leaves neighbours alike.
    """
    scale = -(-min(view.shape) // LARGEST_BLOCK)
    every = scale // 2 if scale % 2 == 0 else 1
    across = scale // every
    height, width = (length // scale for length in view.shape)
    samples = view.pixels[: height * scale : every, : width * scale : every]
    small = np.empty((height, width), np.float32)
    band = max(1, LARGEST_BLOCK // across)
    for top in range(0, height, band):
        rows = samples[top * across : (top + band) * across]
        plane = luminance_of(rows, view.light)
        squares = plane.reshape(-1, across, width, across)
        small[top : top + band] = squares.mean(axis=(1, 3))
    return View(small, "linear", scale)


def luminance_of(pixels: NDArray[Any], light: Light) -> NDArray[np.float32]:
    """Luminance of the light of pixels, H x W, band by band."""
    coded = pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2
    made = np.empty(pixels.shape[:2], np.float32)

    def work(band: slice) -> None:
        if coded and light == "linear":  # without a table: codes are proportional to light
            codes = luminance(pixels[band].astype(np.float32))
            np.multiply(codes, np.float32(1 / np.iinfo(pixels.dtype).max), out=made[band])
        else:
            made[band] = luminance(to_linear(pixels[band], light=light))

    by_rows(work, len(pixels), max(1, _BAND // pixels[0].size))
    return made
