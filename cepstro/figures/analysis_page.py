"""The page behind ``cepstro analyze --figure``: the whole story of one analysis on one sheet."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from cepstro.figures import panels
from cepstro.figures.style import BODY, LIGHT, TITLE, Theme, page
from cepstro.figures.words import headline, sentence
from cepstro.photo import unpack

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
    pixels, _ = unpack(image)
    figure = page(16, 10, theme)
    figure.text(
        0.03,
        0.965,
        headline(analysis, advise=False),
        fontsize=TITLE,
        fontweight="bold",
        color=theme.ink,
        va="center",
    )
    figure.text(
        0.03, 0.94, textwrap.fill(_reasons(analysis), 175), fontsize=BODY, color=theme.ink, va="top"
    )
    columns = 2 if analysis.psf is None else 3
    grid = figure.add_gridspec(
        2, columns, left=0.055, right=0.985, bottom=0.07, top=0.86, wspace=0.24, hspace=0.33
    )
    panels.draw_picture(
        figure.add_subplot(grid[0, 0]),
        pixels,
        title=title or "The photo",
        region=region,
        theme=theme,
    )
    panels.draw_cepstrum(figure.add_subplot(grid[0, 1]), analysis, theme=theme)
    panels.draw_profile(figure.add_subplot(grid[1, 0]), analysis, theme=theme)
    panels.draw_spectrum(figure.add_subplot(grid[1, 1]), analysis, theme=theme)
    if analysis.psf is not None:
        panels.draw_psf(figure.add_subplot(grid[0, 2]), analysis.psf, theme=theme)
        corner = grid[1, 2].subgridspec(2, 1, height_ratios=[1.25, 1], hspace=0.75)
        panels.draw_otf(figure.add_subplot(corner[0]), analysis.psf, theme=theme)
        panels.draw_candidates(figure.add_subplot(corner[1]), analysis, theme=theme)
    return figure


def _reasons(analysis: Analysis) -> str:
    """Say the confidence, the reason, and what a person should know besides."""
    sure = f"Confidence {100 * analysis.confidence:.0f} %."
    return " ".join([sure, *map(sentence, (analysis.reason, *analysis.warnings))])
