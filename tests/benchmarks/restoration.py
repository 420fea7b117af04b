"""Restoration measured on sharp photos: our methods against those of scikit-image, DIPlib, OpenCV.

    python tests/benchmarks/restoration.py [--quick] [--photos N] [--fresh]

Crops of sharp photos (the half that nothing was tuned on; those above 1 MP made smaller first by a
whole factor, so that a crop holds a scene) are blurred in linear light by a disk without wrapping
round, given noise on their encoded values and rounded to 8 bit; grey, so that every peer can take
part. PSNR (dB) and SSIM are taken on encoded values, over the whole frame and over the interior one
diameter in. A peer gets the kernel, both light and encoded values, a grid of constants or counts,
**and the best of them for each photo with the truth at hand**; ours get the PSF and nothing else,
and in the row "blind" not even that. "1/f^2, iterated border" is the row of that name in the design
notes: it gets the noise. Time is processor time over that of one rfft2 and irfft2 of the frame in
the same process; memory is the peak that Python's allocator sees, per px of the photo. Cases run
side by side, one thread each. What the peers made of a case is kept in results/ for the next run,
unless --fresh. Tables go to results/restoration.md and .json; full-size times are measured by
`restoration_size.py`. Needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from itertools import product
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import degrade
from peers import peers
from published import published

import cepstro
from cepstro.fft import good_size, irfft2, rfft2
from cepstro.light import linear_to_srgb, luminance, srgb_to_linear
from cepstro.psf import PSF, Disk
from cepstro.restore import METHODS, prior

DIAMETERS = (4, 8, 16, 33)
NOISES = (0.5, 2.55, 7.65)
SIZE = (256, 384)
RESULTS = Path(__file__).parent / "results"
ROW = "1/f^2, iterated border"
PEERS = ("skimage", "DIPlib", "OpenCV")
NUMBERS = ("psnr", "inside", "ssim", "time")
KEPT = RESULTS / "restoration_peers.json"


def report_names() -> list[str]:
    """The half of the sharp photos that reports; stars are no scene to deblur."""
    return [name for name in degrade.sharp_names() if "hubble" not in name][1::2]


def crop(name: str, height: int, width: int) -> np.ndarray:
    """A crop of a photo of about 1 MP in linear light, grey."""
    whole = luminance(degrade.sharp(name))
    factor = max(1, int((whole.size / 1e6) ** 0.5))
    rows, columns = whole.shape[0] // factor, whole.shape[1] // factor
    blocks = whole[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    whole = blocks.mean(axis=(1, 3), dtype=np.float32)
    height, width = min(height, rows), min(width, columns)
    rng = np.random.default_rng(sum(name.encode()))
    top, left = rng.integers(0, rows - height + 1), rng.integers(0, columns - width + 1)
    return whole[top : top + height, left : left + width]


def case(name: str, diameter: float, noise: float) -> tuple[np.ndarray, np.ndarray, PSF]:
    """A blurred grey photo (uint8), the sharp one (encoded, 0..1) and the PSF."""
    psf = Disk(diameter)
    reach = psf.kernel().shape[0] // 2 + 2
    scene = crop(name, SIZE[0] + 2 * reach, SIZE[1] + 2 * reach)
    truth = linear_to_srgb(scene[degrade.valid_slices(scene.shape, psf)])
    return degrade.record(degrade.blur_valid(scene, psf), noise=noise), truth, psf


def ours(blurred: np.ndarray, psf: PSF) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Our methods: what they are called and the work itself."""
    yield "cepstro default", lambda: cepstro.deblur(blurred, psf) / 255
    for method in METHODS:
        yield f"cepstro {method}", lambda m=method: cepstro.deblur(blurred, psf, method=m) / 255


def blind(blurred: np.ndarray) -> np.ndarray | None:
    """The default with all found from the photo, or None where the command line would refuse."""
    found = cepstro.analyze(blurred)
    if found.psf is None or found.verdict not in ("defocus", "motion"):
        return None
    error = found.diameter_error or 0.0
    return cepstro.deblur(blurred, found.psf, diameter_error=error) / 255


