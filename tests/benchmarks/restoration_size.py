"""Deblurring at full size: seconds and peak memory by method and by megapixels.

    python tests/benchmarks/restoration_size.py [--quick]

A sharp RGB photo is brought to size, blurred by a disk of 9 px, given noise of 1/255 and restored,
each time in a process of its own on all cores. Time is beside that of the bare transforms that a
Wiener filter of three channels needs (one rfft2 and one irfft2 a channel), taken in the same
process; memory is what the process held at most, photo and result included. The table goes to
results/restoration_size.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

import degrade

import cepstro
from cepstro.fft import good_size, irfft2, rfft2, threads

PHOTO = "popos_jad-limcaco-183877.jpg"
DIAMETER = 9
SIZES = {"wiener": (1, 6, 24, 50), "default": (1, 6, 24, 50), "sparse": (1, 6, 24), "best": (1, 24)}
RESULTS = Path(__file__).parent / "results"


def one(method: str, megapixels: float) -> dict[str, float]:
    """Seconds, seconds of the bare transforms, and peak GB."""
    width = round((megapixels * 1.5e6) ** 0.5)
    height = round(megapixels * 1e6 / width)
    image = Image.open(degrade.DATA / "sharp" / PHOTO).convert("RGB")
    psf = cepstro.Disk(DIAMETER)
    blurred = cepstro.blur(np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)), psf)
    del image
    noise = np.random.default_rng(0)
    for row in blurred:  # in place, as memory is measured
        row[:] = np.clip(np.rint(row + noise.standard_normal(row.shape)), 0, 255)
    start = time.perf_counter()
    cepstro.deblur(blurred, psf, method=None if method == "default" else method)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    plane = np.ones((good_size(height), good_size(width)), np.float32)
    start = time.perf_counter()
    for _ in range(3):
        irfft2(rfft2(plane), plane.shape)
    bare = time.perf_counter() - start
    return {"seconds": seconds, "bare": bare, "peak": peak}


def main() -> None:
    """Measure, print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 MP only; saves nothing")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one[0], float(options.one[1]))))
        return
    if PHOTO not in degrade.sharp_names():
        sys.exit("shared/data is not here")
    lines = [
        f"# Deblurring RGB photos at full size, disk of {DIAMETER} px",
        "",
        f"{date.today()}, {threads()} threads.",
        "",
        "| method | MP | s | s per MP | times the bare transforms | peak, GB |",
        "|---|---|---|---|---|---|",
    ]
    for method, sizes in SIZES.items():
        for size in sizes[:1] if options.quick else sizes:
            command = [sys.executable, __file__, "--one", method, str(size)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            got = json.loads(told)
            lines.append(
                f"| {method} | {size} | {got['seconds']:.1f} | {got['seconds'] / size:.2f} "
                f"| {got['seconds'] / got['bare']:.0f} | {got['peak']:.2f} |"
            )
            print(lines[-1], flush=True)
    if not options.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "restoration_size.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
