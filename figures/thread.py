"""The question that cepstro began with, asked again and answered: draws thread.png.

    python figures/thread.py [OUT.png]

A forum thread had a sharp and a blurred photo, a ring-shaped blur about 27 px across, and three
answers: a Wiener deconvolution of one photo by the other, the cepstrum of the blurred one alone,
and least squares. None gave a kernel that blurred the asker's other photos alike. Here is a pair
like his (a partly filled ring of 27 px with a softness of 2, JPEG, shifted by parts of a pixel,
scikit-image's astronaut), the three routes, and his own test: a second photo.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from skimage import data

import cepstro
from cepstro.figures import panels
from cepstro.figures.style import LIGHT, page, picture_axes
from cepstro.light import from_linear, luminance, to_linear
from cepstro.pair import estimate_kernel

HERE = Path(__file__).parent
TRUTH = cepstro.Ring(27, hole=0.75, softness=2)
SHIFT = (5.4, -7.3)  # px down and right
QUALITY = 92
RIM = 40  # px cut away: what the wrapped shift and the mirrored border reached
SHOWN = np.s_[20:250, 100:370]  # part of the photos drawn


def jpeg(light: np.ndarray) -> np.ndarray:
    """Light as a JPEG photo stores it."""
    buffer = io.BytesIO()
    Image.fromarray(from_linear(light, np.dtype(np.uint8))).save(buffer, "JPEG", quality=QUALITY)
    return np.asarray(Image.open(buffer))


def pair() -> tuple[np.ndarray, np.ndarray]:
    """A sharp photo and a blurred one, shifted."""
    light = to_linear(data.astronaut())
    fy, fx = np.fft.fftfreq(light.shape[0])[:, None], np.fft.rfftfreq(light.shape[1])[None]
    turn = np.exp(-2j * np.pi * (fy * SHIFT[0] + fx * SHIFT[1]))
    moved = [
        np.fft.irfft2(np.fft.rfft2(plane) * turn, s=plane.shape)
        for plane in np.moveaxis(light, 2, 0)
    ]
    soft = cepstro.blur(np.stack(moved, axis=-1).astype(np.float32), TRUTH, light="linear")
    inside = np.s_[RIM:-RIM, RIM:-RIM]
    return jpeg(light[inside]), jpeg(soft[inside])


def quotient(sharp: np.ndarray, blurred: np.ndarray, side: int) -> np.ndarray:
    """The thread's first answer: the photos' spectra divided, borders and shift as they are."""
    green = [photo[..., 1] / 255 for photo in (sharp, blurred)]
    s, b = (np.fft.rfft2(plane - plane.mean()) for plane in green)
    power = np.abs(s) ** 2
    kernel = np.fft.irfft2(np.conj(s) * b / (power + 1e-4 * power.mean()), s=green[0].shape)
    reach = np.arange(-(side // 2), side // 2 + 1)
    return kernel[np.ix_(reach, reach)]


def distance(kernel: np.ndarray) -> float:
    """Relative L2 distance from the truth, per cent."""
    truth = TRUTH.kernel()
    side = max(kernel.shape[0], truth.shape[0])
    a, b = (np.pad(k, (side - k.shape[0]) // 2) for k in (kernel, truth))
    return 100 * float(np.linalg.norm(a - b) / np.linalg.norm(b))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two encoded pictures of range 1, dB."""
    return float(-10 * np.log10(np.mean((a - b) ** 2)))


