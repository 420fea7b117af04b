"""Fit what turns the race's numbers into a chance, and the curvature into an error bar.

    python tests/benchmarks/calibrate.py

Uses the even photos of shared/data/sharp and half of the drawn scenes (the odd ones report, see
accuracy.py), and prints WEIGHTS for cepstro/gaussian.py and for cepstro/race.py, the calibration of
the chances, and the share of errors within one and two error bars for cepstro/refine.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

sys.path.insert(0, str(Path(__file__).parent))

import cases

import cepstro
from cepstro import gaussian, race
from cepstro.analysis import Look, look_at
from cepstro.errors import UnsuitableImageError
from cepstro.refine import refine
from cepstro.view import view_of

DEFOCUS = ("disk", "soft", "ring", "polygon")
_WITHIN = 0.68  # share of the errors within one error bar
_RIDGE = 1e-3  # a little pull to zero for each standardised weight


race._SURE = 1.0  # every candidate runs


def made() -> Iterator[cases.Case]:
    """Every photo of the calibration."""
    half = "even"
    return chain(
        cases.disks(half),
        cases.families(half),
        cases.negatives(half),
        cases.drawings(half),
        cases.varied(half),
    )


def first_look(pixels: np.ndarray) -> Look:
    """Spectrum, cepstrum and trials of a picture, before anything is decided."""
    return look_at(view_of(pixels, "srgb"))


def without_rings(case: cases.Case) -> tuple[bool, np.ndarray, bool] | None:
    """Of a photo in which no blur was found: is it soft, the features, and is that right."""
    try:
        found = cepstro.analyze(case.pixels)
    except UnsuitableImageError:
        return None
    if found.verdict not in ("gaussian", "none"):
        return None
    look = first_look(case.pixels)
    softness = gaussian.softness_of(look.data)
    side = float(np.sqrt(look.view.shape[0] * look.view.shape[1]))
    soft = found.verdict == "gaussian"
    return soft, gaussian.features(softness, look.best, side), cases.is_so(case, soft=soft)


def is_right(case: cases.Case, diameter: float) -> bool:
    """A diameter within 5 % or 0.5 px of a photo that is out of focus."""
    if case.kind not in DEFOCUS:
        return False
    truth = case.psf.diameter
    return abs(diameter - truth) <= max(0.05 * truth, 0.5)


def measure(case: cases.Case) -> tuple[list[tuple[np.ndarray, bool]], tuple | None]:
    """Features of every trial and whether it is right; the refined winner's error, if right."""
    look = first_look(case.pixels)
    rows = [(trial.features(), is_right(case, trial.diameter)) for trial in look.trials]
    error = None
    if look.trials and is_right(case, look.trials[0].diameter) and look.best > 0.5:
        fit = refine(look.view.spectrum, look.trials[0].fit, longest=min(look.view.shape)).fit
        error = (
            fit.family,
            abs(fit.psf.diameter - case.psf.diameter),
            (fit.errors[0], fit.parameters[0], fit.floor + 1e-4, fit.misfit),
        )
    return rows, error


def logistic(features: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Weights of a logistic regression; the first feature is the constant."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-9
    mean[0], scale[0] = 0, 1
    standard = (features - mean) / scale

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        chance = 1 / (1 + np.exp(-(standard @ weights)))
        value = -np.sum(np.log(np.where(truth, chance, 1 - chance) + 1e-12))
        pull = _RIDGE * len(truth) * np.append(0, weights[1:])
        return value + pull @ weights, standard.T @ (chance - truth) + 2 * pull

    weights = minimize(loss, np.zeros(features.shape[1]), jac=True).x / scale
    weights[0] -= np.sum(weights[1:] * mean[1:])
    return weights


def calibration(chance: np.ndarray, truth: np.ndarray) -> None:
    """Print how often what had some chance was right."""
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        inside = (chance >= low) & (chance < high)
        if inside.any():
            print(
                f"chance {low:.1f} to {min(high, 1):.1f}: {inside.sum()} photos, "
                f"{100 * truth[inside].mean():.0f} % right"
            )


def softness() -> None:
    """Print WEIGHTS for cepstro/gaussian.py."""
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(without_rings, cases.crops("even", seeds=4), chunksize=8))
    for soft in (True, False):
        rows = [row[1:] for row in found if row is not None and row[0] == soft]
        seen, truth = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
        weights = logistic(seen, truth)
        print(f"{'gaussian' if soft else 'none'}, {len(rows)} crops: {np.round(weights, 2)}")
        calibration(1 / (1 + np.exp(-(seen @ weights))), truth)


def main() -> None:
    """Measure, fit and print."""
    softness()
    with ProcessPoolExecutor() as pool:
        measured = list(pool.map(measure, made(), chunksize=4))
    rows = [row for trials, _ in measured for row in trials]
    weights = logistic(np.array([r[0] for r in rows]), np.array([r[1] for r in rows]))
    print(f"WEIGHTS, from {len(measured)} photos, {len(rows)} trials:")
    print("[" + ", ".join(f"{weight:.3f}" for weight in weights) + "]")
    best = []
    for trials, _ in measured:
        if trials:
            chances = [1 / (1 + np.exp(-(features @ weights))) for features, _ in trials]
            top = int(np.argmax(chances))
            best.append((chances[top], trials[top][1]))
    chance, truth = np.array(best).T
    calibration(chance, truth)
    errors = [error for _, error in measured if error is not None]
    off = np.array([max(error[1], 1e-4 * error[2][1]) for error in errors])
    measures = np.log(np.array([error[2] for error in errors], float))
    family = np.array([error[0] for error in errors])
    disk = family == "disk"
    known = np.column_stack([np.ones(disk.sum()), measures[disk]])
    powers = np.round(np.linalg.lstsq(known, np.log(off[disk]), rcond=None)[0][1:], 2)
    print(f"powers of error, diameter, floor, misfit: {powers}")
    for name in ("disk", "ring", "polygon"):
        z = (off / np.exp(measures @ powers))[family == name]
        if len(z):
            factor = np.quantile(z, _WITHIN)
            print(
                f"{name}, {len(z)} photos: factor {factor:.2f}; within two "
                f"{100 * np.mean(z < 2 * factor):.0f} %"
            )


if __name__ == "__main__":
    main()
