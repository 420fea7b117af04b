"""Pictures larger than memory: TIFF, BigTIFF, OME-TIFF and Zarr, worked on in blocks.

Each part is worked on inside a window that reaches further by a halo, and only its core is kept:
what a method makes of a pixel hangs on its surroundings no further than the halo, so no seams show
(`cepstro.restore.parts`). A row of windows is decoded at once, as its windows overlap by whole
tiles (0.7 of the time that it took one by one), and worked on side by side. Mean, prior
and noise are found once, from blocks spread over the whole picture. Results appear whole, and
stopped work goes on where it was (`unfinished`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.light import Light
from cepstro.photo import MAX_PIXELS
from cepstro.photo.limits import Limit
from cepstro.photo.tiff import quiet
from cepstro.psf import PSF, psf_to_dict
from cepstro.restore import windows
from cepstro.restore.areas import Area, Slices, on_all
from cepstro.restore.measured import Task, asked, blocks_of, samples
from cepstro.restore.parts import Parts, cuts, parts, side_boxes
from cepstro.synthesis import Blurred
from cepstro.tiles.look import analyze_file
from cepstro.tiles.source import Form, Sheet, is_zarr, opened
from cepstro.tiles.unfinished import begin

__all__ = ["analyze_file", "blur_file", "deblur_file", "too_large"]

Progress = Callable[[float], None]

_AT_ONCE = 4  # windows, which then share the cores: more would need more memory
_STRIP = 64 << 20  # bytes decoded at once


def too_large(path: str | Path) -> bool:
    """Whether a file is for this module: Zarr, or a TIFF that `read` refuses for its size."""
    import tifffile

    quiet()
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
    "sparse", "best" and None give the values of `deblur`: both cut a picture into the same areas.
    The Wiener filter gives them to 1/255, up to the picture's border, but for a few values in ten
    million, as long as it reaches no further than 2048 px; beyond, tests/benchmarks/scale.py found
    differences of up to 4/255.

    Stopped work, by whatever, leaves a hidden folder ``.NAME.cepstro`` beside the target; the same
    call goes on from there.
    """
    task = asked([psf], method, nsr, noise, diameter_error, "srgb" if light is None else light)
    windows.check_method(task.method)

    def plan(sheet: Sheet, form: Form, light: Light) -> Parts:
        here = replace(task, psfs=[psf] * form.colours, light=light)
        read, where = partial(_read, sheet), cuts(form.size, task)
        found = windows.measure(blocks_of(read, samples(form.size, here)), here)
        return parts(found, form.size, where, read(side_boxes(found, form.size, where)))

    settings = ["deblur", psf_to_dict(psf), task.nsr, task.method, noise, diameter_error]
    _each_sheet(Path(source), Path(target), task, plan, settings, light, progress)


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

    def plan(sheet: Sheet, form: Form, light: Light) -> Parts:
        return Blurred([psf] * form.colours, light, form.size)

    settings = ["blur", psf_to_dict(psf)]
    _each_sheet(Path(source), Path(target), None, plan, settings, light, progress)


def _read(sheet: Sheet, boxes: list[Slices]) -> list[NDArray[Any]]:
    """Pixels of boxes of a sheet, if any."""
    found = [(y.start, x.start, y.stop - y.start, x.stop - x.start) for y, x in boxes]
    return sheet.windows(found) if found else []


def _each_sheet(
    path: Path,
    target: Path,
    task: Task | None,
    plan: Callable[[Sheet, Form, Light], Parts],
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
        here = cuts(form.size, task)
        tops = [part.start for part in here[0]]
        count = len(source.sheets) * len(tops)
        stamp = [__version__, settings, repr(light), tops]
        with begin(source, target, stamp, count) as result:
            for index, sheet in enumerate(source.sheets):
                missing = [at for at, top in enumerate(tops) if not result.has(index, top)]
                if not missing:
                    continue
                work = plan(sheet, form, light)
                for at in missing:
                    done = index * len(tops) + at

                    def in_row(part: float, done: int = done) -> None:
                        tell((done + part) / count)

                    band = _band(sheet, form, work, here[0][at], here[1], in_row)
                    result.keep(index, tops[at], band)
                    del band
            result.finish(tops)
        tell(1.0)


def _band(
    sheet: Sheet, form: Form, work: Parts, rows: slice, columns: list[slice], tell: Progress
) -> NDArray[Any]:
    """One row of parts of the result: height x width x samples."""
    band = np.empty((rows.stop - rows.start, form.size[1], form.samples), form.dtype)
    areas = [work.area((rows, part)) for part in columns]
    most = max((y.stop - y.start) * (x.stop - x.start) for y, x in (area.outer for area in areas))
    some = max(1, _STRIP // (most * form.samples * form.dtype.itemsize))
    for first in range(0, len(areas), some):
        now = areas[first : first + some]
        pixels = _read(sheet, [area.outer for area in now])

        def restore(part: tuple[Area, NDArray[Any]], tell: Progress) -> None:
            made = work(part[1], part[0], tell)
            band[:, part[0].core[1]] = made.reshape(len(band), -1, form.samples)

        def so_far(part: float, first: int = first, count: int = len(now)) -> None:
            tell((first + part * count) / len(areas))

        on_all(restore, list(zip(now, pixels, strict=True)), so_far, most=_AT_ONCE)
        del pixels
    return band
