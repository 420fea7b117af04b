"""The power cepstrum: rings and spots where they must be, axes that do not matter."""

import numpy as np
import pytest
from spectra import spectrum_of, white_scene

from cepstro.cepstrum import power_cepstrum, whitened_cepstrum
from cepstro.psf import Disk, Gaussian, Motion
from cepstro.radial import radial_profile
from cepstro.spectrum import Spectrum


def exact(psf, side: int, *, floor: float = 1e-3) -> Spectrum:
    """The spectrum of a blur alone."""
    power = np.abs(psf.otf((side, side))) ** 2 + floor
    return Spectrum(power.astype(np.float32), 1)


def spot(cepstrum: np.ndarray, *, nearest: float = 4) -> tuple[int, int]:
    """(dy, dx) of the darkest sample away from the origin, in the half of dx >= 0."""
    n = cepstrum.shape[0]
    y, x = np.mgrid[:n, :n] - n // 2
    allowed = (np.hypot(y, x) > nearest) & (x >= 0)
    index = np.argmin(np.where(allowed, cepstrum, np.inf))
    return int(y.ravel()[index]), int(x.ravel()[index])


@pytest.mark.parametrize("diameter", [5.4, 8.3, 15.0, 27.6, 41.0])
@pytest.mark.parametrize("side", [256, 401])
def test_dark_ring_of_a_disk_lies_at_its_diameter_or_a_little_below(diameter, side):
    profile = radial_profile(power_cepstrum(exact(Disk(diameter), side)))
    darkest = 3 + int(np.argmin(profile.mean[3:]))
    # The first gap between zeros is wider than the others: it reads up to 0.7 px low; profiles are
    # sampled once a px.
    assert -0.7 - 0.5 < profile.quefrency[darkest] - diameter < 0.5


def test_ring_is_as_dark_in_all_directions():
    cepstrum = power_cepstrum(exact(Disk(20), 256))
    y, x = np.mgrid[:256, :256] - 128
    turn = np.arctan2(y, x)
    on_ring = np.abs(np.hypot(y, x) - 19.6) < 0.7
    depths = [
        cepstrum[on_ring & (turn > low) & (turn <= low + np.pi / 4)].mean()
        for low in np.arange(-4, 4) * np.pi / 4
    ]
    assert max(depths) < 0
    assert np.std(depths) < 0.03 * abs(np.mean(depths))


@pytest.mark.parametrize("side", [18, 21])
def test_cepstrum_is_the_inverse_transform_of_the_log_power(side):
    rng = np.random.default_rng(8)
    power = np.abs(np.fft.rfft2(rng.standard_normal((side, side)))).astype(np.float32) ** 2
    # Bins next to the axes take the mean of their circle, by the book:
    full = np.log(np.abs(np.fft.fft2(np.fft.irfft2(np.sqrt(power), (side, side)))) ** 2)
    k = np.abs(np.fft.fftfreq(side) * side)
    half = np.arange(side // 2 + 1)
    rows, columns = np.meshgrid(k, half, indexing="ij")
    radius = np.rint(np.hypot(rows, columns))
    on_axis = (rows <= 2.5) | (columns <= 2.5)
    known = sorted(set(radius[~on_axis]))
    mean = [np.log(power)[~on_axis & (radius == r)].mean() for r in known]
    for i, ky in enumerate(k):
        for j, kx in enumerate(k):
            if min(ky, kx) <= 2.5:
                full[i, j] = np.interp(np.rint(np.hypot(ky, kx)), known, mean)
    expected = np.fft.fftshift(np.fft.ifft2(full).real)
    found = power_cepstrum(Spectrum(power, 1))
    assert found.dtype == np.float32
    assert found.shape == (side, side)
    expected[side // 2, side // 2] = found[side // 2, side // 2]  # the mean, which it loses
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize("side", [64, 75])
def test_cepstrum_is_the_same_at_opposite_quefrencies(side):
    cepstrum = power_cepstrum(spectrum_of(white_scene(Disk(7), 256, noise=0.01), side))
    middle = cepstrum[1 - side % 2 :, 1 - side % 2 :]
    np.testing.assert_allclose(middle, middle[::-1, ::-1], atol=1e-6)


def test_exposure_does_not_show():
    spectrum = spectrum_of(white_scene(Disk(7), 256, noise=0.01), 128)
    brighter = Spectrum(np.float32(37) * spectrum.power, spectrum.blocks)
    np.testing.assert_allclose(power_cepstrum(brighter), power_cepstrum(spectrum), atol=1e-6)
    np.testing.assert_allclose(whitened_cepstrum(brighter), whitened_cepstrum(spectrum), atol=1e-6)


@pytest.mark.parametrize("cepstrum_of", [power_cepstrum, whitened_cepstrum])
def test_lines_and_grids_along_the_axes_do_not_show(cepstrum_of):
    n = 128
    plain = spectrum_of(white_scene(Disk(11), 512, noise=0.01), n)
    power = plain.power.copy()
    power[:3] *= 1e3  # upright edges
    power[-2:] *= 1e3
    power[:, :3] *= 1e4  # horizons
    power[:: n // 8, 0] *= 1e5  # the 8 x 8 grid of JPEG
    power[0, :: n // 8] *= 1e5
    np.testing.assert_array_equal(cepstrum_of(Spectrum(power, plain.blocks)), cepstrum_of(plain))


@pytest.mark.parametrize(("length", "angle"), [(14, 35), (14, -35), (20, 70), (9, -62)])
@pytest.mark.parametrize("cepstrum_of", [power_cepstrum, whitened_cepstrum])
def test_motion_shows_as_a_dark_spot_at_its_length_and_on_its_side(cepstrum_of, length, angle):
    spectrum = spectrum_of(white_scene(Motion(length, angle=angle), 512, noise=0.02), 128)
    dy, dx = spot(cepstrum_of(spectrum))
    assert dx == pytest.approx(length * np.cos(np.radians(angle)), abs=1)
    assert dy == pytest.approx(-length * np.sin(np.radians(angle)), abs=1)  # rows run down


def test_whitening_leaves_nothing_of_what_is_round():
    round_one = exact(Gaussian(1.5), 128)
    y, x = np.mgrid[:128, :128] - 64
    away = np.hypot(y, x) > 4
    plain = np.abs(power_cepstrum(round_one)[away]).max()
    assert np.abs(whitened_cepstrum(round_one)[away]).max() < 0.2 * plain


def test_spectrum_is_not_changed():
    spectrum = spectrum_of(white_scene(Disk(7), 256), 64)
    before = spectrum.power.copy()
    power_cepstrum(spectrum)
    whitened_cepstrum(spectrum)
    np.testing.assert_array_equal(spectrum.power, before)


@pytest.mark.parametrize("cepstrum_of", [power_cepstrum, whitened_cepstrum])
def test_empty_spectrum_gives_finite_numbers(cepstrum_of):
    power = np.zeros((64, 33), np.float32)
    assert np.isfinite(cepstrum_of(Spectrum(power, 1))).all()
