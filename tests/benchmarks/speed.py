"""Speed and memory on full-size photos, as ratios to bare work measured side by side.

    python tests/benchmarks/speed.py [help] [analyze] [wiener]

Prints one table and writes it to results/speed.md. Each pair is run in turns in processes of its
own, and the quickest of each is compared, so that other work on the machine tells little.

- help: ``cepstro --help`` against ``python -c "import typer"``.
- analyze: analysing a 24 MP JPEG (decoded pixels at hand) against its decoding by Pillow.
- wiener: Wiener with a constant on 24 MP RGB against the bare rfft2 + irfft2 of its three planes,
  padded as the filter pads them, in float32.

Peak memory is that of the whole process: Python, the decoded photo (72 MB) and the work.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ROWS, COLUMNS = 4000, 6000
DIAMETER = 33.0


def fastest(work, times: int) -> float:
    """Seconds of the quickest of some runs."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def help_ratio() -> dict[str, float]:
    """Seconds of the help and of importing typer, in turns."""
    cepstro = [str(Path(sys.executable).with_name("cepstro")), "--help"]
    typer = [sys.executable, "-c", "import typer"]
    best = {"ours": float("inf"), "bare": float("inf")}
    for _ in range(20):
        for name, command in (("ours", cepstro), ("bare", typer)):
            seconds = fastest(lambda c=command: subprocess.run(c, capture_output=True), 1)
            best[name] = min(best[name], seconds)
    return best


def picture():
    """A 24 MP RGB picture with the spectrum of a photo, out of focus, uint8."""
    import numpy as np

    import cepstro

    rng = np.random.default_rng(0)
    scene = np.zeros((ROWS, COLUMNS), np.float32)
    for step in (1, 2, 5, 10, 25, 50, 125, 250, 500):  # coarse detail is stronger: about 1 / f
        cells = rng.standard_normal((-(-ROWS // step), -(-COLUMNS // step))).astype(np.float32)
        scene += np.kron(cells, np.ones((step, step), np.float32))[:ROWS, :COLUMNS] * step**0.5
    scene = 0.2 * scene / scene.std() + 0.5
    soft = cepstro.blur(scene, cepstro.Disk(DIAMETER))
    planes = [soft + rng.standard_normal(soft.shape, np.float32) / 255 for _ in range(3)]
    return np.clip(np.rint(np.stack(planes, axis=-1) * 255), 0, 255).astype(np.uint8)


def analyze_ratio() -> dict[str, float]:
    """Seconds of the analysis and of Pillow's decoding, in turns, and the diameter found."""
    import numpy as np
    from PIL import Image

    import cepstro

    Image.MAX_IMAGE_PIXELS = None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.jpg"
        # Made in a process of its own, whose memory does not count here.
        subprocess.run([sys.executable, __file__, "--make", str(path)], check=True)
        decoded = np.asarray(Image.open(path))
        found = cepstro.analyze(decoded)
        peak = peak_megabytes()
        ours = bare = float("inf")
        for _ in range(5):
            bare = min(bare, fastest(lambda: np.asarray(Image.open(path)), 1))
            ours = min(ours, fastest(lambda: cepstro.analyze(decoded), 1))
    return {"ours": ours, "bare": bare, "memory": peak, "diameter": found.diameter or 0.0}


def wiener_ratio() -> dict[str, float]:
    """Seconds of Wiener and of the bare transforms, in turns, and the peak memory, MB."""
    import numpy as np

    import cepstro
    from cepstro.fft import irfft2, rfft2
    from cepstro.restore.borders import frame_shape

    pixels = np.random.default_rng(0).integers(0, 256, (ROWS, COLUMNS, 3), np.uint8)
    psf = cepstro.Disk(DIAMETER)
    shape = frame_shape((ROWS, COLUMNS), psf.halfwidth)
    cepstro.deblur(pixels, psf, nsr=5e-4)
    peak = peak_megabytes()
    plane = np.random.default_rng(0).random(shape, np.float32)

    def bare() -> None:
        for _ in range(3):
            irfft2(rfft2(plane), shape)

    bare()
    best = {"ours": float("inf"), "bare": float("inf"), "memory": peak}
    for _ in range(3):
        best["bare"] = min(best["bare"], fastest(bare, 1))
        best["ours"] = min(best["ours"], fastest(lambda: cepstro.deblur(pixels, psf, nsr=5e-4), 1))
    return best


def peak_megabytes() -> float:
    """Largest resident memory of this process so far, MB (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


MEASURES = {"help": help_ratio, "analyze": analyze_ratio, "wiener": wiener_ratio}
TITLES = {
    "help": ("`cepstro --help`", '`python -c "import typer"`', 1.5),
    "analyze": ("`analyze`, 24 MP", "Pillow's decoding of the JPEG", 3.0),
    "wiener": ("`deblur(nsr=5e-4)`, 24 MP RGB", "bare FFTs of three planes", 5.0),
}


def main(names: list[str]) -> None:
    """Measure each in a process of its own and print the table."""
    lines = [
        "| work | s | against | s | ratio | at most | peak memory, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names or list(MEASURES):
        command = [sys.executable, __file__, "--one", name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        told = json.loads(text.splitlines()[-1])
        ours, bare, most = TITLES[name]
        memory = f"{told['memory']:.0f}" if "memory" in told else ""
        lines.append(
            f"| {ours} | {told['ours']:.3f} | {bare} | {told['bare']:.3f} "
            f"| {told['ours'] / told['bare']:.2f} | {most:g} | {memory} |"
        )
        print(*lines[-1:] if name != (names or list(MEASURES))[0] else lines, sep="\n", flush=True)
    if not names:
        out = HERE / "results" / "speed.md"
        out.parent.mkdir(exist_ok=True)
        out.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        from PIL import Image

        Image.fromarray(picture()).save(sys.argv[2], quality=92)
    elif sys.argv[1:2] == ["--one"]:
        print(json.dumps(MEASURES[sys.argv[2]]()))
    else:
        main(sys.argv[1:])
