"""The panels that pages are made of: each draws one result into the axes it is given.

Every function takes Axes and returns them; none computes a result. Lengths are px of the photo as
stored after EXIF orientation, frequencies cycles/px, quefrencies px.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cepstro.figures.style import LIGHT, SMALL, Theme, legend, picture_axes, plot_axes
from cepstro.light import split_alpha
from cepstro.psf import Gaussian, Motion

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cepstro import PSF, Analysis

_LABEL: dict[str, Any] = {  # white on black: readable on any cepstrum
    "ha": "center",
    "va": "top",
    "fontsize": SMALL,
    "color": "#ffffff",
    "fontweight": "bold",
    "bbox": {"facecolor": "#000000", "alpha": 0.65, "edgecolor": "none", "pad": 2},
}
_THUMBNAIL = 700  # px of the longer side of pictures in figures
_FAR = 100  # px; how far the cepstrum is drawn when nothing was found
_LIKELY = 0.05  # candidates with less chance than this are not marked
_SAME = 0.05  # candidates this near to the found diameter (ln) are not others


def draw_picture(
    axes: Axes,
    pixels: NDArray[Any],
    *,
    title: str,
    region: tuple[int, int, int, int] | None = None,
    theme: Theme = LIGHT,
) -> Axes:
    """Draw a picture, reduced where it is large; `region` (x, y, width, height in px) outlined."""
    height, width = pixels.shape[:2]
    axes.imshow(
        thumbnail(pixels),
        cmap="gray",
        vmin=0,
        vmax=1,
        extent=(0, width, height, 0),
        interpolation="nearest" if max(height, width) < _THUMBNAIL / 3 else "antialiased",
    )
    if region is not None:
        from matplotlib.patches import Rectangle

        x, y, w, h = region
        axes.add_patch(Rectangle((x, y), w, h, fill=False, color=theme.mark, linewidth=1.5))
    return picture_axes(axes, theme, title=title)


def draw_cepstrum(axes: Axes, analysis: Analysis, *, theme: Theme = LIGHT) -> Axes:
    """Draw the cepstrum around quefrency 0, the found ring and its diameter of 2 D."""
    cepstrum, step = analysis.cepstrum, analysis.step
    rows, columns = (n // 2 for n in cepstrum.shape)
    found = analysis.diameter
    wanted = _FAR if found is None else max(8.0, 1.8 * found)
    reach = min(rows - 1, columns - 1, round(wanted / step))
    view = cepstrum[rows - reach : rows + reach + 1, columns - reach : columns + reach + 1]
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    outside = np.hypot(y, x) > max(2.0, 0.35 * (found / step if found else reach / 4))
    limit = float(np.percentile(np.abs(view[outside]), 99.5)) or 1.0
    edge = (reach + 0.5) * step
    axes.imshow(
        view,
        cmap="gray",
        vmin=-limit,
        vmax=limit,
        extent=(-edge, edge, edge, -edge),
        interpolation="nearest",
    )
    title = "Its cepstrum"
    if found is not None and analysis.verdict == "defocus":
        _draw_ring(axes, found, theme)
        title = "Its cepstrum: a dark ring of radius D"
    elif found is not None and analysis.verdict == "motion":
        _draw_spots(axes, analysis.psf, theme)
        title = "Its cepstrum: two dark spots"
    plot_axes(axes, theme, title=title, x="quefrency, px", y="quefrency, px")
    axes.grid(False)
    axes.locator_params(integer=True, nbins=7)
    return axes


def _draw_ring(axes: Axes, diameter: float, theme: Theme) -> None:
    """Trace half of the ring, so that the other half shows what was found; write its size."""
    from matplotlib.patches import Arc
    from matplotlib.patheffects import withStroke

    size = 2 * diameter
    # A light rim keeps the line visible on the dark ring, in grey prints too.
    ring = Arc(
        (0, 0), size, size, theta1=180, theta2=360, color=theme.mark, linewidth=2, linestyle="--"
    )
    ring.set_path_effects([withStroke(linewidth=4, foreground="#ffffff")])
    axes.add_patch(ring)
    axes.annotate(
        "",
        (-diameter, 0),
        (diameter, 0),
        arrowprops={"arrowstyle": "<->", "color": theme.mark, "linewidth": 1.5},
    )
    axes.text(
        0,
        0.08 * diameter,
        f"2 D = {size:.1f} px",
        **_LABEL,
    )


def _draw_spots(axes: Axes, psf: PSF | None, theme: Theme) -> None:
    """Circle one of the two spots of a motion and leave the other bare; write the length."""
    if not isinstance(psf, Motion):
        return
    turn = np.deg2rad(psf.angle)
    x, y = psf.length * np.cos(turn), -psf.length * np.sin(turn)
    axes.plot([x], [y], "o", markersize=16, color=theme.mark, fillstyle="none", markeredgewidth=2)
    axes.annotate(
        f"L = {psf.length:.1f} px",
        (x, y),
        xytext=(0, -16),
        textcoords="offset points",
        **_LABEL,
    )


def draw_profile(axes: Axes, analysis: Analysis, *, theme: Theme = LIGHT) -> Axes:
    """Draw the cepstrum's mean around circles, its scatter, the found D and the candidates."""
    profile = analysis.profile
    found = analysis.diameter
    quefrency, mean, scatter = profile.quefrency, profile.mean, profile.scatter
    first, last = 4.0, min(float(_FAR), float(quefrency[-1]))
    if found is not None:
        first, last = max(2.0, 0.3 * found), min(float(quefrency[-1]), 2.6 * found)
    seen = (quefrency >= first) & (quefrency <= last)
    axes.fill_between(
        quefrency[seen],
        (mean - scatter)[seen],
        (mean + scatter)[seen],
        color=theme.data,
        alpha=0.18,
        linewidth=0,
        label="scatter around the circle",
    )
    axes.plot(quefrency[seen], mean[seen], color=theme.data, linewidth=1.8, label="mean")
    letter = "L" if analysis.verdict == "motion" else "D"
    if found is not None:
        axes.axvline(
            found,
            color=theme.mark,
            linewidth=1.8,
            linestyle="--",
            label=f"found: {letter} = {found:.1f} px",
        )
    label: str | None = "other candidates"
    for candidate in analysis.candidates[:3]:
        distinct = found is None or abs(np.log(candidate.diameter / found)) > _SAME
        if distinct and candidate.strength > _LIKELY and first < candidate.diameter < last:
            axes.axvline(
                candidate.diameter, color=theme.quiet, linewidth=1.2, linestyle=":", label=label
            )
            label = None
    title = "No ring stands out" if found is None else "The ring, averaged around circles"
    if analysis.verdict == "motion":
        title = "The cepstrum, averaged around circles"
    plot_axes(axes, theme, title=title, x="quefrency, px", y="cepstrum")
    axes.set_xlim(first, last)
    legend(axes, theme, loc="upper right")
    return axes


