"""Many photos and huge ones: time and memory, against what they are made of and against peers.

    python tests/benchmarks/scale.py [slides] [seams] [photos] [full] [--photos N] [--largest SIDE]

Writes results/scale.json and scale.md; parts that are not named keep their last results. About
eight minutes in all on two quiet cores.

- slides: slides of 16 bit grey from 1 to 400 MP, written on the fly, deblurred in blocks, each in
  a process of its own; time against reading, bare FFTs and writing.
- seams: a slide of scikit-image's pictures deblurred in blocks and in memory: how far they differ.
- photos: photos of 1 MP analysed and deblurred by one process, by as many as there are cores and
  by a Dask cluster; the peers are plain loops over scikit-image's and DIPlib's Wiener filter.
- full: 24 MP RGB, analysed and deblurred in memory, against Pillow's decoding, bare FFTs and the
  peers on the same three planes, from and to 8 bit like ours (their filters wrap round and know
  nothing of light); with SciPy's transforms, and with the extra ``fast`` if installed. scikit-image
  is to be judged by float64, which its documentation's `img_as_float` gives.

All of a part is measured in one run on one machine; ratios count, seconds do not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RESULTS = HERE / "results"
TILE = 512
SIDES = (1000, 2048, 4096, 8192, 16384, 20000)
DISK, NSR = 12, 1e-2
TURNS = 2  # of one process and of several: of each the best counts
FULL_DISK, FULL_NSR = 33.0, 5e-4
SEAMS = (
    ("wiener", "12", "0.01"), ("wiener", "33", "0.001"), ("wiener", "33", "0.0005"),
    ("wiener", "33", "0.0001"), ("wiener", "80", "0.001"), ("wiener", "12", "auto"),
    ("wiener", "33", "auto"), ("sparse", "12", "auto"), ("default", "12", "auto"),
)  # fmt: skip
SEAMS_SIZE = {"wiener": (8000, 9000), "sparse": (2600, 5000), "default": (2600, 5000)}


def write_slide(path: Path, side: int) -> None:
    """A slide of walks with noise, tile by tile."""
    import tifffile

    rng = np.random.default_rng(0)
    some = []
    for _ in range(16):  # drawn once each: drawing takes longer than all else
        walk = rng.standard_normal((64, 64)).cumsum(0).cumsum(1)
        walk = np.kron((walk - walk.min()) / np.ptp(walk), np.ones((8, 8))) * 60000
        noisy = walk + 100 * rng.standard_normal((TILE, TILE))
        some.append(np.clip(noisy, 0, 65535).astype(np.uint16))
    order = rng.integers(0, len(some), (-(-side // TILE)) ** 2)
    tifffile.imwrite(path, (some[i] for i in order), **form(side))


def form(side: int) -> dict[str, Any]:
    return {
        "shape": (side, side), "dtype": np.uint16, "tile": (TILE, TILE), "compression": "zlib",
        "predictor": 2, "compressionargs": {"level": 1}, "bigtiff": True,
    }  # fmt: skip


def peak_megabytes() -> float:
    """Largest resident memory of this process so far, MB (Linux)."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_blocks(path: str, nsr: str, times: str) -> dict[str, float]:
    """Best and first time and peak memory of deblurring a slide, in this process."""
    import cepstro
    from cepstro.tiles import deblur_file

    cepstro.deblur(np.zeros((64, 64), np.uint16), cepstro.Disk(DISK), nsr=NSR)  # imports
    target = Path(path).with_name("sharp.tif")

    def work() -> None:
        deblur_file(path, target, cepstro.Disk(DISK), nsr=None if nsr == "auto" else float(nsr))

    first = fastest(work, 1)
    best = min(first, fastest(work, int(times) - 1))
    return {"seconds": best, "first": first, "peak": peak_megabytes()}


