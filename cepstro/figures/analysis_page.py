"""The page behind ``cepstro analyze --figure``: the whole story of one analysis on one sheet."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from cepstro.figures import panels
from cepstro.figures.style import BODY, LIGHT, TITLE, Theme, page
from cepstro.figures.words import headline

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from cepstro import Analysis, Photo


def analysis_figure(
    image: Photo | NDArray[Any],
    analysis: Analysis,
    *,
    title: str = "",
    region: tuple[int, int, int, int] | None = None,
    theme: Theme = LIGHT,
) -> Figure:
    """Draw why the answer is what it is: photo, cepstrum, radial profile and radial spectrum."""
    pixels = getattr(image, "pixels", image)
    figure = page(13, 9.2, theme)
    figure.text(
        0.035,
        0.962,
        headline(analysis),
        fontsize=TITLE,
        fontweight="bold",
        color=theme.ink,
        va="center",
    )
    reason = textwrap.fill(analysis.reason, 125)
    figure.text(0.035, 0.937, reason, fontsize=BODY, color=theme.ink, va="top")
    grid = figure.add_gridspec(
        2, 2, left=0.06, right=0.985, bottom=0.075, top=0.855, wspace=0.17, hspace=0.33
    )
    panels.draw_photo(
        figure.add_subplot(grid[0, 0]),
        pixels,
        title=title or "The photo",
        region=region,
        theme=theme,
    )
    panels.draw_cepstrum(figure.add_subplot(grid[0, 1]), analysis, theme=theme)
    panels.draw_profile(figure.add_subplot(grid[1, 0]), analysis, theme=theme)
    panels.draw_spectrum(figure.add_subplot(grid[1, 1]), analysis, theme=theme)
    return figure