def draw_spectrum(axes: Axes, analysis: Analysis, *, theme: Theme = LIGHT) -> Axes:
    """Draw the radial power spectrum, the fitted model in its band, and the model's zeros."""
    radial = analysis.radial
    decibel = 10 / np.log(10)
    frequency = radial.frequency
    seen = frequency > 0
    level = float(np.max(radial.log_power[seen]))
    power = decibel * (radial.log_power - level)
    axes.fill_between(
        frequency[seen],
        power[seen] - decibel * radial.scatter[seen],
        power[seen] + decibel * radial.scatter[seen],
        color=theme.data,
        alpha=0.15,
        linewidth=0,
    )
    axes.plot(frequency[seen], power[seen], color=theme.data, linewidth=1.8, label="the photo")
    if radial.noise is not None:
        floor = decibel * (radial.noise - level)
        axes.axhline(floor, color=theme.quiet, linewidth=1.2, linestyle=":", label="noise floor")
    low, high = radial.band
    fitted = (frequency >= low) & (frequency <= high)
    if radial.model is not None and fitted.any():
        axes.plot(
            frequency[fitted],
            decibel * (radial.model[fitted] - level),
            color=theme.model,
            linewidth=1.8,
            linestyle="--",
            label=f"fitted {analysis.model or 'model'}",
        )
    last = min(float(frequency[-1]), 1.35 * high)
    bottom, top = float(np.min(power[seen & (frequency <= last)])) - 6, 6.0
    for number, zero in enumerate(radial.zeros):
        if zero < last:
            axes.plot(
                [zero, zero],
                [bottom, bottom + 0.07 * (top - bottom)],
                color=theme.mark,
                linewidth=2,
                label="zeros of the model" if number == 0 else None,
            )
    title = "Its spectrum"
    if radial.model is not None:
        title += f" ripples with spacing {'1/L' if analysis.verdict == 'motion' else '1/D'}"
    plot_axes(
        axes,
        theme,
        title=title,
        x="frequency, cycles/px",
        y="power, dB",
    )
    axes.set_xlim(0, last)
    axes.set_ylim(bottom, top)
    legend(axes, theme, loc="upper right")
    return axes


