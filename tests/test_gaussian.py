"""The sigma of a photo that is soft without rings."""

import numpy as np
import pytest
from degrade import blur_valid, record, scene, sharp_names
from spectra import power_law_scene, spectrum_of

from cepstro.gaussian import SOFT, WEIGHTS, Softness, chance, features, softness_of
from cepstro.light import luminance, to_linear
from cepstro.psf import Disk, Gaussian
from cepstro.radial import polar_spectrum


def sigma_of(spectrum) -> float:
    return softness_of(polar_spectrum(spectrum)).sigma


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("noise", [1e-3, 1e-2])
def test_sigma_of_a_scene_with_the_usual_slope_is_exact(sigma, noise):
    plane = power_law_scene(512, psf=Gaussian(sigma), noise=noise)
    found = sigma_of(spectrum_of(plane, 256))
    assert found == pytest.approx(sigma, rel=0.015)


@pytest.mark.parametrize("slope", [-2.2, -2.8])
def test_sigma_of_scenes_of_other_slopes_is_near(slope):
    plane = power_law_scene(512, slope=slope, psf=Gaussian(2.0), noise=3e-3)
    assert sigma_of(spectrum_of(plane, 256)) == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("slope", [-2.2, -2.5, -2.8])
def test_scene_that_is_not_soft_reads_so(slope):
    plane = power_law_scene(512, slope=slope, noise=1e-3)
    assert 0 <= sigma_of(spectrum_of(plane, 256)) < SOFT


def test_exposure_does_not_matter():
    plane = power_law_scene(512, psf=Gaussian(1.5), noise=3e-3)
    one, other = (sigma_of(spectrum_of(part, 256)) for part in (plane, 50 * plane + 3))
    assert other == pytest.approx(one, rel=1e-3)


@pytest.mark.parametrize("name", ["facerec_obama.jpg", "skimage_camera.png", "leptonica_wyom.jpg"])
def test_sigma_of_real_photos_is_within_a_fifth_and_sharp_ones_are_sharp(name):
    if name not in sharp_names():
        pytest.skip("shared/data is not here")
    light = luminance(scene(name))

    def read(linear: np.ndarray) -> float:
        seen = luminance(to_linear(record(linear, noise=1)))
        return sigma_of(spectrum_of(seen, 384))

    assert read(light) < SOFT
    found = [read(blur_valid(light, Gaussian(sigma))) for sigma in (1.0, 2.0, 4.0)]
    assert found == pytest.approx([1.0, 2.0, 4.0], rel=0.2)


def test_room_says_whether_a_disk_as_soft_would_show_its_second_ring():
    rooms = [
        softness_of(
            polar_spectrum(spectrum_of(power_law_scene(512, psf=Disk(12), noise=noise), 256))
        ).room
        for noise in (1e-4, 1e-2, 3e-1)
    ]
    assert rooms == sorted(rooms, reverse=True)
    assert rooms[0] > 2  # plain to see
    assert rooms[-1] < 0  # lost in the noise


@pytest.mark.parametrize("sigma", [0.3, 2.0])
def test_no_ring_says_more_where_one_would_have_shown(sigma):
    plain, doubtful = Softness(sigma, 4.0), Softness(sigma, -3.0)
    assert features(plain, 0.01, 400).shape == WEIGHTS[True].shape == WEIGHTS[False].shape
    assert 0 < chance(doubtful, 0.01, 400) < chance(plain, 0.01, 400) < 1
    assert chance(plain, 0.01, 160) < chance(plain, 0.01, 1000)
    assert chance(plain, 0.4, 400) <= 0.6 < chance(plain, 0.0, 400)
    assert chance(plain, 0.01, 10_000) == chance(plain, 0.01, 5000)
