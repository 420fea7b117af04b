"""One restrained style for every figure: themes, empty pages, saving.

Colours are from the palette of Okabe and Ito, which colour-blind people can tell apart, and differ
in lightness and line style too, so that a grey print still reads. Only matplotlib's object
interface is used: no pyplot, no global state, no display.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cepstro.errors import WriteError
from cepstro.photo.saving import safe_name
from cepstro.photo.saving import save as write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")
SMALL, BODY, TITLE = 10.5, 12.0, 17.0  # points
DPI = 110


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a figure."""

    page: str
    ink: str  # text and axes
    quiet: str  # grids, scatter bands, secondary text
    data: str  # what was measured
    model: str  # what was fitted
    mark: str  # what was found: rings, peaks, zeros


LIGHT = Theme("#ffffff", "#1a1a1a", "#8a8a8a", "#0072b2", "#d55e00", "#d55e00")
DARK = Theme("#16181c", "#ececec", "#8f959e", "#56b4e9", "#e69f00", "#e69f00")


def page(width: float, height: float, theme: Theme = LIGHT) -> Figure:
    """Make an empty figure of `width` x `height` inches that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=theme.page)
    FigureCanvasAgg(figure)
    return figure


def plot_axes(axes: Axes, theme: Theme, *, title: str, x: str, y: str) -> Axes:
    """Dress axes that hold curves: title, labels with units, quiet grid, no box."""
    axes.set_facecolor(theme.page)
    _titled(axes, title, theme)
    axes.set_xlabel(x, fontsize=BODY, color=theme.ink)
    axes.set_ylabel(y, fontsize=BODY, color=theme.ink)
    axes.tick_params(colors=theme.ink, labelsize=SMALL)
    axes.grid(True, color=theme.quiet, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.quiet)
    return axes


def picture_axes(axes: Axes, theme: Theme, *, title: str) -> Axes:
    """Dress axes that hold a picture: title, thin frame, no ticks."""
    _titled(axes, title, theme)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(theme.quiet)
        spine.set_linewidth(0.6)
    return axes


def _titled(axes: Axes, title: str, theme: Theme) -> None:
    """Write a title as it is: signs that the font lacks as boxes, and no formulas between $."""
    from matplotlib import font_manager

    text = axes.set_title(
        title, loc="left", fontsize=BODY, fontweight="bold", color=theme.ink, parse_math=False
    )
    known = font_manager.get_font(font_manager.findfont(text.get_fontproperties())).get_charmap()
    text.set_text("".join(sign if ord(sign) in known else "\N{WHITE SQUARE}" for sign in title))


def legend(axes: Axes, theme: Theme, **keywords: Any) -> None:
    """Add a legend without a frame, in the theme's colours."""
    box = axes.legend(fontsize=SMALL, frameon=True, framealpha=0.85, edgecolor="none", **keywords)
    box.get_frame().set_facecolor(theme.page)
    for text in box.get_texts():
        text.set_color(theme.ink)


def check_format(path: Path) -> str:
    """Return the format that the ending of `path` names, or raise `WriteError`."""
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise WriteError(
            f"a figure's name must end in .png, .svg or .pdf, got {safe_name(path.name)}"
        )
    return kind[1:]


def save(figure: Figure, path: Path | str) -> None:
    """Write a figure as PNG, SVG or PDF by the ending of `path`, whole or not at all.

    Raises
    ------
    WriteError
        For another ending, or when the file cannot be written.
    """
    out = Path(path)
    write_file(out, rendered(figure, check_format(out)))


def rendered(figure: Figure, kind: str) -> bytes:
    """Render a figure as ``"png"``, ``"svg"`` or ``"pdf"``, without dates.

    The same figure gives the same bytes, but for the ids within an SVG.
    """
    metadata = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, facecolor=figure.get_facecolor(), metadata=metadata)
    return buffer.getvalue()
