"""Models fitted to spectra made from the models themselves, and from blurred white scenes."""

from dataclasses import replace

import numpy as np
import pytest
from spectra import model_polar, spectrum_of, white_scene

from cepstro.families import disk_family, gaussian_family, ring_family, smeared_power
from cepstro.fit import fit_band, fit_model, smooth_fit
from cepstro.psf import Disk, Gaussian, Ring
from cepstro.radial import polar_spectrum

ONE_FREQUENCY = 1.28  # standard deviation of ln of a periodogram's one value (chi-squared of 2)

EXACT = [
    (Disk(5.3), disk_family(), (5.45,)),
    (Disk(9.3), disk_family(), (9.0,)),
    (Disk(40), disk_family(), (41.0,)),
    (Disk(12, softness=0.8), disk_family(soft=True), (12.3, 0.3)),
    (Ring(21, hole=0.3), ring_family(), (20.5, 0.4)),
    (Ring(21, hole=0.55), ring_family(), (21.4, 0.5)),
    (Ring(14, hole=0.9), ring_family(), (14.2, 0.85)),
    (Ring(30, hole=1.0), ring_family(), (30.3, 0.9)),
    (Ring(22, hole=0.5, softness=0.8), ring_family(soft=True), (22.3, 0.45, 0.3)),
    (Gaussian(0.8), gaussian_family(), (1.0,)),
    (Gaussian(2.0), gaussian_family(), (6.0,)),
]


@pytest.mark.parametrize(("psf", "family", "start"), EXACT, ids=[str(row[0]) for row in EXACT])
@pytest.mark.parametrize("tilt", [0.0, -0.7])
def test_parameters_come_back_from_a_spectrum_of_the_model(psf, family, start, tilt):
    width = 6 * psf.sigma if isinstance(psf, Gaussian) else psf.diameter
    data = model_polar(psf, 512, floor=1e-3, noise=2e-3, tilt=tilt)
    fit = fit_model(data, family, [start], fit_band(data, width))
    assert type(fit.psf) is type(psf)
    for name in ("diameter", "hole", "softness", "sigma"):
        if hasattr(psf, name):
            assert getattr(fit.psf, name) == pytest.approx(getattr(psf, name), rel=1e-3, abs=1e-3)
    assert fit.floor == pytest.approx(1e-3, rel=0.02)
    np.testing.assert_allclose(fit.model[fit.band], data.log_power[fit.band], atol=2e-3)
    # The noise that was put in is told, where it shows.
    rho = np.maximum(data.frequency, data.resolution)
    expected = 2 + np.log(2e-3) + tilt * np.log(rho / 0.1)
    top = np.flatnonzero(fit.band.any(axis=0))[-1]
    if not isinstance(psf, Gaussian):
        assert fit.log_noise[top] == pytest.approx(expected[top], abs=0.05)


@pytest.mark.parametrize("fault", [0.96, 0.98, 1.02, 1.04])
def test_fit_finds_its_way_from_a_start_some_percent_off(fault):
    data = model_polar(Disk(23), 512, scatter=ONE_FREQUENCY)
    fit = fit_model(data, disk_family(), [(23 * fault,)], fit_band(data, 23))
    assert fit.parameters[0] == pytest.approx(23, abs=4 * fit.errors[0])
    assert fit.errors[0] < 0.1


@pytest.mark.parametrize("tilt", [-5.0, 5.0])
def test_parameter_at_its_bound_does_not_keep_the_others_from_theirs(tilt):
    # Noise that falls or rises by more than the fit allows.
    data = model_polar(Disk(17), 512, noise=0.02, tilt=tilt, scatter=0.3)
    band = fit_band(data, 17)
    fit = fit_model(data, disk_family(), [(17.3,)], band)
    again = fit_model(data, disk_family(), [tuple(fit.parameters), (16.9,), (17.1,)], band)
    assert fit.cost < 1.01 * again.cost
    assert fit.parameters[0] == pytest.approx(again.parameters[0], abs=0.2 * fit.errors[0])


def test_fit_without_rings_finds_every_gaussian():
    for sigma in (0.6, 1.2, 2.5, 4.0):
        data = model_polar(Gaussian(sigma), 512, scatter=0.3)
        band = fit_band(data, 14)
        true = fit_model(data, gaussian_family(), [(sigma**2,)], band)
        assert smooth_fit(data, 14, band).cost < 1.02 * true.cost


