"""Benchmark tables as plots, from the results that tests/benchmarks/ saved."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cepstro.figures.style import LIGHT, SMALL, legend, page, plot_axes

RESULTS = Path(__file__).parents[1] / "tests" / "benchmarks" / "results"
CONDITIONS = (
    "8 bit",
    "BSNR 40",
    "BSNR 30",
    "BSNR 20",
    "JPEG 95",
    "JPEG 85",
    "JPEG 75",
    "JPEG 50",
    "clipped, gain 1.6",
    "256 px crop",
    "128 px crop",
)


def draw_accuracy() -> Figure:
    """Error of the diameter by condition beside the bare ring's, and confidence against truth."""
    outcomes = json.loads((RESULTS / "accuracy.json").read_text("utf-8"))
    disks = [one for one in outcomes if one["table"] == "disks"]
    figure = page(13, 5.6)
    grid = figure.add_gridspec(
        1, 2, left=0.12, right=0.985, bottom=0.12, top=0.92, wspace=0.16, width_ratios=[1.9, 1]
    )
    axes = figure.add_subplot(grid[0])
    for row, condition in enumerate(CONDITIONS):
        here = [one for one in disks if one["condition"] == condition]
        ours = [abs(one["diameter"] - one["size"]) for one in here if one["verdict"] == "defocus"]
        bare = [abs(one["bare"] - one["size"]) for one in here]
        for errors, colour, marker, lift in (
            (bare, LIGHT.quiet, "|", 0.2),
            (ours, LIGHT.data, "o", -0.1),
        ):
            shown = np.maximum(errors, 1e-3)
            height = np.full(len(shown), row + lift)
            axes.plot(shown, height, marker, color=colour, markersize=4.5, alpha=0.45)
            if errors:
                middle = max(float(np.median(errors)), 1e-3)
                axes.plot([middle], [row + lift], "D", color=colour, markersize=8)
    axes.plot([], [], "D", color=LIGHT.data, label="cepstro, when it says defocus")
    axes.plot([], [], "D", color=LIGHT.quiet, label="the bare cepstral ring")
    axes.plot([], [], "D", color="none", label="diamonds: medians")
    plot_axes(axes, LIGHT, title="Error of the diameter", x="px", y="")
    axes.set_xscale("log")
    axes.set_yticks(range(len(CONDITIONS)), CONDITIONS)
    axes.invert_yaxis()
    legend(axes, LIGHT, loc="lower right")
    _draw_reliability(figure.add_subplot(grid[1]), outcomes)
    return figure


def _right(one: dict) -> bool:
    """As tests/benchmarks/accuracy.py counts: verdict and size, within 5 % or 0.5 px."""
    defocus = one["kind"] in ("disk", "soft", "ring", "polygon")
    truth = "defocus" if defocus else "none" if one["kind"] == "sharp" else one["kind"]
    if truth not in ("defocus", "motion"):
        return one["verdict"] not in ("defocus", "motion")
    near = abs(one["diameter"] - one["size"]) <= max(0.5, 0.05 * one["size"])
    return one["verdict"] == truth and near


def _draw_reliability(axes, outcomes: list[dict]) -> None:
    """How often findings of about one confidence were right, with the number of them."""
    found = [one for one in outcomes if one["verdict"] in ("defocus", "motion")]
    sure = np.array([one["confidence"] for one in found])
    right = np.array([_right(one) for one in found])
    axes.plot([0.4, 1], [0.4, 1], color=LIGHT.quiet, linestyle="--", linewidth=1.2)
    for low, high in pairwise((0.4, 0.7, 0.85, 0.95, 0.99, 1.0 + 1e-9)):
        inside = (sure >= low) & (sure < high)
        if inside.any():
            x, y = float(sure[inside].mean()), float(right[inside].mean())
            axes.plot([x], [y], "o", color=LIGHT.data, markersize=9)
            axes.annotate(
                str(int(inside.sum())),
                (x, y),
                xytext=(-6, -16),
                textcoords="offset points",
                ha="center",
                fontsize=SMALL,
                color=LIGHT.ink,
            )
    plot_axes(
        axes, LIGHT, title="Findings: confidence told and kept", x="confidence", y="part right"
    )
    axes.set_xlim(0.45, 1.03)
    axes.set_ylim(0.3, 1.05)
