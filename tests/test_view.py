"""Views of a photo, as the analysis reads them."""

import numpy as np
import pytest

from cepstro.light import luminance, to_linear
from cepstro.view import LARGEST_BLOCK, View, quarters, reduced, view_of


def test_large_photo_is_read_where_it_shows_something():
    side = LARGEST_BLOCK
    plane = np.zeros((3 * side, 3 * side), np.uint8)
    plane[-side:, -side:] = np.random.default_rng(0).integers(0, 256, (side, side))
    blocks = list(View(plane, "srgb").blocks(side))
    assert len(blocks) == 4  # of 25 that overlap by half
    assert sum(block.any() for block in blocks) == 4  # all that reach into the corner


def test_photo_decoded_once_gives_the_same_blocks():
    pixels = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
    decoded = view_of(pixels, "srgb")
    assert decoded.pixels.ndim == 2
    pairs = zip(decoded.blocks(128), View(pixels, "srgb").blocks(128), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_blocks_that_share_nothing_are_fewer_and_still_cover_everything():
    numbers = np.arange(96 * 128, dtype=np.float32).reshape(96, 128)
    view = View(numbers, "linear")
    apart, shared = (list(view.blocks(32, overlap=overlap)) for overlap in (0.0, 0.5))
    assert (len(apart), len(shared)) == (12, 35)
    assert len(np.unique(np.stack(apart))) == numbers.size


def test_quarters_are_the_whole():
    light = np.random.default_rng(2).random((101, 84), np.float32)
    parts = [part.pixels for part in quarters(View(light, "linear"))]
    assert np.array_equal(np.block([parts[:2], parts[2:]]), light)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reduced_photo_has_the_mean_light_of_its_squares(scale):
    height, width = LARGEST_BLOCK, LARGEST_BLOCK + 40
    small = np.random.default_rng(scale).integers(0, 256, (height, width), np.uint8)
    rim = ((0, 0), (0, scale - 1))  # what fills no square is left out
    large = np.pad(np.kron(small, np.ones((scale, scale), np.uint8)), rim)
    view = reduced(View(large, "srgb"))
    assert (view.scale, view.light, view.shape) == (scale, "linear", (height, width))
    np.testing.assert_allclose(view.pixels, to_linear(small), atol=1e-6)


def test_reduced_photo_means_light_not_codes():
    side = 3 * LARGEST_BLOCK
    stripes = np.zeros((side, side), np.uint8)
    stripes[::3] = 255
    np.testing.assert_allclose(reduced(View(stripes, "srgb")).pixels, 1 / 3, atol=1e-6)


def test_light_of_a_view_is_the_photos():
    pixels = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    (block,) = view_of(pixels, "srgb").blocks(64)
    assert np.array_equal(block, luminance(to_linear(pixels)))
