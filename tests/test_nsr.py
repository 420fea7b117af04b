"""The Wiener constant that suits a photo, against every other constant."""

from itertools import pairwise

import numpy as np
import pytest
from spectra import power_law_scene, spectrum_of

from cepstro.families import disk_family
from cepstro.fft import irfft2, rfft2
from cepstro.fit import Fit, fit_band, fit_model
from cepstro.nsr import wiener_constant
from cepstro.psf import Disk
from cepstro.radial import PolarSpectrum, polar_spectrum

DIAMETER = 9.0
SIDE = 512


def fitted(noise: float, diameter: float = DIAMETER) -> tuple[np.ndarray, PolarSpectrum, Fit]:
    blurred = power_law_scene(SIDE, psf=Disk(diameter), noise=noise)
    data = polar_spectrum(spectrum_of(blurred, 256))
    fit = fit_model(data, disk_family(), [(diameter,)], fit_band(data, diameter))
    return blurred, data, fit


@pytest.mark.parametrize("noise", [1e-3, 1e-2, 3e-2])
@pytest.mark.parametrize("diameter", [6.0, 15.0])
def test_constant_is_as_good_as_the_best_one(noise, diameter):
    clean = power_law_scene(SIDE)  # the same seed: the same scene
    blurred, data, fit = fitted(noise, diameter)
    otf = Disk(diameter).otf((SIDE, SIDE))
    seen = rfft2(blurred) * otf

    def error(constant: float) -> float:
        return float(np.mean((irfft2(seen / (otf**2 + constant), (SIDE, SIDE)) - clean) ** 2))

    best = min(error(constant) for constant in np.geomspace(1e-5, 0.3, 30))
    chosen = error(wiener_constant(data, fit))
    assert 10 * np.log10(chosen / best) < 0.15  # dB
    untouched = float(np.mean((blurred - clean) ** 2))
    assert chosen < untouched


def test_constant_grows_with_the_noise():
    constants = [wiener_constant(*fitted(noise)[1:]) for noise in (1e-3, 3e-3, 1e-2, 3e-2)]
    assert all(low < high for low, high in pairwise(constants))
    assert constants[3] > 30 * constants[0]


def test_exposure_does_not_matter():
    blurred, _, fit = fitted(1e-2)
    data = polar_spectrum(spectrum_of(7 * blurred, 256))
    other = fit_model(data, disk_family(), [(DIAMETER,)], fit_band(data, DIAMETER))
    one = wiener_constant(fitted(1e-2)[1], fit)
    assert wiener_constant(data, other) == pytest.approx(one, rel=0.2)  # a step of its grid
