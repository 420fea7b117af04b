"""The result: figures' curves, zeros, and plain data for JSON."""

import json
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
from scipy.special import jn_zeros
from spectra import empty_polar, model_polar

from cepstro.families import disk_family
from cepstro.fit import fit_band, fit_model
from cepstro.psf import Disk, Gaussian, Motion, Polygon, Ring, parse_psf
from cepstro.radial import PolarSpectrum, Profile
from cepstro.result import Analysis, ChannelBlur, RadialSpectrum, radial_spectrum, zeros_of
from cepstro.ring import Candidate
from cepstro.spectrum import Spectrum

DRAWN = {"spectrum", "cepstrum", "profile", "radial", "step"}  # for figures, not for JSON


@pytest.fixture
def analysis() -> Analysis:
    line = np.zeros(3)
    return Analysis(
        verdict="defocus",
        diameter=33.25,
        diameter_error=0.04,
        confidence=0.97,
        model="ring",
        psf=Ring(33.25, hole=0.4),
        nsr=2e-3,
        noise=0.004,
        candidates=(Candidate(12.0, 0.2), Candidate(40.5, 0.1, 0.55)),
        reason="because",
        warnings=("mind this",),
        channels=(
            ChannelBlur("red", 34.0, 0.1),
            ChannelBlur("green", 33.25, 0.05),
            ChannelBlur("blue", 33.5, 0.2),
        ),
        spectrum=Spectrum(np.ones((8, 5), np.float32), 1),
        cepstrum=np.zeros((8, 8), np.float32),
        profile=Profile(line, line, line, np.ones(3, np.int64)),
        radial=RadialSpectrum(line, line, line, None, None, (), (0.0, 0.5), None),
    )


def test_dict_survives_json_and_holds_every_figure(analysis):
    plain = analysis.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    names = {field.name for field in fields(Analysis)} - DRAWN
    assert set(plain) == names | {"chromatic_difference"}
    for name in ("verdict", "diameter", "diameter_error", "confidence", "model", "nsr", "noise"):
        assert plain[name] == getattr(analysis, name)
    assert parse_psf(plain["psf"]) == analysis.psf
    assert plain["candidates"][1] == {"diameter": 40.5, "strength": 0.1, "hole": 0.55}
    assert plain["channels"][0] == {"name": "red", "diameter": 34.0, "diameter_error": 0.1}
    assert plain["warnings"] == ["mind this"]


def test_dict_of_a_sharp_photo_has_nulls(analysis):
    sharp = replace(
        analysis, verdict="none", diameter=None, diameter_error=None, model=None, psf=None
    )
    plain = json.loads(json.dumps(sharp.to_dict()))
    assert plain["diameter"] is plain["diameter_error"] is plain["psf"] is plain["model"] is None
    assert plain["verdict"] == "none"


def test_chromatic_difference_is_the_largest_less_the_smallest(analysis):
    assert analysis.chromatic_difference == pytest.approx(0.75)
    assert replace(analysis, channels=()).chromatic_difference is None


def test_result_cannot_be_changed(analysis):
    with pytest.raises(FrozenInstanceError):
        analysis.diameter = 3.0
    assert "spectrum" not in repr(analysis)
    assert "33.25" in repr(analysis)


def test_zeros_of_a_disk_are_those_of_the_bessel_function():
    expected = jn_zeros(1, 6) / (np.pi * 20)
    found = zeros_of(Disk(20), 0.32)
    assert found == pytest.approx(expected[expected < 0.32], abs=1e-5)
    assert zeros_of(Disk(20, softness=1.0), 0.32) == pytest.approx(found, abs=1e-5)


def test_zeros_of_other_shapes():
    assert zeros_of(Ring(14, hole=1.0), 0.3) == pytest.approx(
        jn_zeros(0, 4) / (np.pi * 14), abs=1e-4
    )
    assert zeros_of(Motion(8, angle=30), 0.45) == pytest.approx([1 / 8, 2 / 8, 3 / 8], abs=1e-4)
    assert zeros_of(Gaussian(2), 0.5) == ()
    assert zeros_of(Polygon(20, blades=6), 0.5) == ()
    assert zeros_of(Disk(20), 0.05) == ()


def test_radial_spectrum_is_the_mean_over_the_directions():
    cells = empty_polar(64)
    rng = np.random.default_rng(12)
    values = rng.standard_normal(cells.count.shape)
    data = PolarSpectrum(
        values, cells.count, cells.frequency, cells.distance, cells.resolution, cells.blocks
    )
    radial = radial_spectrum(data, None, None)
    assert radial.model is radial.trend is radial.noise is None
    assert radial.zeros == ()
    seen = np.flatnonzero((cells.count.sum(axis=0) > 0) & (cells.frequency > 0))
    for index, ring in enumerate(seen):
        weight = cells.count[:, ring]
        mean = np.average(values[:, ring], weights=weight)
        assert radial.frequency[index] == cells.frequency[ring]
        assert radial.log_power[index] == pytest.approx(mean)
        scatter = np.sqrt(np.average((values[:, ring] - mean) ** 2, weights=weight))
        assert radial.scatter[index] == pytest.approx(scatter)
    assert radial.band == (radial.frequency[0], radial.frequency[-1])


def test_radial_spectrum_of_a_fit_has_its_model_in_its_band_and_its_zeros():
    data = model_polar(Disk(16), 256)
    fit = fit_model(data, disk_family(), [(16,)], fit_band(data, 16))
    radial = radial_spectrum(data, fit, fit.psf)
    np.testing.assert_allclose(radial.model, radial.log_power, atol=1e-3)
    assert np.all(radial.model < radial.trend + 0.01)  # blur takes power away
    assert np.min(radial.model - radial.trend) < -3  # in the zeros nearly all
    assert radial.zeros[0] == pytest.approx(1.2197 / 16, rel=1e-3)
    assert all(zero <= radial.band[1] for zero in radial.zeros)
    assert radial.band[0] > 3 / 256
    assert radial.band[1] <= 6 / 16


def test_radial_spectrum_of_a_reduced_photo_has_the_photos_frequencies():
    data = model_polar(Disk(16), 256)
    fit = fit_model(data, disk_family(), [(16,)], fit_band(data, 16))
    small, full = (
        radial_spectrum(data, fit, Disk(16)),
        radial_spectrum(data, fit, Disk(48), scale=3),
    )
    np.testing.assert_allclose(full.frequency, small.frequency / 3)
    assert full.zeros == pytest.approx(np.array(small.zeros) / 3, abs=1e-5)
