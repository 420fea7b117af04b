"""Pictures larger than memory: TIFF, BigTIFF, OME-TIFF and Zarr, worked on in blocks.

Each block is worked on inside a window that reaches further by a halo, and only its core is kept:
what a method makes of a pixel hangs on its surroundings no further than the halo, so no seams show
(`cepstro.restore.windows`). A row of windows is decoded at once, as its windows overlap by whole
tiles (0.7 of the time that it took one by one), and worked on side by side. Mean, prior
and noise are found once, from blocks spread over the whole picture. Results appear whole, and
stopped work goes on where it was (`unfinished`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import side_by_side
from cepstro.light import Light
from cepstro.photo import MAX_PIXELS, check_finite
from cepstro.photo.limits import Limit
from cepstro.psf import PSF, psf_to_dict
from cepstro.restore import windows
from cepstro.restore.measured import Sample, asked, samples
from cepstro.restore.windows import Core, Sides
from cepstro.synthesis import blur
from cepstro.synthesis import halo as blur_halo
from cepstro.tiles import unfinished
from cepstro.tiles.look import analyze_file
from cepstro.tiles.source import Form, Sheet, is_zarr, opened
from cepstro.tiles.unfinished import begin

__all__ = ["analyze_file", "blur_file", "deblur_file", "too_large"]

Progress = Callable[[float], None]
Work = Callable[[NDArray[Any], Sides, Core], NDArray[Any]]  # the core of a window, worked on

_CORE = 2048  # px; about the side of the blocks worked on
_AT_ONCE = 4  # windows, which then share the cores: more would need more memory
_STRIP = 96 << 20  # bytes decoded at once


def too_large(path: str | Path) -> bool:
    """Whether a file is for this module: Zarr, or a TIFF that `read` refuses for its size."""
    import tifffile

    if is_zarr(path):
        return True
    if Path(path).suffix.lower() not in (".tif", ".tiff"):
        return False
    try:
        with tifffile.TiffFile(path, is_ome=False) as file:
            page: Any = file.pages[0]
            pixels = page.imagelength * page.imagewidth
            size = pixels * page.samplesperpixel * page.bitspersample // 8
            return bool(pixels > MAX_PIXELS or size > Limit().bytes)
    except Exception:  # whatever is wrong with it, `read` says it better
        return False


def deblur_file(
    source: str | Path,
    target: str | Path,
    psf: PSF,
    *,
    nsr: float | None = None,
    method: str | None = "wiener",
    noise: float | None = None,
    diameter_error: float = 0.0,
    light: Light | None = None,
    progress: Progress | None = None,
) -> None:
    """Deblur a TIFF or Zarr of any size, without ever holding it whole.

    Parameters
    ----------
    source, target : path
        TIFF, BigTIFF or OME-TIFF, grey or RGB, with or without alpha, of 8 or 16 bit or float32,
        tiled or in strips; or a Zarr array or OME-Zarr picture, a folder that ends in ``.zarr``
        (extra ``big``). A TIFF written is tiled, and deflated if the source is compressed. Each
        channel, depth and time of OME's is a picture of its own.
    psf : PSF
        The blur.
    nsr : float, optional
        Noise-to-signal constant; without it the spectrum of the noise and of the scene are fitted
        to each channel, as `deblur` with ``method="wiener"`` does.
    method : "wiener", "sparse", "best" or None
        As for `deblur`, but for "lucy"; the quick Wiener filter unless another is named.
    noise : float, optional
        Standard deviation of the noise in encoded units (1 is white); measured if not given.
    diameter_error : float
        One standard deviation of the PSF's diameter, px.
    light : "srgb", "linear" or ToneCurve, optional
        How values encode light; default what the ICC profile says, else "srgb".
    progress : callable, optional
        Called with the fraction done, 0..1; an exception raised in it stops the work.

    Raises
    ------
    ReadError, WriteError, MissingExtraError
        If a file cannot be read or written, or is of a kind that is not worked on in blocks.

    Notes
    -----
    Away from the picture's border the result equals that of `deblur` to less than 1/255, as long as
    the filter reaches no further than 1024 px. With a small `nsr` and a large blur it does: with
    1e-4 and a disk of 33 px, differences of 5/255 were measured. With "sparse" the same
    holds of photos. The denoiser of None and "best" decides at thresholds, and some values differ
    by more: `cepstro.restore.areas` says how many.

    Stopped work, by whatever, leaves a hidden folder ``.NAME.cepstro`` beside the target; the same
    call goes on from there.
    """
    task = asked([psf], method, nsr, noise, diameter_error, "srgb" if light is None else light)
    windows.check_method(task.method)

    def plan(sheet: Sheet, form: Form, light: Light) -> tuple[Work, int]:
        here = replace(task, psfs=[psf] * form.colours, light=light)
        made = windows.measure(_blocks(sheet, samples(form.size, here)), here)
        return made, made.halo

    settings = ["deblur", psf_to_dict(psf), task.nsr, task.method, noise, diameter_error]
    _each_sheet(Path(source), Path(target), plan, settings, light, progress)


def blur_file(
    source: str | Path,
    target: str | Path,
    psf: PSF,
    *,
    light: Light | None = None,
    progress: Progress | None = None,
) -> None:
    """Blur a TIFF or Zarr of any size in linear light, without ever holding it whole.

    Parameters and errors as for `deblur_file`; the result equals that of `blur`.
    """

    def plan(sheet: Sheet, form: Form, light: Light) -> tuple[Work, int]:
        return lambda window, _, core: blur(window, psf, light=light)[core], blur_halo([psf])

    _each_sheet(Path(source), Path(target), plan, ["blur", psf_to_dict(psf)], light, progress)


def _blocks(sheet: Sheet, where: list[Sample]) -> list[NDArray[Any]]:
    """Blocks of a sheet, given by side and corners."""
    return [
        np.stack(sheet.windows([(y, x, side, side) for y, x in corners])) for side, corners in where
    ]


def _each_sheet(
    path: Path,
    target: Path,
    plan: Callable[[Sheet, Form, Light], tuple[Work, int]],
    settings: list[Any],
    light: Light | None,
    progress: Progress | None,
) -> None:
    """Work on every sheet of a file, a row of blocks after the other."""
    from cepstro import __version__

    tell = progress or (lambda _: None)
    with opened(path) as source:
        form = source.sheets[0].form
        light = form.light if light is None else light
        rows = _cuts(form.size[0])
        tops = [part.start for part in rows]
        parts = len(source.sheets) * len(tops)
        stamp = [__version__, settings, repr(light), tops]
        with begin(source, target, stamp, parts) as result:
            for index, sheet in enumerate(source.sheets):
                missing = [at for at, top in enumerate(tops) if not result.has(index, top)]
                if not missing:
                    continue
                work, halo = plan(sheet, form, light)
                for at in missing:
                    done = index * len(tops) + at

                    def in_row(part: float, done: int = done) -> None:
                        tell((done + part) / parts)

                    band = _band(sheet, form, work, halo, rows[at], in_row)
                    result.keep(index, tops[at], band)
                    del band
            result.finish(tops)
        tell(1.0)


def _cuts(length: int) -> list[slice]:
    """Cut a side into blocks of whole tiles, all of about the same length."""
    count = max(1, round(length / _CORE))
    tiles = -(-length // unfinished.TILE)
    edges = [round(i * tiles / count) * unfinished.TILE for i in range(count)] + [length]
    return [slice(*edge) for edge in pairwise(edges)]


@dataclass(frozen=True, slots=True)
class _Span:
    """A block and the window around it, along one side of the picture."""

    window: slice
    block: slice
    border: bool  # whether the window touches that of the picture

    @property
    def core(self) -> slice:
        """The block in its window."""
        return slice(self.block.start - self.window.start, self.block.stop - self.window.start)


def _span(block: slice, halo: int, length: int) -> _Span:
    """Window of a block; all windows are of one length, so that one filter serves them."""
    longest = max(part.stop - part.start for part in _cuts(length))
    wide = min(longest + 2 * halo, length)
    start = min(max(block.start - halo, 0), length - wide)
    return _Span(slice(start, start + wide), block, start == 0 or start + wide == length)


def _band(
    sheet: Sheet, form: Form, work: Work, halo: int, rows: slice, tell: Progress
) -> NDArray[Any]:
    """One row of blocks of the result: height x width x samples."""
    height, width = form.size
    band = np.empty((rows.stop - rows.start, width, form.samples), form.dtype)
    down = _span(rows, halo, height)
    across = [_span(block, halo, width) for block in _cuts(width)]
    tall, wide = (span.window.stop - span.window.start for span in (down, across[0]))
    some = max(1, _STRIP // (tall * wide * form.samples * form.dtype.itemsize))
    for first in range(0, len(across), some):
        spans = across[first : first + some]
        left, right = spans[0].window.start, spans[-1].window.stop
        strip = sheet.window(down.window.start, left, tall, right - left)
        check_finite(strip)

        def restore(span: _Span, strip: NDArray[Any] = strip, left: int = left) -> None:
            window = strip[:, span.window.start - left : span.window.stop - left]
            made = work(window, (down.border, span.border), (down.core, span.core))
            band[:, span.block] = made.reshape(len(band), -1, form.samples)

        def so_far(part: float, first: int = first, count: int = len(spans)) -> None:
            tell((first + part * count) / len(across))

        side_by_side(restore, spans, so_far, most=_AT_ONCE)
        del strip
    return band