def bare(path: str, times: str) -> dict[str, float]:
    """Seconds of reading and writing the slide and of the FFTs of as many pixels."""
    import tifffile

    from cepstro.fft import irfft2, rfft2
    from cepstro.tiles.source import opened

    def copy() -> None:
        with opened(Path(path)) as source:
            sheet = source.sheets[0]
            side = sheet.form.size[0]

            def tiles():
                for top in range(0, side, TILE):
                    band = np.zeros((TILE, -(-side // TILE) * TILE), np.uint16)
                    rows = min(TILE, side - top)
                    band[:rows, :side] = sheet.window(top, 0, rows, side)
                    yield from (band[:, left : left + TILE] for left in range(0, side, TILE))

            tifffile.imwrite(Path(path).with_name("copy.tif"), tiles(), **form(side))

    copied = fastest(copy, int(times))
    with opened(Path(path)) as source:
        side = source.sheets[0].form.size[0]
    plane = np.zeros((min(side, 2048),) * 2, np.float32)
    turn = fastest(lambda: irfft2(rfft2(plane), plane.shape), 3)
    return {"seconds": copied + turn * side * side / plane.size}


def fastest(work, times: int) -> float:
    """Seconds of the quickest of some runs."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def slides(folder: Path, largest: int) -> list[dict[str, Any]]:
    """Deblur slides of growing size; the last also with a fitted prior."""
    rows = []
    path = folder / "slide.tif"
    for side in [side for side in SIDES if side <= largest]:
        if shutil.disk_usage(folder).free < 8 * 2 * side * side:
            print(f"(no room on the disk for {side} x {side} px)", flush=True)
            break
        write_slide(path, side)
        times = "10" if side < 3000 else "3" if side < 5000 else "1"  # short ones vary more
        for nsr in (str(NSR), "auto") if side == 16384 else (str(NSR),):
            ours = alone("in_blocks", str(path), nsr, times)
            parts = alone("bare", str(path), times)["seconds"]
            rows.append(
                {
                    "side": side,
                    "nsr": nsr,
                    "seconds": ours["seconds"],
                    "first": ours["first"],
                    "per_megapixel": ours["seconds"] / (side * side / 1e6),
                    "over_parts": ours["seconds"] / parts,
                    "peak": ours["peak"],
                }
            )
            print(rows[-1], flush=True)
        for made in folder.iterdir():
            made.unlink()
    return rows


def seam(folder: str, method: str, disk: str, nsr: str) -> dict[str, Any]:
    """How far a picture in blocks differs from the same in memory, border included."""
    import tifffile
    from skimage import data

    import cepstro
    from cepstro.tiles import deblur_file

    page = data.page()[:190, 10:].repeat(2, 0).repeat(2, 1)[:, :512]
    picture = np.concatenate([data.coffee()[:, :512, 1], page, data.camera()])
    height, width = SEAMS_SIZE[method]
    pad = (0, height - len(picture)), (0, width - picture.shape[1])
    psf = cepstro.Disk(float(disk))
    soft = cepstro.blur(np.pad(picture, pad, mode="symmetric"), psf)
    noise = np.random.default_rng(2).standard_normal(soft.shape, np.float32)
    soft = np.clip(np.rint(soft + noise), 0, 255).astype(np.uint8)
    source, target = Path(folder, "soft.tif"), Path(folder, "sharp.tif")
    tifffile.imwrite(source, soft, tile=(TILE, TILE))
    words: dict[str, Any] = {
        "nsr": None if nsr == "auto" else float(nsr),
        "method": None if method == "default" else method,
    }
    blocks = fastest(lambda: deblur_file(source, target, psf, **words), 1)
    start = time.perf_counter()
    whole = cepstro.deblur(soft, psf, **words)
    memory = time.perf_counter() - start
    apart = np.abs(whole.astype(np.int16) - tifffile.imread(target))
    return {
        "method": method,
        "disk": disk,
        "nsr": nsr,
        "size": [height, width],
        "most": int(apart.max()),
        "different": float((apart > 0).mean()),
        "beyond": float((apart > 1).mean()),
        "blocks": blocks,
        "memory": memory,
    }


def seams(folder: Path) -> list[dict[str, Any]]:
    """`seam` of every method and constant, each in a process of its own."""
    rows = []
    for words in SEAMS:
        rows.append(alone("seam", str(folder), *words))
        print(rows[-1], flush=True)
    return rows


def write_photos(folder: Path, count: int) -> None:
    """Photos of 1 MP, out of focus by 12 px: three of scikit-image's, with grain of their own."""
    from PIL import Image
    from skimage import data

    import cepstro

    folder.mkdir()
    soft = []
    for picture in (data.astronaut(), data.coffee(), data.chelsea()):
        pad = [(0, 1000 - n) for n in picture.shape[:2]]
        large = np.pad(picture, [*pad, (0, 0)], mode="symmetric").astype(np.float32) / 255
        soft.append(cepstro.blur(large, cepstro.Disk(DISK)))
    rng = np.random.default_rng(1)
    for n in range(count):
        noisy = soft[n % 3] + 0.008 * rng.standard_normal(soft[0].shape, np.float32)
        codes = np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)
        Image.fromarray(codes).save(folder / f"{n:05}.jpg", quality=92)


def plain_loop(photos: Path, filter) -> None:
    """What people write without us: a peer's filter, photo by photo, channel by channel."""
    from PIL import Image

    for path in sorted(photos.iterdir()):
        planes = np.asarray(Image.open(path)).astype(np.float32) / 255
        sharp = np.dstack(
            [filter(np.ascontiguousarray(planes[..., c]), DISK, NSR) for c in (0, 1, 2)]
        )
        Image.fromarray((255 * np.clip(sharp, 0, 1)).astype(np.uint8)).save(
            photos.parent / path.name, quality=92
        )


def by_skimage(plane, diameter: float, nsr: float):
    from skimage.restoration import wiener

    import cepstro

    return wiener(plane, cepstro.Disk(diameter).kernel().astype(plane.dtype), nsr)


def by_diplib(plane, diameter: float, nsr: float):
    import diplib

    import cepstro

    kernel = diplib.Image(cepstro.Disk(diameter).kernel().astype(plane.dtype))
    return np.asarray(diplib.WienerDeconvolution(diplib.Image(plane), kernel, nsr))


PEERS = {"scikit-image": by_skimage, "DIPlib": by_diplib}
# What users run: scikit-image's examples begin with img_as_float, which gives float64; its float32
# is measured too. DIPlib works in float32 by itself.
AGAINST = ("scikit-image, float64", "scikit-image, float32", "DIPlib, float32")


def photos(folder: Path, count: int) -> list[dict[str, Any]]:
    """Rates of batch by processes and on a cluster, and of plain loops over the peers."""
    import cepstro

    source = folder / "photos"
    write_photos(source, count)
    cores = len(os.sched_getaffinity(0))
    wiener = {"psf": cepstro.Disk(DISK), "nsr": NSR}
    rows: list[dict[str, Any]] = []

    def run(task: str, **keywords: Any) -> tuple[float, float]:
        """Photos a second, of all the time and from the first photo on (without the start)."""
        ends: list[float] = []
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(dir=folder) as out:
            cepstro.batch(
                task,
                [source],
                out,
                progress=lambda *_: ends.append(time.perf_counter()),
                **keywords,
            )
            rate = count / (time.perf_counter() - start)
        return rate, (count - 1) / (ends[-1] - ends[0])

    def told(task: str, by: str, rate: float, steady: float) -> None:
        rows.append({"task": task, "by": by, "rate": rate, "steady": steady})
        print(rows[-1], flush=True)

    for task, keywords in (("analyze", {}), ("deblur", wiener)):
        found: dict[str, list[tuple[float, float]]] = {"1 process": [], f"{cores} processes": []}
        for _ in range(TURNS):
            for jobs, rates in zip((1, cores), found.values(), strict=True):
                os.environ["CEPSTRO_THREADS"] = str(jobs)  # shared out: one for each process
                rates.append(run(task, jobs=jobs, **keywords))
        del os.environ["CEPSTRO_THREADS"]
        for by, rates in found.items():
            told(task, by, *(max(some) for some in zip(*rates, strict=True)))
    try:
        import distributed
    except ImportError:
        print("(no Dask: pip install 'cepstro[cluster]')")
    else:
        os.environ["CEPSTRO_THREADS"] = "1"  # of the workers
        with (
            distributed.LocalCluster(
                n_workers=cores, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            for task, keywords in (("analyze", {}), ("deblur", wiener)):
                told(task, f"Dask, {cores} workers", *run(task, client=client, **keywords))
        del os.environ["CEPSTRO_THREADS"]
    for name, filter in PEERS.items():
        try:
            seconds = fastest(lambda filter=filter: plain_loop(source, filter), 1)
        except ImportError:
            print(f"(no {name})")
            continue
        told("deblur", f"plain loop, {name}", count / seconds, count / seconds)
    return rows


def full_work(against: str, library: str) -> dict[str, float]:
    """Seconds of ours and of bare FFTs or of a peer on three planes, in turns, in this process.

    `library` is that of our FFTs: scipy, or ducc0 (the extra ``fast``); peers never use it.
    """
    if library == "scipy":
        sys.modules["ducc0"] = None  # type: ignore[assignment]
    else:
        import ducc0  # noqa: F401 - missing, it is said so
    import cepstro
    from cepstro.fft import irfft2, rfft2
    from cepstro.restore.borders import frame_shape

    pixels = np.random.default_rng(0).integers(0, 256, (4000, 6000, 3), np.uint8)
    psf = cepstro.Disk(FULL_DISK)
    cepstro.deblur(pixels, psf, nsr=FULL_NSR)
    peak = peak_megabytes()
    shape = frame_shape(pixels.shape[:2], psf.halfwidth)
    frame = np.random.default_rng(0).random(shape, np.float32)
    picture = np.empty_like(pixels)

    def other() -> None:
        for c in range(3):
            if against == "bare FFTs":
                irfft2(rfft2(frame), shape)
            else:
                name, _, dtype = against.partition(", ")
                plane = pixels[..., c].astype(dtype) / 255
                sharp = PEERS[name](plane, FULL_DISK, FULL_NSR)
                picture[..., c] = np.rint(255 * np.clip(sharp, 0, 1))

    best = {"ours": float("inf"), "other": float("inf"), "peak": peak}
    for _ in range(3):
        ours = fastest(lambda: cepstro.deblur(pixels, psf, nsr=FULL_NSR), 2)
        best["ours"] = min(best["ours"], ours)
        best["other"] = min(best["other"], fastest(other, 1))
    return best


def full() -> list[dict[str, Any]]:
    """24 MP RGB: analysis, as speed.py measures it, and Wiener filter against FFTs and peers."""
    rows: list[dict[str, Any]] = []

    def add(work: str, against: str, ours: float, other: float, peak: float) -> None:
        row = {"work": work, "seconds": ours, "against": against, "other": other}
        rows.append({**row, "ratio": ours / other, "peak": peak})
        print(rows[-1], flush=True)

    command = [sys.executable, str(HERE / "speed.py"), "--one", "analyze"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = json.loads(text.splitlines()[-1])
    add("`analyze`", "Pillow's decoding", found["ours"], found["bare"], found["memory"])
    for library, extra in (("scipy", ""), ("ducc0", ", extra `fast`")):
        for against in ("bare FFTs", *AGAINST):
            try:
                found = alone("full_work", against, library)
            except subprocess.CalledProcessError:
                print(f"({against} or {library} is missing or failed)")
                continue
            work = f"`deblur(nsr={FULL_NSR:g})`{extra}"
            add(work, against, found["ours"], found["other"], found["peak"])
    return rows


def alone(function: str, *arguments: str) -> dict[str, Any]:
    """Result of a function of this module in a process of its own."""
    command = [sys.executable, __file__, "--alone", function, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(found: dict[str, Any]) -> str:
    """All results as Markdown."""
    lines = ["# Many photos and huge ones", ""]
    if found.get("slides"):
        best = min(row["per_megapixel"] for row in found["slides"])
        lines += [
            f"Slides of 16 bit, tiled and deflated, disk of {DISK} px, in blocks. Asked: 1.5 over "
            "read + FFT + write, 500 MB at 268 MP, time for each MP within 1.5 of the best. The "
            "best of 10 runs below 10 MP, of 3 below 25 MP; the first also imports what it needs.",
            "",
            "| slide | MP | constant | s | first, s | ms/MP | over the best "
            "| over read + FFT + write | peak, MB |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for row in found["slides"]:
            lines.append(
                f"| {row['side']} x {row['side']} | {row['side'] ** 2 / 1e6:.0f} | {row['nsr']} "
                f"| {row['seconds']:.3f} | {row.get('first', row['seconds']):.2f} "
                f"| {1000 * row['per_megapixel']:.0f} "
                f"| {row['per_megapixel'] / best:.2f} | {row['over_parts']:.2f} "
                f"| {row['peak']:.0f} |"
            )
        lines.append("")
    if found.get("seams"):
        lines += [
            "Pictures of 8 bit grey, in blocks against in memory, border included: largest "
            "difference of a value, share of values that differ at all and by more than 1. "
            "Asked: 1 at most.",
            "",
            "| picture | method | disk, px | constant | largest | differ | by more than 1 "
            "| blocks, s | memory, s |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for row in found["seams"]:
            lines.append(
                f"| {row['size'][1]} x {row['size'][0]} | {row['method']} | {row['disk']} "
                f"| {row['nsr']} | {row['most']} | {row['different']:.1e} | {row['beyond']:.1e} "
                f"| {row['blocks']:.1f} | {row['memory']:.1f} |"
            )
        lines.append("")
    if found.get("photos"):
        one = {row["task"]: row for row in found["photos"] if row["by"].startswith("1 process")}
        lines += [
            f"{found['count']} JPEGs of 1 MP. Asked: `analyze` 12 a second on 2 cores, 2 processes "
            "1.8 times one. Steady: from the first photo on.",
            "",
            "| task | by | photos/s | steady | over 1 process |",
            "|---|---|---|---|---|",
        ]
        for row in found["photos"]:
            lines.append(
                f"| {row['task']} | {row['by']} | {row['rate']:.2f} | {row['steady']:.2f} "
                f"| {row['steady'] / one[row['task']]['steady']:.2f} |"
            )
        lines.append("")
    if found.get("full"):
        lines += [
            "24 MP RGB in memory. Asked: `analyze` 3 times the decoding, Wiener 3 times bare FFTs "
            "and a third of the peers' time, 2000 MB.",
            "",
            "| work | s | against | s | ratio | peak, MB |",
            "|---|---|---|---|---|---|",
        ]
        for row in found["full"]:
            lines.append(
                f"| {row['work']} | {row['seconds']:.2f} | {row['against']} | {row['other']:.2f} "
                f"| {row['ratio']:.2f} | {row['peak']:.0f} |"
            )
        lines.append("")
    return "\n".join(lines)


def main(words: list[str]) -> None:
    """Measure the parts that are named, or all, and write them down."""
    options = {"--photos": 60, "--largest": SIDES[-1]}
    for name in options:
        if name in words:
            at = words.index(name)
            options[name] = int(words[at + 1])
            del words[at : at + 2]
    known = RESULTS / "scale.json"
    found: dict[str, Any] = json.loads(known.read_text()) if known.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        for part in words or ["slides", "seams", "photos", "full"]:
            if part == "slides":
                found["slides"] = slides(Path(name), options["--largest"])
            elif part == "seams":
                found["seams"] = seams(Path(name))
            elif part == "photos":
                found["count"] = options["--photos"]
                found["photos"] = photos(Path(name), options["--photos"])
            elif part == "full":
                found["full"] = full()
            else:
                raise SystemExit(f"no such part: {part}")
    RESULTS.mkdir(exist_ok=True)
    known.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (RESULTS / "scale.md").write_text(report(found), "utf-8")
    print(report(found))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        print(json.dumps(globals()[sys.argv[2]](*sys.argv[3:])))
    else:
        main(sys.argv[1:])
