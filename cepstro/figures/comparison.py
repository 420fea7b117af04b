"""Before and after: the photo and its deblurred twin, whole, magnified, and what is left over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cepstro.analysis import check_region
from cepstro.figures.panels import draw_picture, thumbnail
from cepstro.figures.style import LIGHT, Theme, page
from cepstro.photo import unpack

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cepstro import Photo

Box = tuple[int, int, int, int]


def comparison_figure(
    before: Photo | NDArray[Any],
    after: Photo | NDArray[Any],
    *,
    crop: Box | None = None,
    residual: NDArray[np.floating] | None = None,
    whole: bool = True,
    theme: Theme = LIGHT,
) -> Figure:
    """Draw two pictures of one size: whole, and enlarged where the first has most detail.

    Parameters
    ----------
    before, after : Photo or array
        Pictures of equal height and width.
    crop : (x, y, width, height), optional
        The part to enlarge, px; chosen by `liveliest` when not given.
    residual : H x W float array, optional
        What the model does not explain (photo minus re-blurred result, encoded units 0..1); drawn
        as a third column on a scale of +-3 of its standard deviations.
    whole : bool
        Show the whole pictures above their enlarged parts.

    Raises
    ------
    TypeError, ValueError
        For what is no picture, other sizes, and crops outside the picture.
    """
    pictures = {"Before": unpack(before)[0], "After": unpack(after)[0]}
    if residual is not None:
        limit = 3 * float(np.std(residual)) or 1.0
        title = f"Left over, black to white {-limit:+.3f} to {limit:+.3f}"
        pictures[title] = np.clip(0.5 + residual / (2 * limit), 0, 1).astype(np.float32)
    height, width = pictures["Before"].shape[:2]
    for title, pixels in pictures.items():
        if pixels.shape[:2] != (height, width):
            raise ValueError(
                f"all pictures must have one size, got {width} x {height} px and "
                f"{pixels.shape[1]} x {pixels.shape[0]} px ({title})"
            )
    if crop is not None:
        check_region(crop, (height, width))
    x, y, w, h = crop or liveliest(pictures["Before"])
    shapes = [height / width, h / w] if whole else [h / w]
    heights = [min(max(shape, 0.2), 2.0) for shape in shapes]  # strips are not drawn to their end
    figure = page(5.6 * len(pictures), sum(5.6 * part + 0.5 for part in heights), theme)
    grid = figure.add_gridspec(
        len(heights),
        len(pictures),
        height_ratios=heights,
        left=0.015,
        right=0.985,
        bottom=0.015,
        top=1 - 0.42 / figure.get_figheight(),
        wspace=0.03,
        hspace=0.12,
    )
    for column, (title, pixels) in enumerate(pictures.items()):
        if whole:
            axes = figure.add_subplot(grid[0, column])
            draw_picture(axes, pixels, title=title, region=(x, y, w, h), theme=theme)
        axes = figure.add_subplot(grid[-1, column])
        enlarged = f"{title.partition(',')[0]}, {w} x {h} px enlarged"
        draw_picture(axes, pixels[y : y + h, x : x + w], title=enlarged, theme=theme)
    return figure


def liveliest(pixels: NDArray[Any], *, fraction: float = 0.25) -> Box:
    """Find the part of a picture with most edges: (x, y, width, height), px.

    Parameters
    ----------
    pixels : H x W or H x W x C array
    fraction : float
        Width and height of the part, of the picture's.
    """
    height, width = pixels.shape[:2]
    h, w = max(1, round(height * fraction)), max(1, round(width * fraction))
    small = thumbnail(pixels, 400)
    plane = small if small.ndim == 2 else small.mean(axis=2)
    edges = np.abs(np.diff(plane, axis=0))[:, :-1] + np.abs(np.diff(plane, axis=1))[:-1]
    across, down = edges.shape[1] / width, edges.shape[0] / height
    best, place = -1.0, (0, 0)
    for y in np.linspace(0, height - h, 9).astype(int):
        for x in np.linspace(0, width - w, 9).astype(int):
            rows = slice(int(y * down), max(int((y + h) * down), int(y * down) + 1))
            columns = slice(int(x * across), max(int((x + w) * across), int(x * across) + 1))
            amount = float(edges[rows, columns].mean()) if edges[rows, columns].size else 0.0
            if amount > best:
                best, place = amount, (int(x), int(y))
    return *place, w, h
