"""The race of candidate diameters."""

import numpy as np
import pytest
from spectra import model_polar, spectrum_of, white_scene

from cepstro.cepstrum import power_cepstrum
from cepstro.psf import Disk, Gaussian, Ring
from cepstro.race import WEIGHTS, candidates, chance, trials
from cepstro.radial import polar_spectrum, radial_profile


def looks(psf, *, noise: float = 0.02):
    """Polar spectrum and cepstral profile of a blurred white scene."""
    spectrum = spectrum_of(white_scene(psf, 768, noise=noise), 256)
    return polar_spectrum(spectrum), radial_profile(power_cepstrum(spectrum))


@pytest.fixture(scope="module")
def disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cepstro.race._SURE", 1.0)  # all candidates run
        return trials(*looks(Disk(12.7)), largest=64)[0]


@pytest.fixture(scope="module")
def ring():
    return trials(*looks(Ring(24, hole=0.5)), largest=64)[0]


def test_right_disk_wins_and_its_figures_are_the_best(disk):
    best, *others = sorted(disk, key=chance, reverse=True)
    assert best.diameter == pytest.approx(12.7, abs=0.05)
    assert (best.fit.family, best.hole) == ("disk", 0)
    assert min(best.near, best.far) > 0.5  # nothing without rings comes near it
    assert others
    wrong = [one for one in others if abs(one.diameter - 12.7) > 0.3]
    assert all(max(one.near, one.far) < 0.5 * best.far for one in wrong)
    assert all(chance(one) < chance(best) for one in wrong)
    assert all(one.fit.misfit > best.fit.misfit for one in wrong)


def test_no_further_candidate_runs_once_one_is_sure(disk):
    found, untried = trials(*looks(Disk(12.7)), largest=64)
    assert found[0].diameter == pytest.approx(12.7, abs=0.05)
    assert len(found) == 1
    assert len(untried) > 1
    assert len(disk) > 1


def test_right_ring_wins(ring):
    best = max(ring, key=chance)
    assert best.fit.family == "ring"
    assert best.diameter == pytest.approx(24, abs=0.1)
    assert best.hole == pytest.approx(0.5, abs=0.01)


def test_chance_is_one_and_grows_with_the_evidence_for_rings(disk, ring):
    for trial in (*disk, *ring):
        assert 0 <= chance(trial) < 1
        assert trial.features().shape == WEIGHTS.shape
        assert np.isfinite(trial.features()).all()


def test_smallest_diameters_never_run():
    found, _ = trials(*looks(Disk(2.0)), largest=64)
    assert all(one.diameter >= 2.9 for one in found)


def test_candidates_hold_the_truth_and_no_doubles():
    for psf, hole in ((Disk(17), 0.0), (Ring(17, hole=0.55), 0.55)):
        data, profile = looks(psf, noise=0.1)
        listed = candidates(data, profile, largest=64)
        assert any(
            one.hole == hole and one.diameter == pytest.approx(17, rel=0.02) for one in listed
        )
        for index, one in enumerate(listed):
            for other in listed[:index]:
                same = abs(np.log(one.diameter / other.diameter)) < 0.03
                assert not (same and abs(one.hole - other.hole) < 0.25)


@pytest.mark.parametrize("psf", [None, Gaussian(2.0)], ids=str)
def test_what_has_no_rings_convinces_nobody_even_where_it_runs(monkeypatch, psf):
    monkeypatch.setattr("cepstro.race._NO_RIPPLES", -1.0)  # every candidate runs
    noise = np.random.default_rng(11).standard_normal((768, 768)).astype(np.float32)
    spectrum = spectrum_of(noise if psf is None else white_scene(psf, 768, noise=0.02), 256)
    data, profile = polar_spectrum(spectrum), radial_profile(power_cepstrum(spectrum))
    found, _ = trials(data, profile, largest=64)
    assert len(found) > 1
    assert max(chance(trial) for trial in found) < 0.1


def test_what_shows_neither_ripples_nor_a_dark_ring_does_not_run():
    noise = np.random.default_rng(11).standard_normal((768, 768)).astype(np.float32)
    spectrum = spectrum_of(noise, 256)
    data, profile = polar_spectrum(spectrum), radial_profile(power_cepstrum(spectrum))
    found, untried = trials(data, profile, largest=64)
    assert len(found) + len(untried) < len(candidates(data, profile, largest=64))


def test_near_a_diameter_only_other_depths_of_it_run():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cepstro.race._SURE", 1.0)  # all candidates run
        here, _ = trials(*looks(Disk(12.7)), largest=64, near=11.0)
        elsewhere, _ = trials(*looks(Disk(12.7)), largest=64, near=30.0)
    assert any(one.diameter == pytest.approx(12.7, abs=0.05) for one in here)
    assert not any(one.diameter == pytest.approx(12.7, rel=0.1) for one in elsewhere)


def test_spectrum_too_small_for_any_fit_gives_no_trial():
    data = model_polar(Disk(4), 16)
    profile = radial_profile(np.zeros((16, 16), np.float32))
    assert trials(data, profile, largest=4) == ([], [])