def draw_psf(
    axes: Axes, psf: PSF, *, title: str = "The blur of a point", theme: Theme = LIGHT
) -> Axes:
    """Draw a PSF as a picture."""
    return draw_kernel(axes, psf.kernel(), title=title, theme=theme)


def draw_kernel(
    axes: Axes, kernel: NDArray[np.floating], *, title: str, theme: Theme = LIGHT
) -> Axes:
    """Draw a kernel as a picture, black its smallest and white its largest value."""
    half = kernel.shape[0] / 2
    axes.imshow(kernel, cmap="gray", extent=(-half, half, half, -half), interpolation="nearest")
    plot_axes(axes, theme, title=title, x="px", y="px")
    axes.grid(False)
    axes.locator_params(integer=True, nbins=7)
    return axes


def draw_otf(axes: Axes, psf: PSF, *, theme: Theme = LIGHT) -> Axes:
    """Draw how much of each frequency the blur leaves, along the rows and along the columns."""
    frequency = np.linspace(0, 0.5, 600)
    zero = np.zeros_like(frequency)
    across = np.abs(psf.transfer(zero, frequency))
    down = np.abs(psf.transfer(frequency, zero))
    same = np.allclose(across, down, atol=1e-6)
    label = "in every direction" if same else "along the rows"
    axes.plot(frequency, across, color=theme.data, linewidth=1.8, label=label)
    if not same:
        axes.plot(
            frequency,
            down,
            color=theme.model,
            linewidth=1.5,
            linestyle="--",
            label="along the columns",
        )
    plot_axes(
        axes, theme, title="What the blur leaves", x="frequency, cycles/px", y="contrast left"
    )
    axes.set_yscale("log")
    axes.set_xlim(0, 0.5)
    axes.set_ylim(1e-3, 1.3)
    legend(axes, theme, loc="upper right")
    return axes


def draw_candidates(axes: Axes, analysis: Analysis, *, theme: Theme = LIGHT) -> Axes:
    """Draw how the winner and the other candidates compare: the chance that each is right."""
    psf = analysis.psf
    size = f"{analysis.diameter or 0:.1f} px"
    name = f", sigma {psf.sigma:.1f} px" if isinstance(psf, Gaussian) else f" {size}"
    bars = {f"{analysis.model}{name}": 100 * analysis.confidence}
    best = next(iter(bars))
    for other in analysis.candidates[:3]:
        kind = f"ring, hole {100 * other.hole:.0f} %," if other.hole else "disk"
        bars.setdefault(f"{kind} {other.diameter:.1f} px", 100 * min(1.0, other.strength))
    draw_bars(axes, bars, title="Who won", x="chance of being right, %", best=best, theme=theme)
    axes.set_xlim(0, 100)
    return axes


def draw_bars(
    axes: Axes,
    values: dict[str, float],
    *,
    title: str,
    x: str,
    best: str | None = None,
    theme: Theme = LIGHT,
) -> Axes:
    """Draw named values as horizontal bars in the order given, the `best` one in colour."""
    names = list(values)[::-1]
    lengths = [values[name] for name in names]
    colours = [theme.data if name == best else theme.quiet for name in names]
    axes.barh(range(len(names)), lengths, color=colours, height=0.68)
    # Names stand on long bars and beside short ones, so they need no margin.
    for row, (name, length) in enumerate(zip(names, lengths, strict=True)):
        inside = length > 0.5 * max(lengths)
        axes.annotate(
            name,
            (0 if inside else length, row),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=theme.page if inside else theme.ink,
        )
    plot_axes(axes, theme, title=title, x=x, y="")
    axes.set_yticks([])
    axes.grid(False, axis="y")
    return axes


def thumbnail(pixels: NDArray[Any], longest: int = _THUMBNAIL) -> NDArray[np.float32]:
    """Reduce a picture by block means to at most `longest` px: encoded floats 0..1, no alpha."""
    colour, _ = split_alpha(pixels)
    if colour.ndim == 3 and colour.shape[2] == 1:
        colour = colour[..., 0]
    step = -(-max(colour.shape[:2]) // longest)
    skip = max(1, step // 3)  # of large photos every few px are enough
    colour, step = colour[::skip, ::skip], -(-step // skip)
    step = min(step, *colour.shape[:2])
    rows, columns = (n // step for n in colour.shape[:2])
    cut = colour[: rows * step, : columns * step]
    blocks = cut.reshape(rows, step, columns, step, *cut.shape[2:])
    small: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    if cut.dtype.kind == "u":
        small /= np.float32(np.iinfo(cut.dtype).max)
    return np.clip(np.nan_to_num(small), 0, 1)
