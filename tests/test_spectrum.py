"""Power spectra of blocks: scale, coverage, tapers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cepstro.spectrum import corners, cut, power_spectrum, taper


@pytest.mark.parametrize("rolloff", [1.0, 0.3, 0.0])
@pytest.mark.parametrize("side", [32, 45])
def test_white_noise_of_sigma_s_has_power_s_squared_everywhere(side, rolloff):
    sigma = 0.03
    plane = sigma * np.random.default_rng(4).standard_normal((720, 900)).astype(np.float32)
    spectrum = power_spectrum(cut(plane, side), rolloff=rolloff)
    ratio = spectrum.power / sigma**2
    rows = np.abs(np.fft.fftfreq(side) * side)[:, None]
    columns = np.arange(side // 2 + 1)[None, :]
    far = (rows > 2) | (columns > 2)  # the mean of each block is gone
    # Overlapping tapered blocks are worth at least 4 / 9 of as many independent ones.
    scatter = np.sqrt(2 * 9 / 4 / spectrum.blocks)  # of the real bins; the others have half of it
    assert np.abs(ratio[far] - 1).max() < 5 * scatter
    assert ratio[far].mean() == pytest.approx(1, abs=0.01)
    for part in (rows <= 2, columns <= 2, columns == side // 2, (rows > side / 4)):
        assert np.broadcast_to(ratio, far.shape)[far & part].mean() == pytest.approx(1, abs=0.06)


def test_power_is_the_mean_over_the_blocks_and_their_number_is_told():
    blocks = np.random.default_rng(5).standard_normal((3, 16, 16)).astype(np.float32)
    each = [power_spectrum([block]).power for block in blocks]
    all_of = power_spectrum(iter(blocks))
    assert (all_of.blocks, all_of.side, all_of.power.dtype) == (3, 16, np.float32)
    np.testing.assert_allclose(all_of.power, np.mean(each, axis=0), rtol=1e-5)


def test_brightness_does_not_show_and_contrast_shows_squared():
    block = np.random.default_rng(6).standard_normal((40, 40)).astype(np.float32)
    plain = power_spectrum([block]).power
    np.testing.assert_allclose(power_spectrum([block + 100]).power, plain, atol=2e-3)
    np.testing.assert_allclose(power_spectrum([3 * block]).power, 9 * plain, rtol=1e-4)


def test_wave_shows_at_its_own_frequency_and_nowhere_else():
    n = 64
    y, x = np.mgrid[:n, :n]
    wave = np.cos(2 * np.pi * (-5 * y + 9 * x) / n).astype(np.float32)
    power = power_spectrum([wave]).power
    peak = np.unravel_index(int(np.argmax(power)), power.shape)
    assert peak == (n - 5, 9)
    # Of the Hann window: 1 at the peak, 1 / 4 next to it in amplitude, nothing beyond.
    assert power[n - 5, 10] / power[peak] == pytest.approx(0.25, rel=0.01)
    assert power[n - 5, 11] < 1e-4 * power[peak]


def test_blocks_are_not_changed():
    block = np.random.default_rng(7).random((24, 24)).astype(np.float32)
    before = block.copy()
    power_spectrum([block])
    np.testing.assert_array_equal(block, before)


def test_spectrum_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one block"):
        power_spectrum([])


def test_taper_is_a_hann_window_flat_in_the_middle_where_asked():
    n = 50
    hann = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
    np.testing.assert_allclose(taper(n), hann, atol=1e-6)
    half = taper(n, rolloff=0.5)
    np.testing.assert_array_equal(half, half[::-1])
    np.testing.assert_array_equal(half[13:37], 1)
    assert np.all(np.diff(half[:13]) > 0)
    assert half[0] > 0
    np.testing.assert_array_equal(taper(n, rolloff=0), 1)


@pytest.mark.parametrize("wrong", [-0.1, 1.1])
def test_wrong_taper_and_overlap_are_named(wrong):
    with pytest.raises(ValueError, match=rf"rolloff .*{wrong:g}"):
        taper(8, rolloff=wrong)
    with pytest.raises(ValueError, match=rf"overlap .*{wrong:g}"):
        corners((30, 30), 8, overlap=wrong)


SHAPES = st.tuples(st.integers(8, 400), st.integers(8, 400))


@settings(deadline=None, max_examples=80)
@given(shape=SHAPES, part=st.floats(0.05, 1), overlap=st.sampled_from([0.0, 0.3, 0.5, 0.75]))
def test_corners_cover_a_photo_of_any_aspect(shape, part, overlap):
    side = max(4, int(part * min(shape)))
    places = corners(shape, side, overlap=overlap)
    assert places == sorted(set(places))
    for axis, length in enumerate(shape):
        starts = sorted({place[axis] for place in places})
        assert starts[0] == 0 or len(starts) == 1
        if length > side:
            assert starts[0] == 0
            assert starts[-1] == length - side
        steps = np.diff(starts)
        assert np.all(steps <= np.ceil(side * (1 - overlap)))
        assert len(steps) == 0 or np.ptp(steps) <= 1  # spread evenly
    seen = np.zeros(shape, bool)
    for top, left in places:
        block = seen[top : top + side, left : left + side]
        assert block.shape == (side, side)
        block[:] = True
    assert seen.all()


def test_blocks_that_overlap_nearly_whole_lie_a_pixel_apart():
    every = [(top, left) for top in range(23) for left in range(33)]
    assert corners((30, 40), 8, overlap=1 - 1e-6) == every


def test_cut_gives_views_in_the_order_of_the_corners():
    plane = np.arange(30 * 50, dtype=np.float32).reshape(30, 50)
    blocks = list(cut(plane, 16))
    places = corners((30, 50), 16)
    assert [int(block[0, 0]) for block in blocks] == [50 * top + left for top, left in places]
    assert all(np.shares_memory(block, plane) for block in blocks)
