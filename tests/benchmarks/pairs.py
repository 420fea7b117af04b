"""Kernels from pairs: how near to the truth, and whether they do the same to other photos.

    python tests/benchmarks/pairs.py [--photos N]

Prints the tables and saves them as results/pairs.md and results/pairs.json. Every second sharp
photo of shared/data (the half that nothing here was tuned on) in crops of 512 x 768 px, blurred
without wrapping round. The naive method is the ratio of the two spectra with a constant (1e-3), on
Hann-windowed photos laid on each other to the pixel. "Transfer" is the PSNR, on encoded values, of
a second photo blurred by the kernel found against the same photo blurred by the truth. Refusals
are counted, those of photos that show different scenes too. Then a kernel of 49 x 49 from 2 MP by
the clock, the real focus stack, and `match` analysed again. Takes some six minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import degrade

import cepstro
from cepstro.light import from_linear, luminance, to_linear
from cepstro.pair import estimate_kernel

RESULTS = Path(__file__).parent / "results"
STACK = degrade.DATA / "defocused" / "pcb_focus_stack"
SECOND = "skimage_astronaut.png"
LARGE = "lomiri_aitzgorri_by_Aitzol_Berasategi.jpg"
PSFS = {
    "disk 8.6": cepstro.Disk(8.6, softness=0.5),
    "hexagon 12": cepstro.Polygon(12, blades=6, rotation=10, softness=0.5),
    "ring 27": cepstro.Ring(27, hole=1, softness=2),
}
CONDITIONS = {
    "8 bit": {},
    "noise 2.55": {"noise": 2.55},
    "JPEG 90": {"quality": 90},
    "shifted": {},
}
METHODS = ("naive", "wiener", "lsqr")
SHIFT, GAIN, OFFSET = (3.4, -2.7), 0.9, 0.02


def pair(name: str, psf: cepstro.PSF, condition: str) -> tuple[np.ndarray, np.ndarray]:
    """Sharp and blurred, as stored."""
    light = degrade.scene(name)
    part = degrade.valid_slices(light.shape, psf)
    how = CONDITIONS[condition]
    if condition != "shifted":
        blurred = degrade.blur_valid(light, psf)
        return degrade.record(light, seed=1, **how)[part], degrade.record(blurred, seed=2, **how)
    cut = tuple(slice(p.start + 8, p.stop - 8) for p in part)
    fy, fx = np.fft.fftfreq(light.shape[0])[:, None], np.fft.rfftfreq(light.shape[1])[None]
    turn = np.exp(-2j * np.pi * (fy * SHIFT[0] + fx * SHIFT[1]))
    planes = np.moveaxis(np.atleast_3d(light), 2, 0)
    moved = [np.fft.irfft2(np.fft.rfft2(plane) * turn, s=plane.shape) for plane in planes]
    light2 = np.stack(moved, axis=-1).astype(np.float32).reshape(light.shape)
    blurred = degrade.blur_valid(light2, psf)[8:-8, 8:-8]
    return degrade.record(light)[cut], degrade.record(GAIN * blurred + OFFSET)


def naive(sharp: np.ndarray, blurred: np.ndarray, size: int, shift: tuple[int, int]) -> np.ndarray:
    """Kernel by the ratio of spectra: swap the roles of image and kernel in a Wiener filter."""
    window = np.hanning(sharp.shape[0])[:, None] * np.hanning(sharp.shape[1])
    planes = [luminance(to_linear(np.atleast_3d(p))) for p in (sharp, blurred)]
    s, b = (np.fft.rfft2((p - p.mean()) * window) for p in planes)
    power = np.abs(s) ** 2
    ratio = np.fft.irfft2(np.conj(s) * b / (power + 1e-3 * power.mean()), s=sharp.shape[:2])
    half = size // 2
    reach = np.arange(-half, half + 1)
    kernel = np.roll(ratio, (-shift[0], -shift[1]), (0, 1))[np.ix_(reach, reach)]
    return kernel / kernel.sum()


def distance(kernel: np.ndarray, psf: cepstro.PSF) -> float:
    """Relative L2 distance from the truth, on the larger support, in per cent."""
    truth = psf.kernel()
    side = max(kernel.shape[0], truth.shape[0])
    a, b = (np.pad(k, (side - k.shape[0]) // 2) for k in (kernel, truth))
    return 100 * float(np.linalg.norm(a - b) / np.linalg.norm(b))


def transfer(kernel: np.ndarray, psf: cepstro.PSF) -> float:
    """PSNR of the second photo blurred by the kernel, dB."""
    light = degrade.scene(SECOND)
    encoded = [
        from_linear(cepstro.blur(light, p, light="linear"), np.dtype(np.float32))
        for p in (cepstro.Kernel(kernel), psf)
    ]
    return float(-10 * np.log10(np.mean((encoded[0] - encoded[1]) ** 2)))


def measure(name: str, kind: str, condition: str, method: str) -> dict[str, object]:
    """One pair, one method."""
    psf = PSFS[kind]
    sharp, blurred = pair(name, psf, condition)
    row: dict[str, object] = {"photo": name, "psf": kind, "condition": condition, "method": method}
    true = SHIFT if condition == "shifted" else (0.0, 0.0)
    start = time.process_time()
    if method == "naive":
        whole = (round(true[0]), round(true[1]))  # told, in its favour
        kernel = naive(sharp, blurred, psf.kernel().shape[0], whole)
    else:
        try:
            found = estimate_kernel(sharp, blurred, method=method)
        except cepstro.CepstroError as refusal:
            return row | {"refused": str(refusal)}
        kernel = found.kernel
        row["shift error"] = float(max(np.abs(np.subtract(found.shift, true))))
        model = found.fit.psf
        row["model"] = str(model)
        row["diameter error"] = abs(getattr(model, "diameter", 0.0) - psf.diameter)
        row["lowest"] = float(kernel.min() / kernel.max())
        row["gain"], row["offset"] = found.gain, found.offset
    row["seconds"] = time.process_time() - start
    row["error"] = distance(kernel, psf)
    row["transfer"] = transfer(kernel, psf)
    return row


def strangers(first: str, second: str, kind: str, condition: str) -> dict[str, object]:
    """The sharp photo of one scene, the blurred one of another: to be refused."""
    sharp, blurred = pair(first, PSFS[kind], condition)[0], pair(second, PSFS[kind], condition)[1]
    try:
        found = estimate_kernel(sharp, blurred, method="wiener")
    except cepstro.CepstroError as refusal:
        return {"strangers": [first, second], "refused": str(refusal)}
    return {"strangers": [first, second], "explained": found.explained}


def stacked(frame: str, method: str) -> dict[str, object]:
    """Two frames of the focus stack: 004 is the sharpest."""
    names = ("depthmap_pcb_004.JPG", f"depthmap_pcb_{frame}.JPG")
    start = time.process_time()
    try:
        found = estimate_kernel(*(cepstro.read(STACK / name) for name in names), method=method)
    except cepstro.CepstroError as refusal:
        return {"frame": frame, "method": method, "refused": str(refusal)}
    return {
        "frame": frame,
        "method": method,
        "text": str(found.fit),
        "explained": found.explained,
        "scale": found.scale,
        "rotation": found.rotation,
        "shift": found.shift,
        "lowest": float(found.kernel.min() / found.kernel.max()),
        "warnings": found.warnings,
        "seconds": time.process_time() - start,
    }


def matched(name: str, clean: str, diameter: float, noise: float) -> dict[str, object]:
    """`match`, its result analysed again."""
    psf = cepstro.Disk(diameter, softness=0.5)
    blurred = degrade.record(degrade.blur_valid(degrade.scene(name), psf), noise=noise)
    row: dict[str, object] = {"photo": name, "clean": clean, "diameter": diameter, "noise": noise}
    try:
        twin = cepstro.match(blurred, degrade.record(degrade.scene(clean)))
    except cepstro.CepstroError as refusal:
        return row | {"refused": str(refusal)}
    there, here = cepstro.analyze(blurred), cepstro.analyze(twin)
    if not there.diameter or not here.diameter:
        return row | {"unread": here.verdict}
    row["diameter error"] = abs(here.diameter / there.diameter - 1)
    row["noise error"] = abs(here.noise / there.noise - 1)
    return row


def clocked(method: str) -> None:
    """A 49 x 49 kernel from a 2 MP pair, in a process of its own: prints seconds and MB."""
    psf = cepstro.Polygon(30, blades=7, rotation=5, softness=1)
    light = degrade.scene(LARGE, 1220, 1740)
    sharp = degrade.record(light)[degrade.valid_slices(light.shape, psf)]
    blurred = degrade.record(degrade.blur_valid(light, psf))
    del light
    degrade.sharp.cache_clear()
    estimate_kernel(sharp[:200, :200], blurred[:200, :200], size=49, method=method)
    walls, works = [], []
    for _ in range(3):
        wall, work = time.perf_counter(), time.process_time()
        found = estimate_kernel(sharp, blurred, size=49, method=method)
        walls.append(time.perf_counter() - wall)
        works.append(time.process_time() - work)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    row = {
        "method": method,
        "megapixels": sharp.shape[0] * sharp.shape[1] / 1e6,
        "seconds": min(walls),
        "processor": min(works),
        "megabytes": megabytes,
        "error": distance(found.kernel, psf),
    }
    print(json.dumps(row))


def table(
    rows: list[dict], key: str, digits: int, pick: Callable[[list[float]], float] = np.median
) -> list[str]:
    """One line a condition and PSF, one column a method."""
    methods = [m for m in METHODS if any(r["method"] == m and key in r for r in rows)]
    lines = [f"| pair | {' | '.join(methods)} |", f"|---|{'---|' * len(methods)}"]
    for condition in CONDITIONS:
        for kind in PSFS:
            cells = []
            for method in methods:
                values = [
                    r[key]
                    for r in rows
                    if (r["condition"], r["psf"], r["method"]) == (condition, kind, method)
                    and key in r
                ]
                if not values:
                    cells.append("all refused")
                    continue
                worst = min(values) if key == "transfer" else max(values)
                cells.append(f"{pick(values):.{digits}f} ({worst:.{digits}f}; {len(values)})")
            lines.append(f"| {condition}, {kind} | {' | '.join(cells)} |")
    return lines


def report(
    rows: list[dict], others: list[dict], large: list[dict], stack: list[dict], twins: list[dict]
) -> list[str]:
    """All tables."""
    refused = [r for r in rows if "refused" in r]
    lines = [
        f"Median over {len({r['photo'] for r in rows})} photos (the worst; kernels given).",
        "",
        f"Shifted: by {SHIFT} px, gain {GAIN}, offset {OFFSET}, 8 bit.",
    ]
    for title, key, digits in (
        ("Kernel error, relative L2, %", "error", 2),
        ("Transfer to another photo, PSNR, dB", "transfer", 1),
        ("Shift error, px", "shift error", 3),
        ("Diameter of the fitted model, error in px", "diameter error", 3),
        ("Processor time, s", "seconds", 1),
    ):
        lines += ["", f"## {title}", "", *table(rows, key, digits)]
    lowest = min(r["lowest"] for r in rows if "lowest" in r)
    through = [r for r in others if "refused" not in r]
    lines += [
        "",
        "## Refusals",
        "",
        f"{len(refused)} of {len([r for r in rows if r['method'] != 'naive'])} true pairs refused;",
        f"{len(through)} of {len(others)} pairs of different scenes let through.",
        f"Lowest value of any kernel: {100 * lowest:.2f} % of its top.",
    ]
    lines += [f"- {r['photo']}, {r['psf']}, {r['condition']}: {r['refused']}" for r in refused]
    lines += [f"- let through: {r['strangers']}, explained {r['explained']:.2f}" for r in through]
    lines += [
        "",
        "## A kernel of 49 x 49 from a large pair (heptagon of 30 px, 8 bit)",
        "",
        "| method | MP | s | processor s | peak memory, MB | error, % |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['method']} | {r['megapixels']:.2f} | {r['seconds']:.2f} | {r['processor']:.2f} | "
        f"{r['megabytes']:.0f} | {r['error']:.2f} |"
        for r in large
    ]
    lines += [
        "",
        "## Real pairs: the focus stack, frame 004 the sharp one",
        "",
        "| frame, method | kernel | explained, % | scale | rotation | lowest, % | processor s |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in stack:
        what = f"| {r['frame']}, {r['method']} | "
        if "refused" in r:
            lines.append(f"{what}refused: {r['refused']} | | | | | |")
            continue
        lines.append(
            f"{what}{r['text']} | {100 * r['explained']:.1f} | {r['scale']:.4f} | "
            f"{r['rotation']:.3f} | {100 * r['lowest']:.2f} | {r['seconds']:.1f} |"
        )
    read = [r for r in twins if "diameter error" in r]
    lines += [
        "",
        "## match: the result analysed again, against the analysis of the photo matched",
        "",
        "| disk, px | noise, of 255 | photos | diameter off, % | noise off, % |",
        "|---|---|---|---|---|",
    ]
    for diameter, noise in sorted({(r["diameter"], r["noise"]) for r in twins}):
        these = [r for r in twins if (r["diameter"], r["noise"]) == (diameter, noise)]
        some = [r for r in these if r in read]
        cells = []
        for key in ("diameter error", "noise error"):
            values = [100 * r[key] for r in some]
            cells.append(f"{np.median(values):.2f} ({max(values):.2f})" if values else "")
        lines.append(
            f"| {diameter:g} | {noise:g} | {len(some)} of {len(these)} | {cells[0]} | {cells[1]} |"
        )
    silent = [r for r in twins if r not in read]
    lines += [
        f"- {r['photo']} on {r['clean']}, {r['diameter']:g} px, noise {r['noise']:g}: "
        + (r.get("refused") or f"the result was read as {r['unread']}")
        for r in silent
    ]
    return lines


def commit() -> str:
    """Name of the commit measured, with a star if the package has changed since."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], capture_output=True, text=True, cwd=RESULTS, check=False
        )
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", str(RESULTS.parents[2] / "cepstro"))
    return git("rev-parse", "--short", "HEAD") + ("*" if changed else "")