@pytest.mark.parametrize("sectors", [12, 24])
def test_fit_from_another_of_the_same_photo_ends_where_a_search_does(sectors):
    data = model_polar(Disk(17), 512, noise=0.02, tilt=1.0, scatter=0.3)
    first = fit_model(data, disk_family(), [(16.8,)], fit_band(data, 17, rings=3))
    again = model_polar(Disk(17), 512, noise=0.02, tilt=1.0, scatter=0.3, sectors=sectors)
    band = fit_band(again, 17)
    searched = fit_model(again, disk_family(), [(16.8,)], band)
    led = fit_model(again, disk_family(), [(16.8,)], band, like=first)
    assert led.cost < 1.001 * searched.cost
    assert led.parameters[0] == pytest.approx(searched.parameters[0], abs=0.1 * led.errors[0])


def test_fit_without_rings_may_start_from_that_of_nearly_the_same_band():
    for sigma in (1.2, 4.0):
        data = model_polar(Gaussian(sigma), 512, scatter=0.3)
        first = smooth_fit(data, 14, fit_band(data, 14))
        band = fit_band(data, 15)
        assert smooth_fit(data, 15, band, like=first).cost < 1.01 * smooth_fit(data, 15, band).cost


def test_noise_that_a_fit_hands_on_is_its_own():
    data = model_polar(Disk(17), 512, noise=0.02, tilt=1.5, scatter=0.3)
    fit = fit_model(data, disk_family(), [(17,)], fit_band(data, 17))
    columns = fit.band.any(axis=0)
    away = np.log(data.frequency[columns]) - fit.pivots[1]
    log_noise = fit.floors[1] + (fit.floors[2] + fit.floors[3] * away) * away
    np.testing.assert_allclose(log_noise, fit.log_noise[columns], atol=1e-9)
    away = np.log(data.frequency[columns]) - fit.pivots[0]
    trend = fit.trends @ np.stack([away**0, away, away**2])
    np.testing.assert_allclose(trend, fit.trend[:, columns], atol=1e-9)


def test_best_of_several_starts_is_taken():
    data = model_polar(Ring(21, hole=0.75), 512, scatter=ONE_FREQUENCY)
    band = fit_band(data, 21)
    starts = [(21.0, hole) for hole in (0.2, 0.4, 0.7, 0.95)]
    fit = fit_model(data, ring_family(), starts, band)
    assert fit.psf.hole == pytest.approx(0.75, abs=0.02)
    again = fit_model(data, ring_family(), starts[::-1], band)
    np.testing.assert_allclose(again.parameters, fit.parameters, rtol=1e-6)


@pytest.mark.parametrize(
    ("psf", "family", "true"),
    [(Disk(13.7), disk_family(), (13.7,)), (Ring(20, hole=0.5), ring_family(), (20, 0.5))],
    ids=["disk", "ring"],
)
def test_error_bar_covers_what_independent_noise_does(psf, family, true):
    away = []
    for seed in range(40):
        data = model_polar(psf, 256, noise=0.01, scatter=ONE_FREQUENCY, seed=seed)
        fit = fit_model(data, family, [true], fit_band(data, true[0]))
        away.append((fit.parameters - true) / fit.errors)
    away = np.array(away)
    # 40 of them: the mean within 3 / sqrt(40), the scatter within about 3 of its own errors.
    assert np.all(np.abs(away.mean(axis=0)) < 0.5)
    assert np.all(away.std(axis=0) > 0.66)
    assert np.all(away.std(axis=0) < 1.5)


def test_error_falls_with_more_data():
    errors = [
        fit_model(data, disk_family(), [(13.7,)], fit_band(data, 13.7)).errors[0]
        for data in (model_polar(Disk(13.7), 512, scatter=s, seed=3) for s in (1.2, 0.6, 0.3))
    ]
    assert errors[1] / errors[0] == pytest.approx(0.5, rel=0.15)
    assert errors[2] / errors[1] == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize("psf", [Disk(14), Ring(14, hole=0.5), Gaussian(2.5)], ids=str)
