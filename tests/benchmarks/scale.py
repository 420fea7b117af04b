"""Many photos and huge ones: time and memory, against what they are made of and against a loop.

python tests/benchmarks/scale.py [LARGEST_SIDE] [PHOTOS]

Slides of 16 bit are written on the fly and deblurred in blocks, each in a process of its own, whose
time is set against reading, bare FFTs and writing. Photos of 1 MP are analysed and deblurred by one
process, by two, and by a Dask cluster of two; the peer is a plain loop over scikit-image's Wiener
filter on the same files. All is measured in one run on one machine; ratios count, seconds do not.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TILE = 512
DISK, NSR = 12, 1e-2


def write_slide(path: Path, side: int) -> None:
    """A slide of walks with noise, tile by tile."""
    import tifffile

    rng = np.random.default_rng(0)

    def tiles():
        for _ in range((side // TILE) ** 2):
            walk = rng.standard_normal((64, 64)).cumsum(0).cumsum(1)
            walk = np.kron((walk - walk.min()) / np.ptp(walk), np.ones((8, 8))) * 60000
            noisy = walk + 100 * rng.standard_normal((TILE, TILE))
            yield np.clip(noisy, 0, 65535).astype(np.uint16)

    tifffile.imwrite(path, tiles(), **form(side))


def form(side: int) -> dict:
    return {
        "shape": (side, side), "dtype": np.uint16, "tile": (TILE, TILE), "compression": "zlib",
        "predictor": 2, "compressionargs": {"level": 1},
    }  # fmt: skip


def in_blocks(path: Path) -> dict[str, float]:
    """Time and peak memory of deblurring a slide, in this process."""
    import resource

    import cepstro
    from cepstro.tiles import deblur_file

    cepstro.deblur(np.zeros((64, 64), np.uint16), cepstro.Disk(DISK), nsr=NSR)  # imports
    start = time.perf_counter()
    deblur_file(path, path.with_name("sharp.tif"), cepstro.Disk(DISK), nsr=NSR)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak": peak}


def bare(path: Path, side: int) -> float:
    """Seconds of reading and writing the slide and of the FFTs of as many pixels."""
    import tifffile

    from cepstro.fft import irfft2, rfft2
    from cepstro.tiles import opened

    start = time.perf_counter()
    with opened(path) as source:

        def tiles():
            for top in range(0, side, TILE):
                band = source.sheets[0].window(top, 0, TILE, side)
                yield from (band[:, left : left + TILE] for left in range(0, side, TILE))

        tifffile.imwrite(path.with_name("copy.tif"), tiles(), **form(side))
    copied = time.perf_counter() - start
    plane = np.zeros((min(side, 2048),) * 2, np.float32)
    start = time.perf_counter()
    irfft2(rfft2(plane), plane.shape)
    return copied + (time.perf_counter() - start) * side * side / plane.size


def slides(folder: Path, largest: int) -> None:
    print(
        "| slide | MP | s | ms/MP | over read + FFT + write | peak MB |\n|---|---|---|---|---|---|"
    )
    side = 1024
    while side <= largest:
        path = folder / "slide.tif"
        write_slide(path, side)
        done = subprocess.run(
            [sys.executable, __file__, "--in-blocks", str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)
        mega = side * side / 1e6
        ratio = found["seconds"] / bare(path, side)
        print(
            f"| {side} x {side} | {mega:.0f} | {found['seconds']:.1f} "
            f"| {1000 * found['seconds'] / mega:.0f} | {ratio:.2f} | {found['peak']:.0f} |",
            flush=True,
        )
        side *= 2


def write_photos(folder: Path, count: int) -> None:
    """Photos of 1 MP, out of focus by 12 px."""
    from PIL import Image
    from skimage import data

    import cepstro

    picture = np.pad(data.astronaut(), ((0, 488), (0, 488), (0, 0)), mode="symmetric")
    rng = np.random.default_rng(1)
    soft = cepstro.blur(picture.astype(np.float32) / 255, cepstro.Disk(DISK))
    folder.mkdir()
    for n in range(count):
        noisy = soft + 0.008 * rng.standard_normal(soft.shape, np.float32)
        codes = np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)
        Image.fromarray(codes).save(folder / f"{n:05}.jpg", quality=92)


def plain_loop(photos: Path) -> None:
    """What people write without us: scikit-image's Wiener filter, channel by channel."""
    from PIL import Image
    from skimage.restoration import wiener

    import cepstro

    kernel = cepstro.Disk(DISK).kernel()
    for path in sorted(photos.iterdir()):
        planes = np.asarray(Image.open(path)).astype(np.float32) / 255
        sharp = np.dstack([wiener(planes[..., c], kernel, NSR) for c in range(3)])
        Image.fromarray((255 * np.clip(sharp, 0, 1)).astype(np.uint8)).save(
            photos.parent / path.name, quality=92
        )


def many(folder: Path, count: int) -> None:
    import cepstro

    photos = folder / "photos"
    write_photos(photos, count)
    wiener = {"psf": cepstro.Disk(DISK), "nsr": NSR}
    runs: list[tuple[str, str, dict]] = [
        ("analyze", "1 process", {"jobs": 1}),
        ("analyze", "2 processes", {"jobs": 2}),
        ("deblur", "1 process", {"jobs": 1, **wiener}),
        ("deblur", "2 processes", {"jobs": 2, **wiener}),
    ]
    print("\n| task | by | photos/s, start-up included | after the first |\n|---|---|---|---|")

    def run(task: str, by: str, keywords: dict, out: str) -> None:
        first: list[float] = []
        start = time.perf_counter()
        cepstro.batch(
            task,
            [photos],
            folder / out,
            progress=lambda *_: first.append(time.perf_counter()),
            **keywords,
        )
        end = time.perf_counter()
        rate = (count - 1) / (end - first[0])
        print(f"| {task} | {by} | {count / (end - start):.2f} | {rate:.2f} |", flush=True)

    for n, (task, by, keywords) in enumerate(runs):
        run(task, by, keywords, f"out{n}")
    try:
        import distributed
    except ImportError:
        print("(no Dask: pip install 'cepstro[cluster]')")
    else:
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            run("analyze", "Dask, 2 workers", {"client": client}, "dask")
    start = time.perf_counter()
    plain_loop(photos)
    print(
        f"| deblur | plain loop, scikit-image | {count / (time.perf_counter() - start):.2f} | |",
        flush=True,
    )


def main() -> None:
    if sys.argv[1:2] == ["--in-blocks"]:
        print(json.dumps(in_blocks(Path(sys.argv[2]))))
        return
    largest, count = (int(x) for x in (*sys.argv[1:], *("16384", "100")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as name:
        slides(Path(name), largest)
        many(Path(name), count)


if __name__ == "__main__":
    main()
