"""Radial and polar means against brute force."""

import numpy as np
import pytest
from spectra import spectrum_of, white_scene

from cepstro.cepstrum import power_cepstrum
from cepstro.psf import Disk, Motion
from cepstro.radial import AXIS_BINS, coarsened, on_circle, polar_spectrum, radial_profile
from cepstro.ring import ring_depth
from cepstro.spectrum import Spectrum


@pytest.mark.parametrize("n", [16, 17, 40])
@pytest.mark.parametrize("longest", [None, 5])
def test_profile_is_what_counting_by_hand_gives(n, longest):
    cepstrum = np.random.default_rng(n).standard_normal((n, n)).astype(np.float32)
    profile = radial_profile(cepstrum, longest=longest)
    rings: dict[int, list[tuple[float, float]]] = {}
    for y in range(n):
        for x in range(n):
            distance = float(np.hypot(y - n // 2, x - n // 2))
            rings.setdefault(round(distance), []).append((distance, float(cepstrum[y, x])))
    assert len(profile.mean) == (n // 2 if longest is None else longest + 1)
    for index in range(len(profile.mean)):
        distances, values = zip(*rings[index], strict=True)
        assert profile.count[index] == len(values)
        assert profile.quefrency[index] == pytest.approx(np.mean(distances))
        assert profile.mean[index] == pytest.approx(np.mean(values))
        assert profile.scatter[index] == pytest.approx(np.std(values), abs=1e-7)


def test_profile_longer_than_the_cepstrum_ends_at_its_edge():
    cepstrum = np.zeros((32, 32), np.float32)
    assert len(radial_profile(cepstrum, longest=500).mean) == 16


@pytest.mark.parametrize(("n", "sectors"), [(32, 12), (33, 5), (20, 1)])
def test_polar_cells_are_what_counting_by_hand_gives(n, sectors):
    power = np.random.default_rng(n).random((n, n // 2 + 1)).astype(np.float32)
    data = polar_spectrum(Spectrum(power, 7), sectors=sectors)
    cells: dict[tuple[int, int], list[float]] = {}
    rings: dict[int, list[float]] = {}
    for row in range(n):
        for kx in range(n // 2 + 1):
            ky = row if row < (n + 1) // 2 else row - n
            if abs(ky) <= AXIS_BINS or kx <= AXIS_BINS:
                continue
            angle = np.degrees(np.arctan2(-ky, kx)) % 180
            ring = round(float(np.hypot(ky, kx)))
            sector = int(angle * sectors / 180)
            cells.setdefault((sector, ring), []).append(float(np.log(power[row, kx])))
            rings.setdefault(ring, []).append(float(np.hypot(ky, kx)) / n)
    assert data.count.sum() == sum(map(len, cells.values()))
    for (sector, ring), values in cells.items():
        assert data.count[sector, ring] == len(values)
        assert data.log_power[sector, ring] == pytest.approx(np.mean(values), rel=1e-5)
    for ring, distances in rings.items():
        assert data.frequency[ring] == pytest.approx(np.mean(distances))
    assert (data.resolution, data.blocks) == (1 / n, 7)
    np.testing.assert_array_equal(data.distance[0], np.maximum(data.frequency, 1 / n))
    assert np.all(np.diff(data.frequency) > 0)


@pytest.mark.parametrize("angle", [20, 65, 110, 155])
def test_sectors_run_counter_clockwise_as_the_picture_is_seen(angle):
    n = 64
    y, x = np.mgrid[:n, :n]
    turn = np.radians(angle)
    wave = np.cos(2 * np.pi * 0.3 * (x * np.cos(turn) - y * np.sin(turn))).astype(np.float32)
    data = polar_spectrum(spectrum_of(wave, n), sectors=12)
    ring = round(0.3 * n)
    assert int(np.argmax(data.log_power[:, ring])) == angle // 15


def test_what_is_round_is_the_same_in_all_sectors():
    n = 256
    power = (np.abs(Disk(9).otf((n, n))) ** 2 + 0.01).astype(np.float32)
    data = polar_spectrum(Spectrum(power, 1))
    full = data.count > 30
    mean = np.sum(data.count * data.log_power, axis=0) / np.maximum(data.count.sum(axis=0), 1)
    assert full.sum() > 100
    assert np.abs(data.log_power - mean)[full].max() < 0.1


def test_axes_do_not_matter():
    plain = spectrum_of(white_scene(Motion(9, angle=30), 256), 64)
    power = plain.power.copy()
    power[:3] = 1e6
    power[-2:] = 0
    power[:, :3] = 1e6
    found = polar_spectrum(Spectrum(power, plain.blocks))
    np.testing.assert_array_equal(found.log_power, polar_spectrum(plain).log_power)


def test_wider_cells_hold_the_same_frequencies():
    spectrum = spectrum_of(white_scene(Disk(9), 256, noise=0.1), 128)
    fine, wide = polar_spectrum(spectrum), polar_spectrum(spectrum, step=3.3 / 128)
    np.testing.assert_array_equal(fine.count.sum(axis=1), wide.count.sum(axis=1))
    np.testing.assert_allclose(
        np.sum(fine.count * fine.log_power, axis=1), np.sum(wide.count * wide.log_power, axis=1)
    )
    narrower = polar_spectrum(spectrum, step=0.1 / 128)  # than the spectrum resolves
    np.testing.assert_array_equal(narrower.log_power, fine.log_power)


@pytest.mark.parametrize("merge", [2, 3, 5])
def test_coarsening_keeps_counts_and_sums(merge):
    fine = polar_spectrum(spectrum_of(white_scene(Disk(9), 256, noise=0.1), 128))
    wide = coarsened(fine, (merge + 0.4) / 128)
    assert wide.log_power.shape == (12, -(-fine.log_power.shape[1] // merge))
    np.testing.assert_allclose(wide.count.sum(axis=1), fine.count.sum(axis=1))
    for name in ("log_power", "frequency"):
        before, after = getattr(fine, name), getattr(wide, name)
        np.testing.assert_allclose(
            np.sum(wide.count * after), np.sum(fine.count * before), err_msg=name
        )
    inside = slice(9 * merge, 10 * merge)
    by_hand = np.average(fine.log_power[:, inside], axis=1, weights=fine.count[:, inside])
    np.testing.assert_allclose(wide.log_power[:, 9], by_hand)
    assert np.all(np.diff(wide.frequency) > 0)
    assert (wide.resolution, wide.blocks) == (fine.resolution, fine.blocks)


def test_coarsening_to_a_step_it_already_has_changes_nothing():
    fine = polar_spectrum(spectrum_of(white_scene(Disk(9), 256), 128))
    assert coarsened(fine, 1.9 / 128) is fine


def test_empty_circles_take_the_mean_of_their_neighbours():
    radius = np.array([1, 1, 3])
    found = on_circle(np.array([1.0, 3.0, 10.0]), radius, np.bincount(radius, minlength=6))
    np.testing.assert_allclose(found, [2, 2, 6, 10, 10, 10])


def test_arrays_that_a_cache_keeps_are_read_only():
    spectrum = Spectrum(np.ones((64, 33), np.float32), 1)
    profile, polar = radial_profile(power_cepstrum(spectrum)), polar_spectrum(spectrum)
    for array in (profile.quefrency, profile.count, polar.frequency, polar.count, polar.distance):
        with pytest.raises(ValueError, match="read-only"):
            array *= 3
    with pytest.raises(ValueError, match="read-only"):
        ring_depth(profile)[0] = 1