def main() -> None:
    """Measure everything, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=99, help="at most so many photos")
    parser.add_argument("--clock", choices=METHODS[1:], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.clock:
        clocked(options.clock)
        return
    began, name = time.perf_counter(), commit()
    large = []
    for method in METHODS[1:]:  # alone on the machine
        words = [sys.executable, __file__, "--clock", method]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        large.append(json.loads(done.stdout))
    photos = degrade.sharp_names()[1::2][: options.photos]
    jobs = list(product(photos, PSFS, CONDITIONS, METHODS))
    couples = [
        (a, b, list(PSFS)[(i + j) % 3], list(CONDITIONS)[(i + 2 * j) % 3])
        for i, a in enumerate(photos)
        for j, b in enumerate(photos)
        if a != b and (i + j) % 2
    ]
    frames = list(product(("000", "009"), METHODS[1:])) if STACK.exists() else []
    twins = [
        (a, b, diameter, noise)
        for a, b in zip(photos, photos[1:] + photos[:1], strict=True)
        for diameter, noise in ((9.3, 1.0), (17.7, 2.5))
    ]
    os.environ |= {"CEPSTRO_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with ProcessPoolExecutor(2) as pool:
        parts = [
            [pool.submit(work, *job) for job in todo]
            for work, todo in (
                (stacked, frames),
                (measure, jobs),
                (strangers, couples),
                (matched, twins),
            )
        ]
        stack, rows, others, again = ([one.result() for one in part] for part in parts)
    took = time.perf_counter() - began
    lines = [
        "# Kernels from pairs",
        "",
        f"Commit {name}; `python tests/benchmarks/pairs.py`, {took / 60:.1f} minutes.",
        *report(rows, others, large, stack, again),
    ]
    print("\n".join(lines))
    (RESULTS / "pairs.md").write_text("\n".join(lines) + "\n")
    everything = {
        "commit": name,
        "seconds": took,
        "pairs": rows,
        "strangers": others,
        "large": large,
        "stack": stack,
        "match": again,
    }
    (RESULTS / "pairs.json").write_text(json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    main()