def best_constant(blurred: np.ndarray, psf: PSF, truth: np.ndarray) -> float:
    """PSNR of our Wiener filter with the best factor on its fitted NSR, the truth at hand."""
    usual = prior.CAUTION
    best = 0.0
    try:
        for factor in (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5):
            prior.CAUTION = usual * factor
            best = max(best, psnr(cepstro.deblur(blurred, psf, method="wiener") / 255, truth))
    finally:
        prior.CAUTION = usual
    return best


def psnr(picture: np.ndarray, truth: np.ndarray, margin: int = 0) -> float:
    """Peak signal to noise ratio, dB, `margin` px of the border left out."""
    inside = (slice(margin, truth.shape[0] - margin), slice(margin, truth.shape[1] - margin))
    error = np.clip(picture, 0, 1).astype(float)[inside] - truth[inside]
    return float(-10 * np.log10(np.mean(error**2) + 1e-12))


def ssim(picture: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity."""
    from skimage.metrics import structural_similarity

    return float(structural_similarity(np.clip(picture, 0, 1), truth, data_range=1.0))


def bare_seconds(shape: tuple[int, int]) -> float:
    """Processor time of an rfft2 and its inverse on a padded frame: the unit of time."""
    plane = np.random.default_rng(0).random([good_size(n + 32) for n in shape], np.float32)
    start = time.process_time()
    for _ in range(10):
        irfft2(rfft2(plane), plane.shape)
    return (time.process_time() - start) / 10


def score(picture: np.ndarray, truth: np.ndarray, margin: int) -> dict[str, float]:
    """PSNR of the whole frame and of the interior, SSIM."""
    return {
        "psnr": psnr(picture, truth),
        "inside": psnr(picture, truth, margin),
        "ssim": ssim(picture, truth),
    }


def measure(spot: tuple[str, float, float]) -> list[dict]:
    """Rows of our methods for one photo and condition."""
    name, diameter, noise = spot
    blurred, truth, psf = case(name, diameter, noise)
    unit = bare_seconds(truth.shape)
    rows = []

    def add(method: str, work: Callable[[], np.ndarray | None]) -> None:
        start = time.process_time()
        picture = work()
        seconds = time.process_time() - start
        if picture is None:  # refused: the photo stays as it was
            rows.append(where | {"method": "refused"} | dict.fromkeys(NUMBERS, 0.0))
            picture = blurred / 255
        numbers = score(picture, truth, int(diameter))
        rows.append(where | {"method": method, "time": seconds / unit} | numbers)

    where = {"photo": name, "diameter": diameter, "noise": noise}
    add("blurred", lambda: blurred / 255)
    for method, work in ours(blurred, psf):
        add(method, work)
    add("cepstro default, blind", lambda: blind(blurred))
    add(ROW, lambda: published(blurred, psf, noise))
    constant = dict.fromkeys(("psnr", "inside"), best_constant(blurred, psf, truth))
    rows.append(
        where | {"method": "cepstro wiener, best constant", "time": 0.0, "ssim": 0.0} | constant
    )
    return rows


def measure_peers(spot: tuple[str, float, float]) -> list[dict]:
    """Rows of the peers, each with its best settings, for one photo and condition."""
    name, diameter, noise = spot
    blurred, truth, psf = case(name, diameter, noise)
    unit = bare_seconds(truth.shape)
    rows = []
    for method, settings in peers(psf).items():
        best, least = None, 0.0
        for work, light in product(settings, (False, True)):
            given = srgb_to_linear(blurred / 255.0) if light else blurred / 255.0
            start = time.process_time()
            picture = np.asarray(work(given), float)
            seconds = time.process_time() - start
            if light:
                picture = linear_to_srgb(np.clip(picture, 0, 1))
            if best is None or psnr(picture, truth) > psnr(best, truth):
                best, least = picture, seconds
        where = {"photo": name, "diameter": diameter, "noise": noise, "method": method}
        rows.append(where | {"time": least / unit} | score(best, truth, int(diameter)))
    return rows


def everything(spots: list[tuple[str, float, float]], fresh: bool) -> list[dict]:
    """All rows; cases run side by side, and what is known of the peers is not measured again."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() and not fresh else {}
    missing = [spot for spot in spots if _key(spot) not in kept]
    rows = []
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for done, found in enumerate(pool.map(measure, spots)):
            rows += found
            print(f"{done + 1} of {len(spots)} cases", file=sys.stderr, flush=True)
        for spot, found in zip(missing, pool.map(measure_peers, missing), strict=True):
            kept[_key(spot)] = found
            KEPT.write_text(json.dumps(kept, separators=(",", ":")))
            print(f"peers: {spot}", file=sys.stderr, flush=True)
    return rows + [row for spot in spots for row in kept[_key(spot)]]


def _key(spot: tuple[str, float, float]) -> str:
    return " ".join(map(str, spot))


def memory(name: str) -> dict[str, float]:
    """Peak bytes a px of the photo that Python's allocator sees, by method."""
    blurred, _, psf = case(name, 8, 2.55)
    todo = dict(ours(blurred, psf)) | {
        method: (lambda w=settings[0]: w(blurred / 255.0))
        for method, settings in peers(psf).items()
        if not method.startswith(("DIPlib", "OpenCV"))  # theirs is out of Python's sight
    }
    out = {}
    for method, work in todo.items():
        work()
        tracemalloc.start()
        work()
        out[method] = tracemalloc.get_traced_memory()[1] / blurred.size
        tracemalloc.stop()
    return out


def table(rows: list[dict], key: str, form: str) -> list[str]:
    """A Markdown table: methods by condition, means over photos."""
    cells = defaultdict(list)
    for row in rows:
        if row["method"] != "refused":
            cells[row["method"], row["diameter"], row["noise"]].append(row[key])
    conditions = sorted({(d, n) for _, d, n in cells})
    lines = [
        "| method | " + " | ".join(f"{d} / {n}" for d, n in conditions) + " | mean |",
        "|---|" + "---|" * (len(conditions) + 1),
    ]
    for method in dict.fromkeys(m for m, _, _ in cells):
        means = [float(np.mean(cells[method, d, n])) for d, n in conditions]
        if any(means):
            texts = [format(value, form) for value in [*means, float(np.mean(means))]]
            lines.append(f"| {method} | " + " | ".join(texts) + " |")
    return lines


def verdicts(rows: list[dict]) -> list[str]:
    """What issue 4 asks of these tables."""
    value = {(r["photo"], r["diameter"], r["noise"], r["method"]): r["psnr"] for r in rows}
    spots = sorted({key[:3] for key in value})
    rivals = sorted({r["method"] for r in rows if r["method"].split()[0] in PEERS})
    own = np.array([value[*s, "cepstro default"] for s in spots])
    theirs = {rival: np.array([value[*s, rival] for s in spots]) for rival in rivals}
    strongest = max(rivals, key=lambda rival: theirs[rival].mean())
    lead = own - theirs[strongest]
    picked = own - np.max(list(theirs.values()), axis=0)
    best = [value[*s, "cepstro best"] - value[*s, "cepstro sparse"] for s in spots]
    auto = [value[*s, "cepstro wiener, best constant"] - value[*s, "cepstro wiener"] for s in spots]
    refused = [(r["photo"], r["diameter"], r["noise"]) for r in rows if r["method"] == "refused"]
    usual = [s for s in spots if s[1] <= 16]  # the diameters of the design notes
    over_row = [value[*s, "cepstro wiener"] - value[*s, ROW] for s in usual]
    lines = [
        f"- default over the peer that is best in the mean ({strongest}, its constant the best for "
        f"each photo): {_spread(lead)}",
        "- default over all peers at once (the best of them picked for each photo and condition, "
        f"truth at hand): {_spread(picked)}",
        "- default over each peer, mean: "
        + ", ".join(f"{rival} {np.mean(own - theirs[rival]):+.2f}" for rival in rivals)
        + " dB",
        f"- `wiener` over 1/f^2 with an iterated border, 4 to 16 px: mean {np.mean(over_row):+.2f} "
        f"dB, median {np.median(over_row):+.2f}, least {min(over_row):+.2f}; "
        + ", ".join(
            f"{d} / {n} {np.mean(gains):+.2f}"
            for (d, n), gains in _by_condition(usual, over_row).items()
        ),
        f"- automatic constant of `wiener` below the best one: mean {np.mean(auto):.2f} dB, "
        f"most {max(auto):.2f} dB",
    ]
    for noise in sorted({s[2] for s in spots}):
        here = [i for i, s in enumerate(spots) if s[2] == noise]
        seeing = [spots[i] for i in here if spots[i] not in refused]
        loss = [value[*s, "cepstro default"] - value[*s, "cepstro default, blind"] for s in seeing]
        blind_text = (
            f"blind below PSF known by {np.mean(loss):.2f} dB (mean; median {np.median(loss):.2f})"
            if loss
            else "blind: all refused"
        )
        lines.append(
            f"- noise {noise}: best over sparse {np.mean([best[i] for i in here]):+.2f} dB; "
            f"{blind_text}, {len(here) - len(seeing)} of {len(here)} refused"
        )
    return lines


def _spread(lead: np.ndarray) -> str:
    """Mean and least of a lead, and how often it is none."""
    return (
        f"mean {lead.mean():+.2f} dB, least {lead.min():+.2f} dB, below by more than 0.2 dB in "
        f"{np.sum(lead < -0.2)} of {lead.size}"
    )


def _by_condition(
    spots: list[tuple[str, float, float]], values: list[float]
) -> dict[tuple[float, float], list[float]]:
    """Values of the photos by diameter and noise."""
    out = defaultdict(list)
    for (_, diameter, noise), gain in zip(spots, values, strict=True):
        out[diameter, noise].append(gain)
    return dict(sorted(out.items()))


def commit() -> str:
    """The commit measured, with a mark where the package was changed since."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip() or "unknown"


def main(arguments: list[str] | None = None) -> dict:
    """Measure, print and save the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="2 photos, 4 conditions; saves nothing"
    )
    parser.add_argument("--photos", type=int, default=5)
    parser.add_argument("--fresh", action="store_true", help="measure the peers again too")
    options = parser.parse_args(arguments)
    os.environ |= {"CEPSTRO_THREADS": "1", "OMP_NUM_THREADS": "1"}  # one core a case
    names = report_names()[: 2 if options.quick else options.photos]
    if not names:
        sys.exit("shared/data is not here")
    diameters, noises = ((8, 16), (0.5, 2.55)) if options.quick else (DIAMETERS, NOISES)
    spots = [(name, d, n) for d, n, name in product(diameters, noises, names)]
    rows = everything(spots, options.fresh)
    peaks = memory(names[0])
    text = [
        f"# Restoration: {len(names)} photos, columns are disk diameter (px) / noise (of 255)",
        "",
        f"Commit {commit()}, {date.today()}, {len(os.sched_getaffinity(0))} cores, "
        f"{len(names)} of {len(report_names())} photos that nothing was tuned on: "
        f"{', '.join(names)}.",
        "",
        *verdicts(rows),
    ]
    for title, key, form in (
        ("PSNR, dB, whole frame", "psnr", ".2f"),
        ("PSNR, dB, interior", "inside", ".2f"),
        ("SSIM", "ssim", ".3f"),
        ("Time, in bare rfft2 + irfft2 of the frame", "time", ".0f"),
    ):
        text += ["", f"## {title}", "", *table(rows, key, form)]
    text += ["", "## Peak memory, bytes a px", ""]
    text += [f"- {method}: {peak:.0f}" for method, peak in peaks.items()]
    print("\n".join(text))
    result = {"rows": rows, "memory": peaks}
    if not options.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "restoration.md").write_text("\n".join(text) + "\n")
        (RESULTS / "restoration.json").write_text(json.dumps(result, separators=(",", ":")))
    return result


@pytest.mark.benchmark
def test_default_leads_every_peer_tuned_with_the_truth():
    pytest.importorskip("diplib")
    pytest.importorskip("cv2")
    if not report_names():
        pytest.skip("shared/data is not here")
    rows = main(["--quick"])["rows"]
    mean = defaultdict(list)
    for row in rows:
        mean[row["method"]].append(row["psnr"])
    rivals = [m for m in mean if m.split()[0] in PEERS]
    assert np.mean(mean["cepstro default"]) > max(np.mean(mean[m]) for m in rivals) + 1


if __name__ == "__main__":
    main()
