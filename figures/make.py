"""Generate every picture of the README and the gallery.

    python figures/make.py [NAME ...]

Photos come from packages (matplotlib's portrait of Grace Hopper, scikit-image's astronaut, both in
the public domain) and are blurred here by known amounts: anybody can make the pictures again.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import example
import numpy as np
import tables
import thread
from matplotlib.figure import Figure
from PIL import Image
from skimage import data

import cepstro
from cepstro.cepstrum import power_cepstrum
from cepstro.figures import analysis_figure, panels
from cepstro.figures.style import BODY, LIGHT, page, picture_axes, plot_axes, rendered
from cepstro.light import luminance, to_linear
from cepstro.radial import radial_profile
from cepstro.spectrum import Spectrum, cut, power_spectrum

HERE = Path(__file__).parent
SIDE = 256  # blocks of the spectra shown, px


@cache
def scene() -> np.ndarray:
    """A sharp photo in linear light, H x W x 3 float32."""
    return to_linear(data.astronaut())


def recorded(
    psf: cepstro.PSF | None, *, noise: float = 0.5, quality: int | None = None
) -> np.ndarray:
    """The scene through a lens and a camera: uint8, `noise` in units of 1/255."""
    light = scene()
    soft = light if psf is None else cepstro.blur(light, psf, light="linear")
    encoded = cepstro.light.linear_to_srgb(np.clip(soft, 0, 1)) * 255
    noisy = encoded + noise * np.random.default_rng(0).standard_normal(encoded.shape)
    pixels = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)[24:-24, 24:-24]
    if quality is None:
        return pixels
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def spectrum_of(pixels: np.ndarray) -> Spectrum:
    """Averaged power spectrum of the luminance, in linear light."""
    return power_spectrum(cut(luminance(to_linear(pixels)), SIDE, overlap=0.75))


def draw_spectrum_picture(axes, spectrum: Spectrum, *, title: str) -> None:
    """The log power spectrum as a picture, frequency 0 in the middle."""
    log_power = np.log(spectrum.power)
    half = np.fft.fftshift(log_power, axes=0)[:, : SIDE // 2]
    whole = np.concatenate([half[::-1, ::-1], half], axis=1)
    low, high = np.percentile(whole, (2, 99.8))
    axes.imshow(whole, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    picture_axes(axes, LIGHT, title=title)


def draw_cepstrum_picture(axes, cepstrum: np.ndarray, *, reach: int, title: str) -> None:
    """The middle of a cepstrum, dark below 0."""
    middle = cepstrum.shape[0] // 2
    view = cepstrum[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    limit = np.percentile(np.abs(view[np.hypot(y, x) > 7]), 99.3)
    axes.imshow(view, cmap="gray", vmin=-limit, vmax=limit, interpolation="nearest")
    picture_axes(axes, LIGHT, title=title)


def draw_example() -> Figure:
    """The README's picture: what the two commands do with the portrait."""
    _, blurred = example.pair()
    buffer = io.BytesIO()
    Image.fromarray(blurred).save(buffer, "JPEG", quality=example.QUALITY)
    photo = np.asarray(Image.open(buffer))
    analysis = cepstro.analyze(photo)
    sharp = cepstro.deblur(photo, analysis.psf, diameter_error=analysis.diameter_error or 0.0)
    figure = page(12, 4.6)
    grid = figure.add_gridspec(
        1, 3, left=0.01, right=0.99, bottom=0.12, top=0.92, wspace=0.2, width_ratios=[1, 1.2, 1]
    )
    panels.draw_picture(figure.add_subplot(grid[0]), photo, title="A photo, out of focus")
    panels.draw_cepstrum(figure.add_subplot(grid[1]), analysis)
    title = f"D = {analysis.diameter:.1f} px (truth {example.DIAMETER:g}), undone"
    panels.draw_picture(figure.add_subplot(grid[2]), sharp, title=title)
    return figure


def draw_ring() -> Figure:
    """How the ring arises: photo, spectrum and cepstrum for growing diameters."""
    diameters = (0, 8, 16, 32)
    figure = page(12, 9.4)
    grid = figure.add_gridspec(
        3, 4, left=0.01, right=0.99, bottom=0.01, top=0.965, wspace=0.03, hspace=0.12
    )
    for column, diameter in enumerate(diameters):
        pixels = recorded(cepstro.Disk(diameter) if diameter else None)
        spectrum = spectrum_of(pixels)
        what = f"D = {diameter} px" if diameter else "Sharp"
        panels.draw_picture(figure.add_subplot(grid[0, column]), pixels, title=what)
        title = f"Spectrum: zeros 1/{diameter} apart" if diameter else "Spectrum"
        draw_spectrum_picture(figure.add_subplot(grid[1, column]), spectrum, title=title)
        title = f"Cepstrum: ring {2 * diameter} px across" if diameter else "Cepstrum"
        cepstrum = power_cepstrum(spectrum)
        draw_cepstrum_picture(figure.add_subplot(grid[2, column]), cepstrum, reach=48, title=title)
    return figure


