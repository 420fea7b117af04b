"""The network and what it is given: its arithmetic, its symmetries, what it gains."""

import numpy as np
import pytest
from degrade import blur_valid, record, scene, sharp_names, valid_slices
from scipy.ndimage import correlate

from cepstro import Disk, deblur
from cepstro.light import linear_to_srgb
from cepstro.restore import learned, network


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def planes(rng, shape=(40, 56)):
    base = rng.random(shape, np.float32)
    return base, [base + 0.1 * rng.standard_normal(shape).astype(np.float32) for _ in range(3)]


def room(channels, shape):
    return network._empty({}, 0, (shape[0], channels, shape[1]))


def framed(x):
    """C x H x W as the network keeps it: rows x channels x columns with a rim of zeros."""
    out = room(len(x), x.shape[1:])
    network._inner(out)[...] = x.swapaxes(0, 1)
    return out


def unframed(x):
    return network._inner(x).swapaxes(0, 1)


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("shape", [(5, 7), (16, 24), (33, 130), (40, 6000)])
def test_convolutions_are_scipys_with_zeros_beyond(rng, monkeypatch, shape, threads):
    monkeypatch.setenv("CEPSTRO_THREADS", threads)
    x = rng.standard_normal((3, *shape)).astype(np.float32)
    first, second = (rng.standard_normal((4, n, 3, 3)).astype(np.float32) for n in (3, 4))

    def convolved(x, kernels):
        return [
            sum(
                correlate(plane, part, mode="constant")
                for plane, part in zip(x, kernel, strict=True)
            )
            for kernel in kernels
        ]

    expected = np.array(convolved(np.maximum(convolved(x, first), 0), second))
    weights = [kernels.transpose(0, 2, 3, 1).reshape(4, -1) for kernels in (first, second)]
    for last, values in ((True, expected), (False, np.maximum(expected, 0))):
        found = network._pair(framed(x), *weights, room(4, shape), last=last)
        np.testing.assert_allclose(unframed(found), values, atol=1e-3)
        assert not found[0].any() and not found[-1].any()
        assert not found[..., 0].any() and not found[..., -1].any()


def test_coarse_pixels_are_mixed_from_four_and_back_to_four(rng):
    x = rng.standard_normal((3, 8, 10)).astype(np.float32)
    down = rng.standard_normal((5, 2, 2, 3)).astype(np.float32)
    coarse = np.zeros((5, 4, 5))
    for i in range(2):
        for j in range(2):
            coarse += np.einsum("oc,cyx->oyx", down[:, i, j], x[:, i::2, j::2])
    coarse = np.maximum(coarse, 0)
    made = network._down(framed(x), down.reshape(5, -1), room(5, (4, 5)))
    np.testing.assert_allclose(unframed(made), coarse, atol=1e-4)
    up = rng.standard_normal((2, 2, 3, 5)).astype(np.float32)
    expected = x.copy()
    for i in range(2):
        for j in range(2):
            expected[:, i::2, j::2] += np.einsum("co,oyx->cyx", up[i, j], coarse)
    fine = framed(x)
    network._up(fine, made, up.reshape(-1, 5))
    np.testing.assert_allclose(unframed(fine), np.maximum(expected, 0), atol=1e-4)


@pytest.mark.parametrize("stage", [1, 2])
def test_correction_grows_with_contrast_and_noise(rng, stage):
    base, others = planes(rng)
    change = network.correct(stage, base, others, 0.5, 0.02) - base
    three = [3 * (plane - 0.5) + 0.5 for plane in (base, *others)]
    threefold = network.correct(stage, three[0], three[1:], 0.5, 0.06) - three[0]
    assert np.abs(change).max() > 1e-3
    np.testing.assert_allclose(threefold, 3 * change, atol=1e-4)


def test_four_turns_make_the_correction_of_a_turned_picture_the_turned_one(rng):
    base, others = planes(rng, (40, 48))
    straight = network.correct(2, base, others, 0.5, 0.02, turns=4)
    turned = network.correct(
        2, np.rot90(base), [np.rot90(other) for other in others], 0.5, 0.02, turns=4
    )
    np.testing.assert_allclose(np.rot90(turned, -1), straight, atol=1e-5)


def test_arguments_are_left_alone_and_any_size_will_do(rng):
    base, others = planes(rng, (37, 51))
    before = base.copy(), [other.copy() for other in others]
    assert network.correct(1, base, others, 0.5, 0.02).shape == (37, 51)
    np.testing.assert_array_equal(base, before[0])
    np.testing.assert_array_equal(others, before[1])


def test_networks_gain_over_the_estimates_they_are_given(monkeypatch):
    name = "skimage_astronaut.png"
    if name not in sharp_names():
        pytest.skip("shared/data is not here")
    photo = scene(name, 240, 320)
    psf = Disk(8)
    truth = linear_to_srgb(photo[valid_slices(photo.shape, psf)])
    blurred = record(blur_valid(photo, psf), noise=2.55)

    def error() -> float:
        return float(np.mean((deblur(blurred, psf) / 255 - truth) ** 2))

    with_networks = error()
    monkeypatch.setattr(learned, "correct", lambda stage, base, *_, turns: base)
    assert with_networks < 0.93 * error()


def test_correction_of_an_area_is_the_wholes_however_it_is_turned(rng):
    base, others = planes(rng, (203, 165))
    whole = network.correct(2, base, others, 0.5, 0.02, turns=4)
    part = (slice(48, 168), slice(24, 144))
    area = network.correct(2, base[part], [other[part] for other in others], 0.5, 0.02, turns=4)
    np.testing.assert_allclose(area[48:72, 48:72], whole[96:120, 72:96], atol=1e-5)
