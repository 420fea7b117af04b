"""The page behind ``cepstro kernel --figure``: a pair's kernel, its model, and what differs."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cepstro.figures.panels import draw_kernel
from cepstro.figures.style import BODY, LIGHT, TITLE, Theme, legend, page, plot_axes
from cepstro.figures.words import sentence, shifted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cepstro.pair import PairKernel

_TITLE_SIGNS = 80  # in a line of the title


def kernel_figure(found: PairKernel, *, theme: Theme = LIGHT) -> Figure:
    """Draw the kernel between two photos, the model that describes it best, and their profiles."""
    figure = page(14, 5.4, theme)
    title = textwrap.fill(sentence(str(found.fit)), _TITLE_SIGNS)
    bold: dict[str, Any] = {"fontsize": TITLE, "fontweight": "bold", "linespacing": 1.1}
    figure.text(0.03, 0.98, title, color=theme.ink, va="top", **bold)
    figure.text(
        0.03,
        0.845,
        f"Shift {shifted(found)}; scale "
        f"{found.scale:.4f}, turned {found.rotation:.2f} degrees; gain {found.gain:.3f}; "
        f"left over {found.residual:.4f} rms of 1 in linear light",
        fontsize=BODY,
        color=theme.ink,
        va="center",
    )
    model = fitted_to(found.fit.psf.kernel(), found.kernel.shape[0])
    grid = figure.add_gridspec(
        1, 3, left=0.05, right=0.985, bottom=0.13, top=0.76, wspace=0.25, width_ratios=[1, 1, 1.3]
    )
    draw_kernel(figure.add_subplot(grid[0]), found.kernel, title="The kernel measured", theme=theme)
    misfit = f"Its model (differs by {100 * found.fit.misfit:.1f} %)"
    draw_kernel(figure.add_subplot(grid[1]), model, title=misfit, theme=theme)
    _draw_sections(figure.add_subplot(grid[2]), found.kernel, model, theme)
    return figure


def fitted_to(kernel: NDArray[np.floating], side: int) -> NDArray[np.floating]:
    """Cut a centred kernel, or pad it with zeros, to an odd side."""
    size = kernel.shape[0]
    if size >= side:
        start = (size - side) // 2
        return kernel[start : start + side, start : start + side]
    return np.pad(kernel, (side - size) // 2)


def _draw_sections(
    axes: Axes, kernel: NDArray[np.floating], model: NDArray[np.floating], theme: Theme
) -> None:
    """Draw kernel and model along the row and the column through the middle."""
    middle = kernel.shape[0] // 2
    offset = np.arange(kernel.shape[0]) - middle
    top = float(model.max())
    lines = [
        (kernel[middle], theme.data, "-", "kernel, along the row"),
        (kernel[:, middle], theme.ink, ":", "kernel, along the column"),
        (model[middle], theme.model, "--", "model, along the row"),
    ]
    for values, colour, style, label in lines:
        axes.plot(offset, values / top, style, color=colour, linewidth=1.8, label=label)
    plot_axes(axes, theme, title="Through the middle", x="px", y="value, model's top = 1")
    axes.set_ylim(min(-0.1, float(axes.get_ylim()[0])), 1.75)
    legend(axes, theme, loc="upper right")
