"""The dark ring of a radial cepstral profile."""

import numpy as np
import pytest
from spectra import spectrum_of, white_scene

from cepstro.cepstrum import power_cepstrum
from cepstro.psf import Disk
from cepstro.radial import Profile, radial_profile
from cepstro.ring import ring_candidates, ring_depth


def profile_with(dips: dict[float, float], *, length: int = 80, level: float = 0.0) -> Profile:
    """A flat profile with parabolic dips: {quefrency: depth}."""
    quefrency = np.arange(length, dtype=float)
    mean = np.full(length, level)
    for place, depth in dips.items():
        mean -= np.maximum(0, depth * (1 - ((quefrency - place) / 2) ** 2))
    count = np.maximum(1, np.rint(2 * np.pi * quefrency)).astype(np.int64)
    scatter = 0.1 * np.sqrt(count / 2)
    return Profile(quefrency, mean, scatter, count)


def test_dips_are_found_between_samples_and_in_the_order_of_their_depth():
    found = ring_candidates(profile_with({14.3: 3.0, 33.0: 5.0, 52.8: 1.5}))
    assert [one.diameter for one in found] == pytest.approx([33.0, 14.3, 52.8], abs=1e-6)
    assert all(one.hole == 0 for one in found)


def test_strength_is_the_depth_in_standard_errors_of_the_mean():
    (only,) = ring_candidates(profile_with({30.0: 3.0}))
    assert only.strength == pytest.approx(3.0 / 0.1, rel=0.01)


def test_bright_rings_are_no_candidates():
    assert ring_candidates(profile_with({20.0: -4.0})) == []


def test_smallest_and_count_bound_the_list():
    profile = profile_with({6.0: 9.0, 14.0: 4.0, 33.0: 5.0, 52.0: 2.0})
    assert [round(one.diameter) for one in ring_candidates(profile)] == [6, 33, 14, 52]
    found = ring_candidates(profile, smallest=10, count=2)
    assert [round(one.diameter) for one in found] == [33, 14]


def test_depth_does_not_depend_on_level_and_scale():
    plain = profile_with({14.3: 3.0, 33.0: 5.0})
    other = Profile(plain.quefrency, 7 * plain.mean + 2, 7 * plain.scatter, plain.count)
    np.testing.assert_allclose(ring_depth(other), ring_depth(plain), atol=1e-9)


@pytest.mark.parametrize("diameter", [6.3, 9.2, 12.7, 20.4, 31.6])
def test_ring_radius_equals_defocus_diameter_up_to_its_known_bias(diameter):
    spectrum = spectrum_of(white_scene(Disk(diameter), 1024, noise=0.02), 256)
    strongest = ring_candidates(radial_profile(power_cepstrum(spectrum)))[0]
    assert 0.1 < diameter - strongest.diameter < 0.8  # reads 0.2 to 0.7 px low
    assert strongest.strength > 20


def test_white_noise_has_no_ring_to_speak_of():
    noise = np.random.default_rng(9).standard_normal((1024, 1024)).astype(np.float32)
    profile = radial_profile(power_cepstrum(spectrum_of(noise, 256)))
    assert max(one.strength for one in ring_candidates(profile)) < 6
