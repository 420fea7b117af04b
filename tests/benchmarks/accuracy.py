"""How accurate, how honest: the analysis against the truth, on photos it was not calibrated on.

    python tests/benchmarks/accuracy.py [--quick]

Prints the tables and saves them as results/accuracy.md and results/accuracy.json. The photos are
every other one of shared/data/sharp (the odd ones; the even ones calibrated the confidence), in
crops of 512 x 768 px (and smaller ones anywhere), and drawn scenes. "Gross" are errors over 5 % and
0.5 px, a refusal included; "bare ring" is the darkest ring of the cepstral profile alone.
``--quick`` takes one seed each.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import cases

import cepstro
from cepstro.cepstrum import power_cepstrum
from cepstro.light import luminance, to_linear
from cepstro.radial import radial_profile
from cepstro.ring import ring_candidates
from cepstro.spectrum import cut, power_spectrum

HERE = Path(__file__).parent
DEFOCUSED = cases.degrade.DATA / "defocused"
DEFOCUS = ("disk", "soft", "ring", "polygon")
# What data/README.md of shared/ says of the real photos: px.
REAL = {
    "opencv/text_defocus.jpg": (18, 20),
    "opencv/original.jpg": (11, 11.5),
    "czla/Blurred_image1.jpg": (51, 55),
    "czla/Blurred_image2.jpg": (25, 31),
    "pcb_focus_stack/depthmap_pcb_000.JPG": None,
    "pcb_focus_stack/depthmap_pcb_004.JPG": None,
    "pcb_focus_stack/depthmap_pcb_009.JPG": None,
}
LENS = {1: 10.5, 2: 24, 3: 39, 4: 55, 5: 70, 6: 87, 7: 104, 8: 128}  # steps: diameter, px


@dataclass(frozen=True)
class Outcome:
    """One photo analysed."""

    table: str
    scene: str
    condition: str
    kind: str
    size: float  # diameter or length, px; sigma of a Gaussian; 0 for sharp
    hole: float
    angle: float
    verdict: str
    model: str
    diameter: float
    error: float
    confidence: float
    found_hole: float
    found_angle: float
    best: float  # best candidate, also of a refusal
    bare: float


def measure(job: tuple[str, cases.Case]) -> Outcome:
    """Analyse one photo, and read its bare ring beside."""
    table, case = job
    found = cepstro.analyze(case.pixels)
    light = luminance(to_linear(case.pixels))
    spectrum = power_spectrum(cut(light, min(1024, *light.shape)))
    rings = ring_candidates(radial_profile(power_cepstrum(spectrum)), count=1)
    sizes = [getattr(case.psf, name, 0.0) for name in ("diameter", "length", "sigma")]
    others = [other.diameter for other in found.candidates]
    return Outcome(
        table,
        case.scene,
        case.condition,
        case.kind,
        max(sizes),
        getattr(case.psf, "hole", 0.0),
        getattr(case.psf, "angle", 0.0),
        found.verdict,
        found.model or "",
        found.diameter or 0.0,
        found.diameter_error or 0.0,
        found.confidence,
        getattr(found.psf, "hole", 0.0),
        getattr(found.psf, "angle", 0.0),
        found.diameter or (others[0] if others else 0.0),
        rings[0].diameter if rings else 0.0,
    )


def right(outcome: Outcome) -> bool:
    """Verdict and size are right (size within 5 % or 0.5 px)."""
    if outcome.kind in DEFOCUS:
        off = abs(outcome.diameter - outcome.size)
        return outcome.verdict == "defocus" and off <= max(0.05 * outcome.size, 0.5)
    if outcome.kind == "motion":
        return outcome.verdict == "motion" and abs(outcome.diameter / outcome.size - 1) < 0.05
    return outcome.verdict != "defocus"


def disk_table(outcomes: list[Outcome]) -> list[str]:
    """Rows of the errors of the diameter by condition."""
    lines = [
        "| condition | n | median error, px (above 20 px: %) | mean | 95th percentile | bias | "
        "gross failures | refused | within 1 / 2 errors | bare ring: median, gross |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    groups = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.condition].append(outcome)
    for condition, group in groups.items():
        size = np.array([o.size for o in group])
        said = np.array([o.verdict == "defocus" for o in group])
        off = np.array([o.diameter for o in group]) - size
        error = np.array([o.error for o in group])
        limit = np.maximum(0.05 * size, 0.5)
        good = said & (np.abs(off) <= limit)
        large = good & (size > 20)
        bare = np.abs(np.array([o.bare for o in group]) - size)
        relative = 100 * np.median(np.abs(off[large]) / size[large]) if large.any() else np.nan
        absolute = np.abs(off[good])
        lines.append(
            f"| {condition} | {len(group)} | {np.median(absolute):.3f} ({relative:.2f} %) | "
            f"{absolute.mean():.3f} | {np.percentile(absolute, 95):.3f} | "
            f"{np.median(off[good]):+.3f} | {100 * np.mean(~good & said):.0f} % | "
            f"{100 * np.mean(~said):.0f} % | "
            f"{100 * np.mean(absolute < error[good]):.0f} / "
            f"{100 * np.mean(absolute < 2 * error[good]):.0f} % | "
            f"{np.median(bare):.2f} px, {100 * np.mean(bare > limit):.0f} % |"
        )
    return lines


def size_table(outcomes: list[Outcome]) -> list[str]:
    """Rows of the errors of the diameter by diameter, all conditions together."""
    edges = (3, 4, 5, 7, 10, 15, 20, 30, 45, 61)
    lines = ["| diameter, px | n | right | refused | median error, px |", "|---|---|---|---|---|"]
    for low, high in pairwise(edges):
        group = [o for o in outcomes if low <= o.size < high]
        if group:
            off = [abs(o.diameter - o.size) for o in group if right(o)]
            lines.append(
                f"| {low} to {high} | {len(group)} | "
                f"{100 * np.mean([right(o) for o in group]):.0f} % | "
                f"{100 * np.mean([o.verdict != 'defocus' for o in group]):.0f} % | "
                f"{np.median(off) if off else np.nan:.3f} |"
            )
    return lines


def family_table(outcomes: list[Outcome]) -> list[str]:
    """Rows of the models named and of their parameters."""
    lines = [
        "| blur | n | named | model | size, median error | hole, median error | "
        "angle, median error |",
        "|---|---|---|---|---|---|---|",
    ]
    named = {
        "disk": ("disk",),
        "soft": ("disk",),
        "ring": ("ring",),
        "polygon": ("polygon",),
        "gaussian": ("gaussian",),
        "motion": ("motion",),
        "sharp": ("",),
    }
    for kind, models in named.items():
        group = [o for o in outcomes if o.kind == kind]
        if not group:
            continue
        ok = [o for o in group if o.model in models]
        models_said = defaultdict(int)
        for o in group:
            models_said[o.model or "none"] += 1
        sized = [o for o in ok if o.diameter and o.size]
        relative = [100 * abs(o.diameter / o.size - 1) for o in sized]
        hole = [abs(o.found_hole - o.hole) for o in ok] if kind == "ring" else []
        turn = [abs((o.found_angle - o.angle + 90) % 180 - 90) for o in ok]
        lines.append(
            f"| {kind} | {len(group)} | {100 * len(ok) / len(group):.0f} % | "
            + ", ".join(f"{m} {n}" for m, n in sorted(models_said.items(), key=lambda x: -x[1]))
            + f" | {f'{np.median(relative):.2f} %' if relative else '-'} | "
            f"{f'{np.median(hole):.3f}' if hole else '-'} | "
            f"{f'{np.median(turn):.2f} degrees' if kind == 'motion' and turn else '-'} |"
        )
    return lines


def negative_table(outcomes: list[Outcome]) -> list[str]:
    """Rows of what was called defocus and is not."""
    lines = ["| photo | n | called defocus | called motion |", "|---|---|---|---|"]
    groups = defaultdict(list)
    for o in outcomes:
        if o.kind in ("sharp", "gaussian", "motion"):
            groups[("drawn, " if o.table == "drawings" else "") + o.kind, o.condition].append(o)
    for (kind, condition), group in groups.items():
        lines.append(
            f"| {kind}, {condition} | {len(group)} | "
            f"{100 * np.mean([o.verdict == 'defocus' for o in group]):.1f} % | "
            f"{100 * np.mean([o.verdict == 'motion' for o in group]):.1f} % |"
        )
    return lines


def calibration_table(outcomes: list[Outcome]) -> list[str]:
    """Rows of how often analyses of a confidence are right."""
    lines = ["| confidence | n | right |", "|---|---|---|"]
    for low, high in ((0.5, 0.7), (0.7, 0.85), (0.85, 0.95), (0.95, 0.99), (0.99, 1.01)):
        group = [o for o in outcomes if low <= o.confidence < high and o.verdict == "defocus"]
        if group:
            lines.append(
                f"| {low:.2f} to {min(high, 1):.2f} | {len(group)} | "
                f"{100 * np.mean([right(o) for o in group]):.0f} % |"
            )
    said = [o for o in outcomes if o.verdict == "defocus" and right(o) and o.table == "disks"]
    z = np.array([abs(o.diameter - o.size) / max(o.error, 1e-9) for o in said])
    lines += [
        "",
        f"Of {len(z)} disks found, the truth lies within one error in {100 * np.mean(z < 1):.0f} % "
        f"and within two in {100 * np.mean(z < 2):.0f} %.",
    ]
    return lines


def crop_table(outcomes: list[Outcome]) -> list[str]:
    """Rows of how often crops without a found blur are as soft, or as sharp, as was said."""
    lines = ["| verdict | confidence | n | right | were out of focus |", "|---|---|---|---|---|"]
    for verdict in ("gaussian", "none"):
        for low, high in pairwise((0, 0.1, 0.3, 0.5, 0.7, 0.85, 0.95, 1.01)):
            group = [o for o in outcomes if o.verdict == verdict and low <= o.confidence < high]
            if not group:
                continue
            so = [
                o.kind == "gaussian"
                if verdict == "gaussian"
                else o.kind == "sharp" or (o.kind == "gaussian" and o.size < 1)
                for o in group
            ]
            lines.append(
                f"| {verdict} | {low:.2f} to {min(high, 1):.2f} | {len(group)} | "
                f"{100 * np.mean(so):.0f} % | "
                f"{100 * np.mean([o.kind in DEFOCUS for o in group]):.0f} % |"
            )
    return lines


def real_table() -> list[str]:
    """Rows of the photos that are really out of focus, and of measured lens kernels."""
    lines = ["| photo | expected, px | verdict | found, px | confidence |", "|---|---|---|---|---|"]
    for name, expected in REAL.items():
        found = cepstro.analyze(cepstro.read(DEFOCUSED / name))
        size = "-"
        if found.diameter is not None:
            size = f"{found.diameter:.1f} +- {found.diameter_error:.1f} ({found.model})"
        span = "-" if expected is None else f"{expected[0]} to {expected[1]}"
        lines.append(f"| {name} | {span} | {found.verdict} | {size} | {found.confidence:.2f} |")
    lines += ["", "| lens kernel, step | diameter, px | n | right within 5 % | found, median |"]
    lines += ["|---|---|---|---|---|"]
    big = [name for name in cases.names("odd") if min(cases.degrade.sharp(name).shape[:2]) > 1500]
    for step, diameter in LENS.items():
        measured = np.load(DEFOCUSED / "hdc2021_psfs" / f"psf_step_{step:02d}.npy")
        psf = cepstro.Kernel(_odd(np.clip(measured.astype(np.float64), 0, None)))
        found_sizes = []
        for name in big[:4]:
            scene = cases.degrade.scene(name, 1300, 1500)
            light = cases.degrade.blur_valid(scene, psf)
            found = cepstro.analyze(cases.degrade.record(light, noise=0.5, quality=95))
            found_sizes.append(found.diameter if found.verdict == "defocus" else 0.0)
        ok = [abs(size / diameter - 1) < 0.05 for size in found_sizes]
        lines.append(
            f"| {step} | {diameter} | {len(ok)} | {100 * np.mean(ok):.0f} % | "
            f"{np.median(found_sizes):.1f} |"
        )
    return lines


def _odd(kernel: np.ndarray) -> np.ndarray:
    """A square kernel of odd side."""
    side = max(kernel.shape) | 1
    out = np.zeros((side, side))
    out[: kernel.shape[0], : kernel.shape[1]] = kernel
    return out / out.sum()


def main() -> None:
    """Run everything, print and save."""
    seeds = 1 if "--quick" in sys.argv else 2
    start = time.time()
    jobs = {
        "disks": cases.disks("odd", seeds=seeds),
        "families": cases.families("odd", seeds=seeds),
        "negatives": cases.negatives("odd", seeds=seeds),
        "drawings": cases.drawings("odd", seeds=3 * seeds),
        "varied": cases.varied("odd", seeds=seeds),
        "crops": cases.crops("odd", seeds=seeds),
    }
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor() as pool:
        for table, made in jobs.items():
            outcomes += pool.map(measure, ((table, case) for case in made), chunksize=4)
            print(f"{table}: {len(outcomes)} photos, {time.time() - start:.0f} s", file=sys.stderr)
    of = defaultdict(list)
    for outcome in outcomes:
        of[outcome.table].append(outcome)
    parts = {
        "Diameter of disks of 3 to 60 px, by condition": disk_table(of["disks"]),
        "The same by diameter, all conditions together": size_table(of["disks"]),
        f"Kinds of blur, sizes 10 to 40 px, {cases.USUAL}": family_table(of["families"]),
        "False defocus": negative_table(of["negatives"] + of["drawings"]),
        "Two depths, soft edges, rims, sharpened by the camera": disk_table(of["varied"]),
        "Confidence and error bars": calibration_table(
            [outcome for outcome in outcomes if outcome.table != "crops"]
        ),
        "Confidence where no blur was found, on crops": crop_table(of["crops"]),
        "Real photos and lenses": real_table(),
    }
    lines = ["# Accuracy of the blind analysis", "", "Made by tests/benchmarks/accuracy.py.", ""]
    for title, rows in parts.items():
        lines += [f"## {title}", "", *rows, ""]
    text = "\n".join(lines)
    print(text)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "accuracy.md").write_text(text)
    (results / "accuracy.json").write_text(
        json.dumps([asdict(outcome) for outcome in outcomes], indent=0)
    )


if __name__ == "__main__":
    main()
