"""The prior of a photo: its power law and its noise, where the truth is known."""

import numpy as np
import pytest

from cepstro.fft import irfft2, rfft2
from cepstro.psf import Disk
from cepstro.restore import measured, prior


def blurred_scene(shape, psf, *, slope=2.0, power=1e-6, seed=0):
    """A random scene with power `power` rho^-slope per px^2, blurred; no border."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    rho = np.hypot(fy, fx)
    rho[0, 0] = np.inf
    white = np.random.default_rng(seed).standard_normal(shape)
    spectrum = rfft2(white) * np.sqrt(power * rho**-slope) * psf.otf(shape)
    return irfft2(spectrum, shape).astype(np.float32)


def fit(plane, psf, **options):
    """The prior of a plane at hand, its mean removed."""
    return prior.fit(
        measured.blocks_of(measured.in_memory(plane), [prior.places(plane.shape, psf)])[0],
        psf,
        **options,
    )


@pytest.mark.parametrize("middle", [0.002, 0.012])
@pytest.mark.parametrize("diameter", [16, 33])
def test_noise_is_the_whole_pictures_and_not_that_of_its_middle(diameter, middle):
    """Noise grows with light after decoding, so that it differs from place to place."""
    psf, shape = Disk(diameter), (256, 384)
    sigma = np.full(shape, 0.006)
    sigma[64:192, 96:288] = middle
    plane = blurred_scene(shape, psf)
    plane += sigma * np.random.default_rng(1).standard_normal(shape)
    truth = np.sqrt(np.mean(sigma**2))
    assert fit(plane.astype(np.float32), psf).noise ** 0.5 == pytest.approx(truth, rel=0.05)


@pytest.mark.parametrize("slope", [1.5, 2.5, 3.5])
def test_power_law_is_found(slope):
    psf, shape = Disk(8), (512, 768)
    plane = blurred_scene(shape, psf, slope=slope)
    plane += (0.001 * np.random.default_rng(1).standard_normal(shape)).astype(np.float32)
    found = fit(plane, psf)
    assert found.slope == pytest.approx(slope, abs=0.3)
    assert found.noise**0.5 == pytest.approx(0.001, rel=0.05)


def test_noise_given_is_kept():
    psf = Disk(8)
    plane = blurred_scene((256, 256), psf)
    assert fit(plane, psf, noise=0.003).noise == pytest.approx(9e-6)
