"""Trial diameters against the ripples of a spectrum."""

from dataclasses import replace

import numpy as np
import pytest
from spectra import model_polar, spectrum_of, white_scene

from cepstro.psf import Disk, Gaussian, Ring
from cepstro.radial import polar_spectrum
from cepstro.scan import HOLES, INNER, WIDE, match, scan


@pytest.mark.parametrize("diameter", [4.3, 9.3, 17.0, 30.0, 71.0])
def test_disk_is_the_best_match_of_its_own_spectrum(diameter):
    data = model_polar(Disk(diameter), 512, floor=3e-3, scatter=1.3)
    best = scan(data, largest=120)[0]
    assert best.diameter == pytest.approx(diameter, rel=0.025)  # one step of the trial diameters
    assert best.hole == 0


@pytest.mark.parametrize("hole", [0.35, 0.55, 0.75])
def test_ring_is_the_best_match_of_its_own_spectrum(hole):
    best = scan(model_polar(Ring(21, hole=hole), 512, scatter=1.3), largest=100)[0]
    assert best.diameter == pytest.approx(21, rel=0.02)
    assert best.hole == hole


@pytest.mark.parametrize("look", [WIDE, INNER])
def test_match_of_what_it_looks_for_is_nearly_one(look):
    data = model_polar(Disk(16), 512, floor=3e-3, noise=0)
    strength = match(data, 16, look=look)
    assert strength.shape == (len(HOLES),)
    assert strength[0] > 0.995
    assert np.argmax(strength) == 0
    assert np.all(np.abs(strength) <= 1 + 1e-9)


def test_trend_of_the_scene_does_not_matter_in_any_direction():
    data = model_polar(Disk(16), 512, scatter=1.3)
    log_rho = np.log(np.maximum(data.frequency, data.resolution))
    rng = np.random.default_rng(10)
    level, slope, bend = rng.normal(0, [[4], [2], [0.5]], (3, 12))[..., None]
    other = replace(data, log_power=data.log_power + level + slope * log_rho + bend * log_rho**2)
    for look in (WIDE, INNER):
        np.testing.assert_allclose(
            match(other, 16, look=look), match(data, 16, look=look), atol=1e-3
        )


def test_direction_does_not_matter():
    data = model_polar(Disk(16), 512, scatter=1.3)
    turned = replace(
        data, log_power=np.roll(data.log_power, 5, axis=0), count=np.roll(data.count, 5, axis=0)
    )
    np.testing.assert_allclose(match(turned, 16), match(data, 16), rtol=1e-9)


def test_diameters_that_the_spectrum_cannot_resolve_match_nothing():
    np.testing.assert_array_equal(match(model_polar(Disk(16), 64), 200), 0)


def test_list_is_sorted_and_keeps_to_its_range():
    data = polar_spectrum(spectrum_of(white_scene(Disk(12), 512, noise=0.05), 256))
    found = scan(data, smallest=5, largest=40)
    strengths = [one.strength for one in found]
    assert strengths == sorted(strengths, reverse=True)
    assert all(4.99 < one.diameter < 40 and 0 < one.strength <= 1 for one in found)
    assert {one.hole for one in found} <= set(HOLES)
    each = [(one.hole) for one in scan(data, smallest=5, largest=40, count=1)]
    assert max(each.count(hole) for hole in HOLES) <= 2  # one from each band


@pytest.mark.parametrize("psf", [Gaussian(2.0), Gaussian(0.3)])
def test_spectra_without_rings_match_less_than_rings_do(psf):
    rings = scan(model_polar(Disk(12), 256, scatter=1.3), largest=60)[0].strength
    none = scan(model_polar(psf, 256, scatter=1.3), largest=60)[0].strength
    assert none < rings - 0.2
