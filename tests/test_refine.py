"""The winner fitted again: its kind, its diameter, its error bar."""

from functools import partial

import numpy as np
import pytest
from spectra import spectrum_of, white_scene

from cepstro.families import disk_family, ring_family
from cepstro.fft import good_size
from cepstro.fit import Fit, fit_band, fit_model
from cepstro.psf import Disk, Polygon, Ring
from cepstro.radial import polar_spectrum
from cepstro.refine import block_side, calibrated_error, fit_alike, refine

SIDE = 768


def first_fit(plane: np.ndarray, diameter: float, *, hole: float | None = None) -> Fit:
    data = polar_spectrum(spectrum_of(plane, 256))
    band = fit_band(data, diameter)
    if hole is None:
        return fit_model(data, disk_family(), [(diameter,)], band)
    return fit_model(data, ring_family(), [(diameter, hole)], band)


def refined(psf, *, diameter: float, hole: float | None = None, noise: float = 0.02):
    plane = white_scene(psf, SIDE, noise=noise)
    first = first_fit(plane, diameter, hole=hole)
    return refine(lambda side: spectrum_of(plane, side), first, longest=SIDE)


@pytest.mark.parametrize("diameter", [6.5, 20.0])
def test_disk_stays_a_disk(diameter):
    fit = refined(Disk(diameter), diameter=1.01 * diameter).fit
    assert fit.family == "disk"
    assert fit.psf.diameter == pytest.approx(diameter, rel=2e-3)


@pytest.mark.parametrize("first", [None, 0.35])
def test_ring_is_seen_whatever_it_was_found_as(first):
    fit = refined(Ring(20, hole=0.5), diameter=20, hole=first).fit
    assert fit.family == "ring"
    assert fit.psf.diameter == pytest.approx(20, rel=2e-3)
    assert fit.psf.hole == pytest.approx(0.5, abs=5e-3)


def test_disk_that_was_found_as_a_ring_is_a_disk():
    fit = refined(Disk(20), diameter=20, hole=0.2).fit
    assert fit.family == "disk"
    assert fit.psf.diameter == pytest.approx(20, rel=2e-3)


@pytest.mark.parametrize("hole", [0.3, 0.6, 0.8])
def test_hole_of_a_sharp_ring_is_read(hole):
    found = refined(Ring(27, hole=hole), diameter=27, hole=0.55)
    assert found.fit.psf.diameter == pytest.approx(27, rel=0.02)
    assert found.fit.psf.hole == pytest.approx(hole, abs=0.05)
    if hole < 0.5:
        assert (found.doubt, found.spread, found.other) == (0, 0, None)


def test_thick_ring_admits_the_thin_soft_one_that_looks_alike():
    true = Ring(27, hole=1, softness=2)
    found = refined(true, diameter=29, hole=0.75)
    assert found.other.psf.hole == 1
    assert found.other.psf.diameter == pytest.approx(27, rel=0.01)
    assert found.other.psf.softness == pytest.approx(2, rel=0.2)
    assert found.doubt > 0.3
    assert abs(found.fit.psf.diameter - 27) < 2 * found.spread


def test_thin_ring_without_softness_is_thin():
    found = refined(Ring(27, hole=1), diameter=27, hole=0.95)
    assert found.fit.psf.hole == 1
    assert found.fit.psf.diameter == pytest.approx(27, rel=2e-3)
    assert found.fit.psf.softness < 1
    assert np.hypot(calibrated_error(found.fit), found.spread) < 0.1 * 27


@pytest.mark.parametrize(("blades", "rotation"), [(6, 10.0), (5, 20.0)])
def test_polygon_is_seen_with_its_blades(blades, rotation):
    fit = refined(Polygon(20, blades=blades, rotation=rotation), diameter=20).fit
    assert (fit.family, fit.psf.blades) == ("polygon", blades)
    period = 360 / blades / (1 + blades % 2)
    assert abs((fit.psf.rotation - rotation + period / 2) % period - period / 2) < 1
    assert fit.psf.diameter == pytest.approx(20, rel=5e-3)


def test_fit_and_data_belong_together():
    found = refined(Disk(12), diameter=12)
    assert found.fit.model.shape == found.data.log_power.shape == found.fit.band.shape
    away = (found.fit.model - found.data.log_power)[found.fit.band]
    weight = found.data.count[found.fit.band]
    assert np.sum(weight * away**2) == pytest.approx(found.fit.cost, rel=1e-6)


def test_blocks_suit_the_diameter_and_the_photo():
    sides = [block_side(diameter, 2048) for diameter in (3, 8, 20, 60, 90, 400)]
    assert sides == sorted(sides)
    assert sides[-1] == 2048
    for diameter in (8, 20, 60):
        side = block_side(diameter, 2048)
        assert side >= 16 * diameter  # SCIENCE, section 2
        assert side == good_size(side)
    assert block_side(60, 333) == 333


def test_calibrated_error_is_no_smaller_than_that_of_the_curvature():
    fit = first_fit(white_scene(Disk(9), SIDE, noise=0.1), 9)
    assert calibrated_error(fit) >= fit.errors[0] > 0


def test_calibrated_error_covers_the_truth():
    away = []
    for seed in range(10):
        plane = white_scene(Disk(11.3), 384, noise=0.1, seed=seed)
        spectra = partial(spectrum_of, plane)
        fit = fit_alike(spectra, Disk(11.2), longest=384)
        away.append((fit.parameters[0] - 11.3) / calibrated_error(fit))
    assert np.sqrt(np.mean(np.square(away))) < 1.5
    assert np.max(np.abs(away)) < 3


def test_smaller_error_decides_how_many_rings_are_read():
    plane = white_scene(Disk(16), SIDE, noise=0.02)
    data = polar_spectrum(spectrum_of(plane, 384), step=1 / (24 * 16))
    errors = [
        fit_model(data, disk_family(), [(16.0,)], fit_band(data, 16, rings=rings)).errors[0]
        for rings in (3.0, 6.0)
    ]
    fit = fit_alike(partial(spectrum_of, plane), Disk(16), longest=SIDE)
    assert fit.errors[0] == pytest.approx(min(errors), rel=1e-6)


@pytest.mark.parametrize(
    ("true", "near"),
    [
        (Ring(27, hole=0.85), Ring(26.6, hole=0.8)),
        (Ring(20, hole=0.4, softness=1), Ring(20.4, hole=0.42, softness=0.8)),
        (Polygon(20, blades=6, rotation=10), Polygon(20.2, blades=6, rotation=12)),
        (Disk(16, softness=1), Disk(15.8, softness=0.8)),
        (Disk(16), Disk(15.8)),
    ],
    ids=str,
)
def test_another_plane_is_fitted_by_the_same_kind_of_blur(true, near):
    plane = white_scene(true, SIDE, noise=0.02)
    fit = fit_alike(partial(spectrum_of, plane), near, longest=SIDE)
    assert type(fit.psf) is type(true)
    assert fit.psf.diameter == pytest.approx(true.diameter, rel=5e-3)
    assert fit.psf.softness == pytest.approx(true.softness, abs=0.1)
