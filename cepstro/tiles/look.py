"""The blur of a picture larger than memory, measured where it shows most.

In each quarter of the picture windows spread over it are probed by a small square, and the one with
most detail is analysed: blank glass tells nothing. The surest of the four results is the answer,
and whether they differ is told. Never more than one window is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cepstro import reasons
from cepstro.analysis import Analysis, analyze, check_region
from cepstro.errors import UnsuitableImageError
from cepstro.light import Light
from cepstro.photo import check_finite
from cepstro.tiles.source import Box, Form, Sheet, opened

_WINDOW = 2048  # px
_PROBE = 256  # px
_PROBES = 6  # a side, in each quarter
_SPARSE = 8  # px between the values that a probe compares: below lies noise


def analyze_file(
    path: str | Path,
    *,
    light: Light | None = None,
    region: tuple[int, int, int, int] | None = None,
    channels: Literal["luminance", "each"] = "luminance",
    progress: Callable[[float], None] | None = None,
) -> Analysis:
    """Find the blur of a TIFF or Zarr of any size, without ever holding it whole.

    Parameters
    ----------
    path : path
        As for `deblur_file`; of several channels, depths or times the first is looked at.
    light, region, channels, progress : optional
        As for `analyze`.

    Returns
    -------
    Analysis
        Of the window of 2048 x 2048 px whose blur is surest, one of four that show much detail.

    Raises
    ------
    ReadError, UnsuitableImageError, MissingExtraError
        If the file cannot be read, shows nothing, or holds NaN or infinity where it is looked at.
    TypeError, ValueError
        If `region` does not lie inside the picture.
    """
    tell = progress or (lambda _: None)
    with opened(Path(path)) as source:
        sheet = source.sheets[0]
        form = sheet.form
        light = form.light if light is None else light
        if region is not None:
            pixels = sheet.window(*_box(region, form))
            return analyze(pixels, light=light, channels=channels, progress=progress)
        found: list[Analysis] = []
        flat = UnsuitableImageError("the picture shows nothing that could be blurred")
        for done, box in enumerate(_windows(sheet, form)):
            tell(done / 4)
            pixels = sheet.window(*box)
            check_finite(pixels)
            try:
                found.append(analyze(pixels, light=light, channels=channels))
            except UnsuitableImageError as error:
                flat = error
    if not found:
        raise flat
    tell(1.0)
    best = max(found, key=lambda one: (one.verdict == "defocus", one.confidence))
    same = [one for one in found if one.verdict == "defocus" and one.diameter is not None]
    varying = reasons.of_varying_blur(
        [one.diameter or 0.0 for one in same], [one.diameter_error or 0.0 for one in same]
    )
    return replace(best, warnings=tuple(dict.fromkeys([*best.warnings, *varying])))


def _box(region: tuple[int, int, int, int], form: Form) -> Box:
    check_region(region, form.size)
    x, y, width, height = region
    return y, x, height, width


def _windows(sheet: Sheet, form: Form) -> Iterator[Box]:
    """Windows to be analysed: the whole picture if it is small, else one in each quarter."""
    rows, columns = form.size
    if max(rows, columns) <= _WINDOW:
        yield 0, 0, rows, columns
        return
    for top, height in ((0, rows // 2), (rows // 2, rows - rows // 2)):
        for left, width in ((0, columns // 2), (columns // 2, columns - columns // 2)):
            sides = min(_WINDOW, height), min(_WINDOW, width)
            places = [
                (top + y, left + x)
                for y in _spread(height - sides[0])
                for x in _spread(width - sides[1])
            ]
            probes = sheet.windows([_probe(y, x, sides) for y, x in places])
            y, x = places[int(np.argmax([_detail(probe) for probe in probes]))]
            yield y, x, *sides


def _spread(last: int) -> list[int]:
    """Whole numbers evenly from 0 to `last`, none twice."""
    return sorted({round(at) for at in np.linspace(0, last, _PROBES)})


def _probe(top: int, left: int, sides: tuple[int, int]) -> Box:
    """Small square in the middle of a window."""
    side = min(_PROBE, *sides)
    return top + (sides[0] - side) // 2, left + (sides[1] - side) // 2, side, side


def _detail(probe: NDArray[Any]) -> float:
    """Mean step between values some pixels apart."""
    some = probe[::_SPARSE, ::_SPARSE].astype(np.float32)
    return float(np.abs(np.diff(some, axis=0)).mean() + np.abs(np.diff(some, axis=1)).mean())
