"""Scenes that nobody photographed: pages of text, drawings, screenshots; linear light, H x W."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cepstro.light import to_linear

KINDS = ("text", "drawing", "screen")
_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_FACES = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")
_TEXT = (
    "a lens out of focus spreads each point over disk of light while the sensor counts what it "
    "gets so page far from plane sharpness turns grey and lines run into one another Fig. 38.1 %"
)
_WORDS = _TEXT.split()
_FINE = 2  # drawn this many times larger, then reduced, so that edges are smooth


def drawn(kind: str, seed: int, height: int = 700, width: int = 1000) -> np.ndarray:
    """One scene of a kind of `KINDS`; pages and drawings are lit unevenly and slightly turned."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    image = Image.new("L", (width * _FINE, height * _FINE), int(rng.integers(200, 256)))
    draw = ImageDraw.Draw(image)
    if kind == "text":
        _text(draw, rng, image.size)
    elif kind == "drawing":
        _drawing(draw, rng, image.size)
    else:
        _screen(draw, rng, image.size)
    if kind != "screen":
        turn = float(rng.uniform(-8, 8))
        image = image.rotate(turn, resample=Image.Resampling.BICUBIC, fillcolor=230)
    light = to_linear(np.asarray(image.reduce(_FINE)))
    if kind != "screen":
        down, right = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
        light = light * (1 - 0.35 * rng.random() * right) * (1 - 0.35 * rng.random() * down)
    return light.astype(np.float32)


def _text(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: tuple[int, int]) -> None:
    points = int(rng.integers(14, 70)) * _FINE
    font = ImageFont.truetype(str(_FONTS / rng.choice(_FACES)), points)
    ink, margin, top = (
        int(rng.integers(0, 70)),
        int(rng.integers(0, 120)),
        int(rng.integers(points)),
    )
    while top < size[1]:
        draw.text((margin, top), " ".join(rng.choice(_WORDS, 60)), fill=ink, font=font)
        top += int(1.5 * points)


def _drawing(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: tuple[int, int]) -> None:
    for _ in range(int(rng.integers(30, 120))):
        x0, x1 = sorted(int(x) for x in rng.integers(0, size[0], 2))
        y0, y1 = sorted(int(y) for y in rng.integers(0, size[1], 2))
        line, grey = int(rng.integers(1, 6)) * _FINE, int(rng.integers(0, 200))
        shape = rng.integers(4)
        if shape == 0:
            draw.line((x0, y1, x1, y0), fill=grey, width=line)
        elif shape == 1:
            draw.ellipse((x0, y0, x1 + 1, y1 + 1), outline=grey, width=line)
        elif shape == 2:
            fill = grey if rng.random() < 0.4 else None
            draw.rectangle((x0, y0, x1 + 1, y1 + 1), fill=fill, outline=grey, width=line)
        else:
            draw.line((x0, y0, x1, y1), fill=grey, width=line)


def _screen(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: tuple[int, int]) -> None:
    font = ImageFont.truetype(str(_FONTS / _FACES[0]), 13 * _FINE)
    labels = ("File", "Edit", "View", "value 0.731", "menu", "option")
    for _ in range(14):
        left, top = (int(x) for x in rng.uniform(0, 1, 2) * size)
        wide, high = (int(x) for x in rng.uniform(0, 0.5, 2) * size)
        shade = int(rng.integers(120, 256))
        draw.rectangle((left, top, left + wide, top + high), fill=shade, outline=60, width=_FINE)
        for row in range(high // (20 * _FINE)):
            line = " ".join(labels[: int(rng.integers(1, 6))])
            draw.text((left + 10, top + row * 20 * _FINE), line, fill=20, font=font)
