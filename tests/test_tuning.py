"""The factor that a photo asks for: near the best one for white noise, and none for JPEG."""

from dataclasses import replace

import degrade
import numpy as np
import pytest
from test_prior import blurred_scene, fit

from cepstro import deblur
from cepstro.fft import rfft2
from cepstro.light import linear_to_srgb, luminance
from cepstro.psf import Disk
from cepstro.restore import prior, tuning, wiener
from cepstro.restore.response import response


def crops(plane, psf):
    side, corners = tuning.places(plane.shape, psf)
    return [plane[y : y + side, x : x + side] for y, x in corners]


def noisy(shape, psf, sigma, *, slope, seed=0):
    plane = blurred_scene(shape, psf, slope=slope, seed=seed)
    return plane + np.float32(sigma) * np.random.default_rng(1).standard_normal(shape, np.float32)


@pytest.mark.parametrize("wrong", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("slope", [1.5, 2.5])
def test_a_wrong_factor_is_put_right(wrong, slope):
    """The scene's own power law, its NSR multiplied by `wrong`: most of the way back is found."""
    psf, shape, sigma = Disk(9), (400, 500), 0.004
    plane = noisy(shape, psf, sigma, slope=slope)
    given = prior.Prior(np.log(1e-6), slope, sigma**2, 0.0, 1 / 17, white=True)
    power = response(psf, 0.0, shape)[1]
    rule = float(np.median(given.nsr(power, shape) / (sigma**2 / given.signal(shape))))
    found = tuning.tuned(replace(given, factor=wrong / rule), crops(plane, psf), psf)
    assert abs(np.log(found.factor * rule)) < 0.35 * abs(np.log(wrong)) + 0.15


def test_the_factor_does_not_hang_on_the_scale_of_light():
    psf = Disk(9)
    plane = noisy((300, 300), psf, 0.004, slope=2)
    factors = []
    for scale in (1.0, 0.01):
        scaled = (scale * plane).astype(np.float32)
        factors.append(tuning.tuned(fit(scaled, psf), crops(scaled, psf), psf).factor)
    assert factors[0] == pytest.approx(factors[1], rel=0.02)


@pytest.mark.parametrize("quality", [75, 92])
def test_jpeg_keeps_the_rule(quality):
    psf, shape = Disk(9), (420, 540)
    scene = blurred_scene(shape, psf, slope=2.4)
    light = np.clip(0.5 + 0.1 * scene / scene.std(), 0, 1)
    for options, white in (({}, True), ({"quality": quality}, False)):
        plane = degrade.record(light, noise=1, **options) / np.float32(255)
        plane -= plane.mean()
        fitted = fit(plane, psf)
        assert fitted.white is white
        assert (tuning.tuned(fitted, crops(plane, psf), psf) != fitted) is white


def test_noise_given_by_the_user_is_not_tuned():
    plane = noisy((300, 300), Disk(9), 0.004, slope=2)
    assert not fit(plane, Disk(9), noise=0.01).white


@pytest.mark.parametrize(("diameter", "noise"), [(8, 2.55), (16, 0.5)])
def test_photos_are_restored_better_than_by_the_rule(diameter, noise, monkeypatch):
    """In the mean over the half of the photos that tells by which rule."""
    names = [name for name in degrade.sharp_names() if "hubble" not in name][0::2]
    if not names:
        pytest.skip("shared/data is not here")
    psf = Disk(diameter)
    gains = []
    for name in names:
        scene = light_of(name)
        blurred = degrade.record(degrade.blur_valid(scene, psf), noise=noise)
        truth = linear_to_srgb(scene[degrade.valid_slices(scene.shape, psf)])
        errors = []
        for share in (0.7, 0.0):
            monkeypatch.setattr(tuning, "_SHARE", share)
            errors.append(np.mean((deblur(blurred, psf, method="wiener") / 255 - truth) ** 2))
        gains.append(10 * np.log10(errors[1] / errors[0]))
    assert np.mean(gains) > 0.03  # dB


def light_of(name):
    """The middle of a photo made two times smaller, grey, in light."""
    whole = luminance(degrade.sharp(name))
    rows, columns = (n // 2 for n in whole.shape)
    small = whole[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).mean(axis=(1, 3))
    top, left = max(0, rows // 2 - 160), max(0, columns // 2 - 220)
    return small[top : top + 320, left : left + 440].astype(np.float32)


def test_no_data_leaves_the_prior_alone():
    psf = Disk(5)
    flat = np.zeros((64, 64), np.float32)
    given = prior.Prior(0.0, 2.0, 1e-6, 0.0, 0.1, white=True)
    assert tuning.tuned(given, [flat], psf) == given
    assert tuning.tuned(given, [], psf) == given
    assert not np.isnan(np.abs(rfft2(wiener.extend(flat, psf, given))).sum())
