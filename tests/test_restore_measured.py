"""What is measured on a picture before it is restored, on blocks spread over it."""

import numpy as np
import pytest
from test_prior import blurred_scene

from cepstro.errors import UnsuitableImageError
from cepstro.light import from_linear
from cepstro.psf import Disk
from cepstro.restore.measured import (
    Task,
    blocks_of,
    in_memory,
    measure_channels,
    measure_planes,
    samples,
)

PSF = Disk(7)
SHAPE = (300, 400)


def task(psfs=(PSF,) * 3, method=None, nsr=None, noise=None):
    return Task(list(psfs), method, nsr, noise, 0.0, "srgb")


def coloured(gains=(1.0, 0.6, 0.3)):
    """A photo whose channels are one scene, of so much light each, with noise of 1/255."""
    scene = blurred_scene(SHAPE, PSF)
    light = np.clip(0.4 + 0.1 * scene / scene.std(), 0, 0.9)
    codes = 255 * from_linear(light[..., None] * np.float32(gains), np.dtype(np.float32))
    codes += np.random.default_rng(1).standard_normal(codes.shape)
    return np.clip(np.rint(codes), 0, 255).astype(np.uint8), light


def planes_of(picture, asked):
    return measure_planes(blocks_of(in_memory(picture), samples(picture.shape[:2], asked)), asked)


@pytest.mark.parametrize("shape", [(1, 1), (9, 500), (300, 400), (5000, 7000)])
@pytest.mark.parametrize("nsr", [1e-3, None])
def test_samples_lie_in_the_picture_and_stay_bounded(shape, nsr):
    for side, corners in samples(shape, task(method="wiener", nsr=nsr)):
        assert all(0 <= y <= shape[0] - side and 0 <= x <= shape[1] - side for y, x in corners)
        assert len(corners) * side**2 < 1 << 24
        assert len(set(corners)) == len(corners)


def test_shares_are_the_channels_light_and_the_mean_is_the_pictures():
    gains = (1.0, 0.6, 0.3)
    picture, light = coloured(gains)
    found = planes_of(picture, task())
    weights = np.array([0.2126, 0.7152, 0.0722]) @ gains
    np.testing.assert_allclose(found.shares, np.array(gains) / weights, rtol=0.02)
    assert found.plans[0].mean == pytest.approx(weights * light.mean(), rel=0.02)
    assert not found.plans[0].page
    assert len(found.rests) == 3


def test_rests_of_a_grey_picture_in_three_channels_are_nothing():
    picture = np.repeat(coloured()[0][..., :1], 3, axis=2)
    found = planes_of(picture, task())
    assert found.rests == [None] * 3
    np.testing.assert_allclose(found.shares, 1, atol=1e-4)


def test_channels_with_blurs_of_their_own_are_measured_one_by_one():
    psfs = [Disk(6), Disk(7), Disk(8)]
    found = planes_of(coloured()[0], task(psfs))
    assert [plan.psf for plan in found.plans] == psfs
    assert found.shares == found.rests == []


@pytest.mark.parametrize(("share", "page"), [(0.02, False), (0.5, True)])
def test_a_limit_that_much_of_the_picture_reaches_is_the_white_of_a_page(share, page):
    picture = coloured()[0]
    picture[:, : int(share * SHAPE[1])] = 255
    assert planes_of(picture, task()).plans[0].page is page


def test_wiener_has_the_constant_given_or_one_of_each_channel():
    picture = coloured()[0]
    asked = task(method="wiener", nsr=1e-3)
    means, nsrs = measure_channels(blocks_of(in_memory(picture), samples(SHAPE, asked)), asked)
    assert nsrs == [1e-3] * 3
    assert means[0] > means[1] > means[2] > 0
    asked = task(method="wiener")
    _, nsrs = measure_channels(blocks_of(in_memory(picture), samples(SHAPE, asked)), asked)
    noises = [nsr.level() for nsr in nsrs]
    assert noises[0] > 1.2 * noises[1] > 1.4 * noises[2]  # light of bright channels is noisier


def test_any_number_of_threads_measures_the_same(monkeypatch):
    picture = coloured()[0]
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("CEPSTRO_THREADS", threads)
        found.append(planes_of(picture, task()))
    assert found[0] == found[1]


def test_values_that_are_not_finite_are_refused():
    picture = np.full(SHAPE, np.nan, np.float32)
    with pytest.raises(UnsuitableImageError, match="finite"):
        planes_of(picture, task([PSF]))