def kernel_panel(axes, kernel: np.ndarray, title: str) -> None:
    """A kernel, 55 px a side, negative values red."""
    side = 55
    if kernel.shape[0] < side:
        kernel = np.pad(kernel, (side - kernel.shape[0]) // 2)
    cut = (kernel.shape[0] - side) // 2
    view = kernel[cut : cut + side, cut : cut + side] / kernel.max()
    dark = np.clip(view, 0, 1)
    red = np.clip(-view * 3, 0, 1)
    axes.imshow(np.stack([np.maximum(dark, red), dark, dark], axis=-1), interpolation="nearest")
    picture_axes(axes, LIGHT, title=title)


def grey(photo: np.ndarray) -> np.ndarray:
    """A photo in grey, for drawing."""
    return from_linear(luminance(to_linear(photo)), np.dtype(np.uint8))


def draw() -> Figure:
    """Everything on one page."""
    sharp, blurred = pair()
    wiener = estimate_kernel(sharp, blurred, method="wiener")
    squares = estimate_kernel(sharp, blurred, method="lsqr")
    alone = cepstro.analyze(blurred)
    print(f"truth        {TRUTH}, shift {SHIFT}")
    for found in (wiener, squares):
        print(
            f"{found.method:12} {found.fit}; shift {found.shift[0]:.2f}, {found.shift[1]:.2f}; "
            f"kernel off by {distance(found.kernel):.1f} %"
        )
    print(f"cepstrum     {alone.verdict}, {alone.psf}: {alone.reason}")

    figure = page(12, 12.6)
    grid = figure.add_gridspec(
        4, 4, left=0.01, right=0.99, bottom=0.01, top=0.97, wspace=0.05, hspace=0.14
    )

    def picture(row: int, column: int, photo: np.ndarray, title: str) -> None:
        axes = figure.add_subplot(grid[row, column])
        panels.draw_picture(axes, grey(photo), title=title)

    picture(0, 0, sharp[SHOWN], "The sharp photo")
    picture(0, 1, blurred[SHOWN], "The blurred one, shifted")
    axes = panels.draw_cepstrum(figure.add_subplot(grid[0, 2]), alone)
    axes.set(xlabel="", ylabel="", xticks=[], yticks=[])
    axes.set_title("Its cepstrum, the ring found", loc="left", fontweight="bold")
    diameter = f"{alone.diameter:.1f}" if alone.diameter else "?"
    again = cepstro.blur(sharp, squares.psf)
    picture(0, 3, again[SHOWN], "The sharp one, re-blurred")

    naive = quotient(sharp, blurred, 55)
    kernels = [
        (TRUTH.kernel(), "Truth: ring of 27 px"),
        (naive, "Divided (red: below 0)"),
        (wiener.kernel, f"wiener: {distance(wiener.kernel):.1f} % off"),
        (squares.kernel, f"lsqr: {distance(squares.kernel):.1f} % off"),
    ]
    for column, (kernel, title) in enumerate(kernels):
        kernel_panel(figure.add_subplot(grid[1, column]), kernel, title)

    psf = alone.psf if alone.psf is not None else squares.psf
    picture(2, 0, blurred[SHOWN], "Blurred")
    picture(2, 1, cepstro.deblur(blurred, psf)[SHOWN], f"Undone, cepstrum (D {diameter})")
    picture(2, 2, cepstro.deblur(blurred, wiener.psf)[SHOWN], "Undone, wiener kernel")
    picture(2, 3, cepstro.deblur(blurred, squares.psf)[SHOWN], "Undone, lsqr kernel")

    second = data.chelsea()[:300, 60:430] / np.float32(255)
    truth = cepstro.blur(second, TRUTH)
    naive_psf = cepstro.Kernel(naive)
    others = [("true blur", truth)]
    others += [
        (name, cepstro.blur(second, one))
        for name, one in (
            ("spectra divided", naive_psf),
            ("wiener", wiener.psf),
            ("lsqr", squares.psf),
        )
    ]
    for column, (name, photo) in enumerate(others):
        title = f"Another photo, {name}"
        if column:
            decibels = psnr(photo, truth)
            print(f"transfer     {name}: {decibels:.1f} dB")
            title = f"{name}: {decibels:.1f} dB"
        picture(3, column, np.clip(photo, 0, 1), title)
    return figure


def main(path: Path) -> None:
    """Draw and save as a small PNG."""
    buffer = io.BytesIO()
    draw().savefig(buffer, format="png", dpi=110)
    picture = Image.open(buffer).convert("RGB")
    picture.quantize(48, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "thread.png")
