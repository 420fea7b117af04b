"""What happened to a photo before it came here is told."""

import numpy as np
import pytest
from degrade import blur_valid, jpeg, record, scene, sharp_names
from PIL import Image
from spectra import power_law_scene

from cepstro.condition import conditions
from cepstro.light import from_linear, luminance, to_linear
from cepstro.psf import Disk

PHOTOS = ("facerec_obama.jpg", "leptonica_wyom.jpg", "skimage_camera.png", "skimage_gravel.png")


def told(pixels: np.ndarray) -> list[str]:
    return conditions(pixels, luminance(to_linear(pixels, light="linear")))


def blurred(name: str, *, diameter: float = 8, **camera) -> np.ndarray:
    if name not in sharp_names():
        pytest.skip("shared/data is not here")
    return record(blur_valid(scene(name, 448, 448), Disk(diameter)), noise=1, **camera)


def drawn(*, gain: float = 1.0) -> np.ndarray:
    """A soft 8-bit scene that needs no photo."""
    plane = power_law_scene(448, psf=Disk(8)) * 0.1 * gain + 0.4 * gain
    return from_linear(plane, np.dtype(np.uint8))


@pytest.mark.parametrize("name", PHOTOS)
def test_clean_photos_are_not_spoken_of(name):
    assert told(blurred(name)) == []


def test_clean_scene_is_not_spoken_of():
    assert told(drawn()) == []


def test_clipped_part_is_told_with_its_share():
    pixels = drawn(gain=2.6)
    share = float(np.mean(pixels >= 254))
    assert share > 0.1
    (sentence,) = told(pixels)
    assert sentence.startswith(f"{100 * share:.0f} % of the photo")


def test_clipped_colour_is_told_too():
    pixels = np.stack([drawn(gain=2.6), drawn(), drawn()], axis=-1)
    assert any("sensor's limit" in sentence for sentence in told(pixels))


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("offset", [(0, 0), (3, 5)])
def test_grid_of_strong_jpeg_is_told_wherever_it_begins(name, offset):
    pixels = jpeg(blurred(name), 30)[offset[0] :, offset[1] :]
    assert any("8 x 8 grid" in sentence for sentence in told(pixels))


def test_grid_of_a_drawn_scene_is_told():
    assert any("8 x 8 grid" in sentence for sentence in told(jpeg(drawn(), 30)))


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("filter", [Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
def test_photo_enlarged_by_a_broken_factor_is_told(name, filter):
    small = Image.fromarray(blurred(name)[:300, :300])
    large = np.asarray(small.resize((450, 450), filter))
    assert any("resized" in sentence for sentence in told(large))


@pytest.mark.parametrize("name", PHOTOS)
def test_jpeg_90_is_not_called_strong(name):
    assert told(jpeg(blurred(name), 90)) == []


def test_pixels_are_not_changed():
    pixels = drawn(gain=2.6)
    before = pixels.copy()
    told(pixels)
    np.testing.assert_array_equal(pixels, before)
