"""The unseen surroundings of a photo: bands along the seams say what the whole frame says."""

import numpy as np
import pytest
from degrade import blur_valid, record, valid_slices

from cepstro.psf import Disk, Kernel
from cepstro.restore import borders, deblur, wiener
from cepstro.restore.borders import _turned, embed, fill_gap, frame_shape


@pytest.fixture
def terrain():
    """A scene whose power falls as that of photos, 0..1."""
    rng = np.random.default_rng(0)
    fy, fx = np.fft.fftfreq(700)[:, None], np.fft.rfftfreq(900)
    weight = (fy**2 + fx**2 + 1e-6) ** -0.6
    plane = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((700, 900))) * weight, s=(700, 900))
    return np.clip(0.5 + 0.15 * plane / plane.std(), 0, 1).astype(np.float32)


@pytest.mark.parametrize("height", [8, 9])
@pytest.mark.parametrize("width", [10, 11])
def test_gain_is_turned_with_the_frame(height, width):
    psf = Kernel(np.arange(9.0).reshape(3, 3))
    gain = np.abs(psf.otf((height, width))) ** 2
    other = np.abs(Kernel(psf.kernel().T).otf((width, height))) ** 2
    assert _turned(gain, width) == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("nsr", [5e-4, 1e-2, None])
@pytest.mark.parametrize("psf", [Disk(9), Kernel(np.triu(np.ones((9, 9))))])
def test_bands_restore_the_rim_as_well_as_the_whole_frame_does(terrain, psf, nsr, monkeypatch):
    truth = terrain[valid_slices(terrain.shape, psf)]
    blurred = record(blur_valid(terrain, psf), noise=0.5) / np.float32(255)

    def rim_error(small):
        monkeypatch.setattr(borders, "_SMALL", small)
        restored = deblur(blurred, psf, nsr=nsr, method="wiener")
        error = (restored - np.where(truth > 0, 1.055 * truth ** (1 / 2.4) - 0.055, 0)) ** 2
        error[20:-20, 20:-20] = 0
        return error.sum()

    banded, whole = rim_error(np.inf), rim_error(-1)
    assert banded < 1.06 * whole  # a quarter of a dB
    assert banded != whole


def test_bands_come_nearer_to_the_fixed_point_than_mirrors():
    rng = np.random.default_rng(1)
    psf, size = Disk(6), (300, 400)
    scene = rng.standard_normal((340, 440)).cumsum(0).cumsum(1).astype(np.float32)
    plane = blur_valid(scene / scene.std(), psf)[: size[0], : size[1]]
    plane -= plane.mean()
    frame = embed(plane, frame_shape(size, psf.halfwidth), 4 * psf.halfwidth)
    gain = wiener.border_gain(psf, 1e-2)

    def amiss(frame):
        """How far the gap is from what the restored picture, blurred again, shows there."""
        again = np.fft.irfft2(np.fft.rfft2(frame) * gain(frame.shape), s=frame.shape) - frame
        again[: size[0], : size[1]] = 0
        return np.sqrt(np.mean(again**2))

    before = amiss(frame)
    fill_gap(frame, size, gain, 4 * psf.halfwidth)
    assert np.array_equal(frame[: size[0], : size[1]], plane)
    assert amiss(frame) < 0.2 * before


def test_gap_comes_to_the_fixed_point_on_a_small_frame():
    """Smooth pictures under little noise hang on their surroundings most of all."""
    rng = np.random.default_rng(2)
    psf, shape, size = Disk(9), (96, 120), (76, 100)
    weight = (np.fft.fftfreq(96)[:, None] ** 2 + np.fft.rfftfreq(120) ** 2 + 1e-4) ** -2
    otf = psf.otf(shape)
    scene = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * weight * otf, s=shape)
    plane = (scene / scene.std()).astype(np.float32)[: size[0], : size[1]]
    frame = embed(plane, shape, 4 * psf.halfwidth)
    gain = (otf**2 / (otf**2 + 1e-4)).astype(np.float32)

    def amiss():
        """How far the gap is from what the restored picture, blurred again, shows there."""
        again = np.fft.irfft2(np.fft.rfft2(frame) * gain, s=shape) - frame
        again[: size[0], : size[1]] = 0
        return np.sqrt(np.mean(again**2))

    before = amiss()
    fill_gap(frame, size, lambda _: gain, 4 * psf.halfwidth)
    assert amiss() < 0.1 * before