def draw_shapes() -> Figure:
    """Shapes of blur, what they do to a spectrum, and their cepstra."""
    shapes: dict[str, cepstro.PSF] = {
        "Disk": cepstro.Disk(20),
        "Ring (mirror lens)": cepstro.Ring(20, hole=0.5),
        "Hexagon (iris)": cepstro.Polygon(20, blades=6),
        "Movement": cepstro.Motion(20, angle=30),
        "Gaussian": cepstro.Gaussian(5),
    }
    figure = page(13, 8.4)
    grid = figure.add_gridspec(
        3, len(shapes), left=0.01, right=0.99, bottom=0.01, top=0.96, wspace=0.03, hspace=0.12
    )
    for column, (name, psf) in enumerate(shapes.items()):
        kernel = psf.kernel()
        frame = np.zeros((41, 41))
        cut_by = max(0, (kernel.shape[0] - 41) // 2)
        kernel = kernel[cut_by : kernel.shape[0] - cut_by, cut_by : kernel.shape[1] - cut_by]
        start = (41 - kernel.shape[0]) // 2
        frame[start : start + kernel.shape[0], start : start + kernel.shape[1]] = kernel
        top = figure.add_subplot(grid[0, column])
        top.imshow(np.maximum(frame, 0), cmap="gray", interpolation="nearest")
        picture_axes(top, LIGHT, title=name)
        spectrum = spectrum_of(recorded(psf))
        below = figure.add_subplot(grid[1, column])
        draw_spectrum_picture(below, spectrum, title="Spectrum of the photo")
        last = figure.add_subplot(grid[2, column])
        draw_cepstrum_picture(last, power_cepstrum(spectrum), reach=40, title="Its cepstrum")
    return figure


def draw_noise() -> Figure:
    """What noise and JPEG do to the ring."""
    psf = cepstro.Disk(16)
    rows: dict[str, dict[str, np.ndarray]] = {
        "Noise": {f"{n:g} of 255": recorded(psf, noise=n) for n in (0.5, 2, 8)},
        "JPEG, noise 0.5 of 255": {f"quality {q}": recorded(psf, quality=q) for q in (95, 75, 50)},
    }
    figure = page(12, 4.6)
    grid = figure.add_gridspec(1, 2, left=0.07, right=0.985, bottom=0.14, top=0.91, wspace=0.2)
    styles = [("-", LIGHT.data), ("--", LIGHT.model), (":", LIGHT.ink)]
    for column, (title, photos) in enumerate(rows.items()):
        axes = figure.add_subplot(grid[column])
        for (label, pixels), (line, colour) in zip(photos.items(), styles, strict=True):
            profile = radial_profile(power_cepstrum(spectrum_of(pixels)), longest=40)
            axes.plot(
                profile.quefrency[6:], profile.mean[6:], line, color=colour, lw=2, label=label
            )
        axes.axvline(16, color=LIGHT.quiet, lw=1)
        plot_axes(
            axes, LIGHT, title=f"{title}: the ring at D = 16 px", x="quefrency, px", y="cepstrum"
        )
        axes.legend(frameon=False, fontsize=BODY)
    return figure


def draw_methods() -> Figure:
    """The methods side by side on one part of the portrait, and what a wrong diameter does."""
    clean, blurred = example.pair()
    psf = cepstro.Disk(example.DIAMETER)
    part = np.s_[0:190, 120:370]
    pictures = {"Before": blurred}
    for method in ("wiener", "lucy", "sparse", None, "best"):
        pictures[method or "the default"] = cepstro.deblur(blurred, psf, method=method)
    pictures["The truth"] = clean
    pictures["-a 13, 1 px too small"] = cepstro.deblur(blurred, cepstro.Disk(13))
    pictures["-a 15, 1 px too large"] = cepstro.deblur(blurred, cepstro.Disk(15))
    figure = page(12, 10.4)
    grid = figure.add_gridspec(
        3, 3, left=0.01, right=0.99, bottom=0.01, top=0.965, wspace=0.03, hspace=0.1
    )
    for place, (name, pixels) in zip(grid, pictures.items(), strict=True):
        error = np.mean((pixels[part].astype(float) - clean[part]) ** 2)
        title = name if error == 0 else f"{name}: {10 * np.log10(255**2 / error):.1f} dB"
        panels.draw_picture(figure.add_subplot(place), pixels[part], title=title)
    return figure


def draw_analysis() -> Figure:
    """The page of `cepstro analyze --figure` for the example."""
    _, blurred = example.pair()
    return analysis_figure(blurred, cepstro.analyze(blurred), title="blurry.jpg")


def draw_thread() -> Figure:
    """The question that cepstro began with, in a size that the page can hold."""
    figure = thread.draw()
    figure.set_dpi(72)
    return figure


# Pictures with photos in them are JPEG, drawings PNG.
PICTURES: dict[str, Callable[[], Figure]] = {
    "example.jpg": draw_example,
    "ring.jpg": draw_ring,
    "shapes.jpg": draw_shapes,
    "noise.png": draw_noise,
    "methods.jpg": draw_methods,
    "analysis.jpg": draw_analysis,
    "thread.png": draw_thread,
    "accuracy.png": tables.draw_accuracy,
}
# Plots of benchmark results, which change when the benchmark is run again.
MEASURED = {"accuracy.png"}


def make(name: str) -> bytes:
    """The bytes of one picture."""
    drawn = Image.open(io.BytesIO(rendered(PICTURES[name](), "png"))).convert("RGB")
    buffer = io.BytesIO()
    if name.endswith(".jpg"):
        drawn.save(buffer, "JPEG", quality=82, optimize=True)
    else:
        drawn.quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    for wanted in sys.argv[1:] or PICTURES:
        content = make(wanted)
        (HERE / wanted).write_bytes(content)
        print(f"{wanted}: {len(content) / 1000:.0f} kB")
