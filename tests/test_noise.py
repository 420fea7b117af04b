"""The noise level of a blurred photo is read from the photo alone."""

import numpy as np
import pytest
from degrade import blur_valid, record, scene, sharp_names
from hypothesis import given
from hypothesis import strategies as st

from cepstro.noise import noise_sigma
from cepstro.psf import Disk


@pytest.mark.parametrize("sigma", [1.0, 2.55, 7.65])
def test_noise_of_blurred_photos_is_right_within_a_few_percent(sigma):
    names = sharp_names()[::4]
    if not names:
        pytest.skip("shared/data is not here")
    found = []
    for name in names:
        blurred = blur_valid(scene(name, 400, 500), Disk(8))
        plane = blurred if blurred.ndim == 2 else blurred[..., 1]
        picture = record(0.02 + 0.6 * plane, noise=sigma)
        found.append(noise_sigma(picture / 255) * 255)
    expected = np.hypot(sigma, 1 / np.sqrt(12))  # rounding to 8 bit adds its own
    assert np.median(found) == pytest.approx(expected, rel=0.02)
    assert found == pytest.approx([expected] * len(found), rel=0.12)


def test_white_noise_is_read_to_one_percent():
    noise = np.random.default_rng(1).normal(0, 0.01, (500, 700))
    assert noise_sigma(noise) == pytest.approx(0.01, rel=0.01)


def test_flat_plane_has_no_noise():
    assert noise_sigma(np.full((90, 70), 0.3)) == pytest.approx(0, abs=1e-7)


@given(st.integers(1, 12), st.integers(1, 12))
def test_any_size_gives_a_finite_figure(height, width):
    sigma = noise_sigma(np.random.default_rng(0).random((height, width)))
    assert np.isfinite(sigma)
    assert sigma >= 0


def test_noise_scales_with_the_plane_and_ignores_its_offset():
    plane = np.random.default_rng(2).random((128, 200))
    assert noise_sigma(3 * plane + 5) == pytest.approx(3 * noise_sigma(plane), rel=1e-4)