def test_each_kind_is_preferred_on_its_own_spectrum(psf):
    data = model_polar(psf, 512, scatter=ONE_FREQUENCY / 4)
    band = fit_band(data, 14)
    cost = {
        "disk": fit_model(data, disk_family(), [(14,)], band).cost,
        "ring": fit_model(data, ring_family(), [(14, 0.5), (14, 0.3)], band).cost,
        "gaussian": smooth_fit(data, 14, band).cost,
    }
    own = type(psf).__name__.lower()
    others = [cost[name] for name in cost if name != own]
    assert cost[own] < min(others)
    assert np.log(min(others) / cost[own]) > 0.5


def test_scatter_left_over_is_that_of_the_data():
    data = model_polar(Disk(14), 512, scatter=0.7)
    fit = fit_model(data, disk_family(), [(14,)], fit_band(data, 14))
    assert fit.cells == np.count_nonzero(fit.band)
    assert fit.cost / (fit.cells - fit.size) == pytest.approx(0.7**2, rel=0.12)


def test_exposure_moves_the_trend_and_nothing_else():
    data = model_polar(Disk(14), 256, scatter=ONE_FREQUENCY)
    lighter = replace(data, log_power=data.log_power + 5)
    one, other = (fit_model(d, disk_family(), [(14,)], fit_band(d, 14)) for d in (data, lighter))
    assert other.parameters[0] == pytest.approx(one.parameters[0], abs=0.02 * one.errors[0])
    assert other.cost == pytest.approx(one.cost, rel=1e-4)
    np.testing.assert_allclose(other.model[one.band], one.model[one.band] + 5, atol=0.01)


def test_cells_outside_the_band_do_not_matter():
    data = model_polar(Disk(14), 256, scatter=ONE_FREQUENCY)
    band = fit_band(data, 14)
    spoilt = replace(data, log_power=np.where(band, data.log_power, 50.0))
    one, other = (fit_model(d, disk_family(), [(14,)], band) for d in (data, spoilt))
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_data_are_not_changed():
    data = model_polar(Disk(14), 256, scatter=ONE_FREQUENCY)
    before = data.log_power.copy(), data.count.copy()
    fit_model(data, disk_family(), [(14,)], fit_band(data, 14))
    np.testing.assert_array_equal(data.log_power, before[0])
    np.testing.assert_array_equal(data.count, before[1])


def test_band_holds_the_rings_asked_for_and_nothing_near_the_origin_or_corner():
    data = model_polar(Disk(20), 256)
    frequency = np.broadcast_to(data.frequency, data.count.shape)
    band = fit_band(data, 20, rings=3)
    assert frequency[band].max() <= 3 / 20
    assert frequency[band].max() > 3 / 20 - 2 / 256
    assert frequency[band].min() > 3 / 256
    assert np.all(data.count[band] > 0)
    assert frequency[fit_band(data, 3)].max() < 0.5 * np.sqrt(2)
    assert frequency[fit_band(data, 10, lowest=0.8)].min() > 0.08


@pytest.mark.parametrize("psf", [Disk(12.7), Ring(16, hole=0.6)], ids=str)
def test_smeared_model_is_what_a_hann_window_makes_of_a_blurred_scene(psf):
    n = 256
    spectrum = spectrum_of(white_scene(psf, 1536), n)
    rows = np.abs(np.fft.fftfreq(n) * n)[:, None]
    ring = np.rint(np.hypot(rows, np.arange(n // 2 + 1))).astype(int).ravel()
    measured = np.bincount(ring, spectrum.power.ravel()) / np.bincount(ring)
    data = polar_spectrum(spectrum, sectors=1)
    near = np.arange(8, 100)
    ratio = measured[near] / smeared_power(psf, data)[0, near]
    bare = measured[near] / psf.radial(near / n) ** 2
    assert np.median(np.abs(ratio - 1)) < 0.02
    # In the zeros the window lets in what lies next to them; the bare model knows nothing of that.
    assert ratio.max() < 1.35
    assert ratio.min() > 0.85
    assert bare.max() > 3


@pytest.mark.parametrize("diameter", [6.3, 12.7, 25.0])
def test_disk_on_a_white_scene_is_read_to_a_fiftieth_of_a_pixel(diameter):
    data = polar_spectrum(spectrum_of(white_scene(Disk(diameter), 1024, noise=0.01), 512))
    fit = fit_model(data, disk_family(), [(diameter * 1.01,)], fit_band(data, diameter))
    assert fit.parameters[0] == pytest.approx(diameter, abs=0.02)
