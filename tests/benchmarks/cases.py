"""The photos that the accuracy is measured and the confidence calibrated on, each with its truth.

Crops of 512 x 768 px of the sharp photos of shared/data, the most detailed of four places each, and
drawn scenes, blurred in linear light without wrapping round. Even photos (in the order of their
names) calibrate, odd ones report.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import degrade
from drawn import KINDS, drawn

import cepstro

CONDITIONS = {
    "8 bit": {},
    "BSNR 40": {"bsnr": 40},
    "BSNR 30": {"bsnr": 30},
    "BSNR 20": {"bsnr": 20},
    "JPEG 95": {"quality": 95},
    "JPEG 85": {"quality": 85},
    "JPEG 75": {"quality": 75},
    "JPEG 50": {"quality": 50},
    "clipped, gain 1.6": {"gain": 1.6},
    "noise 1, JPEG 90": {"noise": 1, "quality": 90},
    "256 px crop": {"crop": 256},
    "128 px crop": {"crop": 128},
}
USUAL = "noise 1, JPEG 90"
CROPS = (160, 300, 500, 1000)  # px
CAMERAS: tuple[dict, ...] = (
    {"noise": 1, "quality": 90},
    {"noise": 0.5},
    {"noise": 1, "quality": 75},
    {"noise": 4},
)
LARGEST = {"256 px crop": 25.0, "128 px crop": 12.0}
_HEIGHT, _WIDTH = 512, 768
_PLACES = 4


@dataclass(frozen=True)
class Case:
    """One photo with the truth about it; `psf` is None for a sharp one."""

    scene: str
    condition: str
    kind: str  # disk, ring, polygon, soft, gaussian, motion or sharp
    psf: cepstro.PSF | None
    pixels: np.ndarray


def names(half: str) -> list[str]:
    """Photos that calibrate ("even") or report ("odd")."""
    return degrade.sharp_names()[0 if half == "even" else 1 :: 2]


def photographed(
    scene: np.ndarray, psf: cepstro.PSF | None, condition: str, *, seed: int
) -> np.ndarray:
    """The scene blurred and recorded under a condition."""
    options = dict(CONDITIONS[condition])
    crop = options.pop("crop", None)
    light = scene if psf is None else degrade.blur_valid(scene, psf)
    if crop is not None:
        rng = np.random.default_rng(seed)
        top, left = (int(rng.integers(0, length - crop + 1)) for length in light.shape[:2])
        light = light[top : top + crop, left : left + crop]
    return degrade.record(light, seed=seed, **options)


def _crop(name: str, psf: cepstro.PSF | None, seed: int) -> np.ndarray:
    """The most detailed of four places in a photo: blurred background is no sharp scene."""
    margin = 0 if psf is None else 2 * (psf.halfwidth + 2)
    size = _HEIGHT + margin, _WIDTH + margin
    places = (degrade.scene(name, *size, seed=_PLACES * seed + place) for place in range(_PLACES))
    return max(places, key=_detail)


def _detail(linear: np.ndarray) -> float:
    """Mean step between neighbours, of the encoded values."""
    some = np.sqrt(linear[::4])
    return float(np.abs(np.diff(some, axis=1)).mean())


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def disks(half: str, *, seeds: int = 2) -> Iterator[Case]:
    """Ideal disks of 3 to 60 px in every condition."""
    for condition in CONDITIONS:
        for name in names(half):
            for seed in range(seeds):
                rng = np.random.default_rng([seed, sum((name + condition).encode())])
                psf = cepstro.Disk(_between(rng, 3, LARGEST.get(condition, 60)))
                pixels = photographed(_crop(name, psf, seed), psf, condition, seed=seed)
                yield Case(name, condition, "disk", psf, pixels)


def families(half: str, *, seeds: int = 2, condition: str = USUAL) -> Iterator[Case]:
    """Every kind of blur, diameters 10 to 40 (Gaussians of a quarter), and none."""
    for name in names(half):
        for seed in range(seeds):
            rng = np.random.default_rng([seed, sum(name.encode()), 77])
            size = _between(rng, 10, 40)
            blades = int(rng.integers(5, 10))
            psfs: dict[str, cepstro.PSF | None] = {
                "disk": cepstro.Disk(size),
                "soft": cepstro.Disk(size, softness=size / 25),
                "ring": cepstro.Ring(size, hole=float(rng.uniform(0.3, 0.8))),
                "polygon": cepstro.Polygon(
                    size, blades=blades, rotation=float(rng.uniform(0, 360 / blades))
                ),
                "gaussian": cepstro.Gaussian(size / 4),
                "motion": cepstro.Motion(size, angle=float(rng.uniform(-90, 90))),
                "sharp": None,
            }
            for kind, psf in psfs.items():
                pixels = photographed(_crop(name, psf, seed), psf, condition, seed=seed)
                yield Case(name, condition, kind, psf, pixels)


def negatives(half: str, *, seeds: int = 2) -> Iterator[Case]:
    """Photos that must not be called defocus: sharp ones and small to large Gaussians."""
    for name in names(half):
        for seed in range(seeds):
            rng = np.random.default_rng([seed, sum(name.encode()), 78])
            for condition in ("8 bit", USUAL, "JPEG 75"):
                for kind, psf in (
                    ("sharp", None),
                    ("gaussian", cepstro.Gaussian(_between(rng, 0.7, 8))),
                    ("motion", cepstro.Motion(_between(rng, 5, 50), angle=rng.uniform(-90, 90))),
                ):
                    pixels = photographed(_crop(name, psf, seed), psf, condition, seed=seed)
                    yield Case(name, condition, kind, psf, pixels)


def crops(half: str, *, seeds: int = 2) -> Iterator[Case]:
    """Small parts of photos, wherever they lie: wall, sky and blurred background too."""
    for name in names(half):
        for seed in range(seeds):
            rng = np.random.default_rng([seed, sum(name.encode()), 91])
            size = _between(rng, 6, 40)
            for kind, psf in (
                ("disk", cepstro.Disk(size)),
                ("ring", cepstro.Ring(size, hole=float(rng.uniform(0.3, 0.6)))),
                ("gaussian", cepstro.Gaussian(_between(rng, 0.8, 8))),
                ("sharp", None),
                ("motion", cepstro.Motion(_between(rng, 6, 40), angle=rng.uniform(-90, 90))),
            ):
                scene = degrade.scene(name, 1300, 1500, seed=seed)
                light = scene if psf is None else degrade.blur_valid(scene, psf)
                for number, options in enumerate(CAMERAS):
                    pixels = degrade.record(light, seed=seed, **options)
                    for side in CROPS:
                        crop = _anywhere(pixels, side, [seed, number, side, sum(name.encode())])
                        yield Case(name, f"crop of {side} px", kind, psf, crop)


def is_so(case: Case, *, soft: bool) -> bool:
    """Whether a photo is as soft as a Gaussian, or as sharp, as was said of it."""
    if soft:
        return case.kind == "gaussian"
    return case.kind == "sharp" or (case.kind == "gaussian" and case.psf.sigma < 1)


def _anywhere(pixels: np.ndarray, side: int, seed: list[int]) -> np.ndarray:
    """A square part of a picture at random; smaller where the picture is."""
    rng = np.random.default_rng(seed)
    size = [min(side, length) for length in pixels.shape[:2]]
    top, left = (
        int(rng.integers(0, length - part + 1))
        for length, part in zip(pixels.shape[:2], size, strict=True)
    )
    return np.ascontiguousarray(pixels[top : top + size[0], left : left + size[1]])


def drawings(half: str, *, seeds: int = 6) -> Iterator[Case]:
    """Pages, drawings and screenshots: sharp, out of focus and Gaussian."""
    for kind_of_scene in KINDS:
        for seed in range(0 if half == "even" else 1, 2 * seeds, 2):
            rng = np.random.default_rng([seed, 79])
            light = drawn(kind_of_scene, seed)
            name = f"{kind_of_scene} {seed}"
            for kind, psf in (
                ("sharp", None),
                ("disk", cepstro.Disk(_between(rng, 5, 60))),
                ("gaussian", cepstro.Gaussian(_between(rng, 0.7, 5))),
            ):
                for condition in ("8 bit", USUAL, "JPEG 75"):
                    yield Case(
                        name,
                        condition,
                        kind,
                        psf,
                        photographed(light, psf, condition, seed=seed),
                    )


def varied(half: str, *, seeds: int = 2) -> Iterator[Case]:
    """Like photos of real lenses: two depths, soft edges, bright rims, sharpened by the camera."""
    for name in names(half):
        for seed in range(seeds):
            rng = np.random.default_rng([seed, sum(name.encode()), 5])
            size, spread = _between(rng, 6, 50), float(rng.uniform(0, 0.12))
            softness = float(rng.uniform(0.3, 1.2)) * size / 20
            hole = float(rng.choice([0, 0, 0.3, 0.5]))

            def lens(
                diameter: float, hole: float = hole, softness: float = softness
            ) -> cepstro.PSF:
                if hole == 0:
                    return cepstro.Disk(diameter, softness=softness)
                return cepstro.Ring(diameter, hole=hole, softness=softness)

            near, far = lens(size * (1 - spread)), lens(size * (1 + spread))
            scene = _crop(name, far, seed)
            parts = [degrade.blur_valid(scene, psf) for psf in (near, far)]
            height, width = parts[1].shape[:2]
            edge = [(n - m) // 2 for n, m in zip(parts[0].shape, (height, width), strict=False)]
            first = parts[0][edge[0] : edge[0] + height, edge[1] : edge[1] + width]
            share = np.clip(np.linspace(-0.2, 1.2, width), 0, 1).reshape(
                (1, width) + (1,) * (first.ndim - 2)
            )
            light = first * (1 - share) + parts[1] * share
            pixels = degrade.record(light, noise=float(rng.uniform(0.3, 2)), seed=seed)
            pixels = degrade.sharpened(
                pixels, radius=float(rng.uniform(0.6, 2)), percent=int(rng.integers(30, 150))
            )
            pixels = degrade.jpeg(pixels, int(rng.integers(82, 97)))
            yield Case(name, "varied", "ring" if hole else "disk", lens(size), pixels)
