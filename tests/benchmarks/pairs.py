"""Kernels from pairs: how near to the truth, and whether they do the same to other photos.

    python tests/benchmarks/pairs.py [--quick]

Prints the tables and saves them as results/pairs.md and results/pairs.json. Sharp photos of
shared/data in crops of 512 x 768 px, blurred without wrapping round. The naive method is the ratio
of the two spectra with a constant (1e-3), on Hann-windowed photos laid on each other to the pixel.
"Transfer" is the PSNR, on encoded values, of a second photo blurred by the kernel found against
the same photo blurred by the truth. ``--quick`` leaves the method wiener out.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import degrade

import cepstro
from cepstro.light import from_linear, luminance, to_linear
from cepstro.pair import estimate_kernel

HERE = Path(__file__).parent
# No constant was tuned on these; a flaw of the choice of model was found on the second and fourth.
PHOTOS = (
    "facerec_obama.jpg",
    "lomiri_seeding_by_Clements_Engelhardt.jpg",
    "popos_galen-crout-175291.jpg",
    "popos_sebastien-gabriel-232361.jpg",
)
SECOND = "skimage_astronaut.png"
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
    start = time.perf_counter()
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
        row["diameter error"] = abs(getattr(model, "diameter", 0.0) - psf.diameter)
        row["lowest"] = float(kernel.min() / kernel.max())
        row["gain"], row["offset"] = found.gain, found.offset
    row["seconds"] = time.perf_counter() - start
    row["error"] = distance(kernel, psf)
    row["transfer"] = transfer(kernel, psf)
    return row


def table(rows: list[dict], key: str, digits: int, pick=np.median) -> list[str]:
    """One line a condition and PSF, one column a method."""
    methods = [
        m for m in ("naive", "wiener", "lsqr") if any(r["method"] == m and key in r for r in rows)
    ]
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
                worst = min(values) if key == "transfer" else max(values)
                cells.append(f"{pick(values):.{digits}f} ({worst:.{digits}f}; {len(values)})")
            lines.append(f"| {condition}, {kind} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Measure everything, print and save."""
    methods = ("naive", "lsqr") if "--quick" in sys.argv else ("naive", "wiener", "lsqr")
    jobs = list(product(PHOTOS, PSFS, CONDITIONS, methods))
    with ProcessPoolExecutor(2) as pool:
        rows = list(pool.map(measure, *zip(*jobs, strict=True)))
    lines = [
        "# Kernels from pairs",
        "",
        f"Median over {len(PHOTOS)} photos (the worst; kernels given, not refused).",
        "",
        f"Shifted: by {SHIFT} px, gain {GAIN}, offset {OFFSET}, 8 bit.",
    ]
    for title, key, digits in (
        ("Kernel error, relative L2, %", "error", 2),
        ("Transfer to another photo, PSNR, dB", "transfer", 1),
        ("Shift error, px", "shift error", 3),
        ("Diameter of the fitted model, error in px", "diameter error", 3),
        ("Time, s", "seconds", 1),
    ):
        lines += ["", f"## {title}", "", *table(rows, key, digits)]
    print("\n".join(lines))
    (HERE / "results" / "pairs.md").write_text("\n".join(lines) + "\n")
    (HERE / "results" / "pairs.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
