"""The committed pictures are small, are what figures/make.py draws, and are shown somewhere."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TOP = Path(__file__).parents[1]
sys.path.insert(0, str(TOP / "figures"))

import make  # noqa: E402

PICTURES = sorted(path for path in (TOP / "figures").iterdir() if path.suffix in (".jpg", ".png"))


def test_every_committed_picture_has_its_generator():
    assert {path.name for path in PICTURES} == set(make.PICTURES)


def test_committed_pictures_are_small():
    sizes = {path.name: path.stat().st_size for path in PICTURES}
    assert max(sizes.values()) < 300_000, sizes
    assert sum(sizes.values()) < 3_000_000


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_every_picture_is_shown_in_the_documentation(path):
    pages = [TOP / "README.md", *(TOP / "docs").rglob("*.md")]
    assert any(f"figures/{path.name}" in page.read_text("utf-8") for page in pages)


@pytest.mark.gallery
@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_pictures_drawn_again_look_like_the_committed_ones(path):
    from skimage.metrics import structural_similarity

    with Image.open(path) as old, Image.open(io.BytesIO(make.make(path.name))) as new:
        assert new.size == old.size
        # A quarter of the size: what stands where, not each grain of noise or hinted letter.
        before, after = (np.asarray(picture.convert("L").reduce(4)) for picture in (old, new))
    # Plots of results keep their axes and words; their points move with each run.
    assert structural_similarity(before, after) > (0.75 if path.name in make.MEASURED else 0.9)
